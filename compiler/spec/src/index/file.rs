use std::collections::BTreeSet;
use std::sync::Arc;

use forge_diag::{SourceMap, Span};
use forge_syntax::{Outline, outline};

use super::template::TemplateUse;
use super::{Mention, Symbol, walk};

/// What one spec file declares and speaks of. Its spans are of a source map of its own.
#[derive(Clone, Debug)]
pub struct IndexedFile {
    /// Its path, relative to the project's root.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// Its nodes.
    pub outline: Outline,
    /// Every place that speaks of a name, in the order of the text.
    pub mentions: Vec<Mention>,
    /// What it declares.
    pub declarations: Vec<Declaration>,
    /// Names that its images set.
    pub(crate) set: BTreeSet<String>,
    /// Templates that it names.
    pub(crate) templates: Vec<TemplateUse>,
}

/// Something that is declared.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// What.
    pub symbol: Symbol,
    /// Its name, as it stands there.
    pub name: Span,
    /// Its node, without and with its block.
    pub head: Span,
    /// With its block.
    pub span: Span,
    /// What `doc` says.
    pub doc: Option<String>,
}

impl IndexedFile {
    /// Reads a file, whole or half written.
    pub fn new(path: impl Into<Arc<str>>, text: Arc<str>) -> Self {
        let path = path.into();
        let file = SourceMap::new().add(path.clone(), "");
        let outline = outline(file, &text);
        let found = walk::walk(&path, &text, &outline.nodes);
        let walk::Found { mut mentions, declarations, set, templates } = found;
        mentions.sort_by_key(|one| (one.start, one.end));
        Self { path, text, outline, mentions, declarations, set, templates }
    }

    /// The text of a span of this file.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}
