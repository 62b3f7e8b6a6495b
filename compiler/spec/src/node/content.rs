use forge_diag::{Diagnostic, Span, codes};
use forge_model::Content;
use forge_syntax::Cursor;
use forge_syntax::reference::{Child, Field, NodeKind};

use super::TextAt;
use crate::context::Context;
use crate::template;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "content",
    doc: "What a file holds, written in the spec. Exactly one line break is put at the end, \
          unless the text is empty.",
    args: &[Field::required("text", "text", "the content; `${name}` is put in")],
    props: &[Field::default("newline", "truth value", "#true", "end with one line break")],
    children: &[],
    example: "content \"GPUS=4\"",
};

/// `source=`, as files and units have it.
pub(crate) const SOURCE: Field =
    Field::optional("source", "path in the project", "the file's bytes, as they are");
/// `template=`, as files and units have it.
pub(crate) const TEMPLATE: Field = Field::optional(
    "template",
    "path in the project",
    "a minijinja template; it sees every parameter (`-` written as `_`), the image's `set` values, \
     and `image`, `cluster` and `type`; what is undefined is an error",
);
/// `content`, as files and units have it.
pub(crate) const CHILD: Child = Child::new("content", "the content, written in the spec");

/// Where a declared file's bytes come from.
#[derive(Debug)]
pub(crate) enum ContentDecl {
    Inline { text: TextAt, newline: bool },
    Source(TextAt),
    Template(TextAt),
}

impl ContentDecl {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Inline { text, .. } | Self::Source(text) | Self::Template(text) => text.span,
        }
    }

    /// The bytes with parameters put in.
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> Option<Content> {
        match self {
            Self::Inline { text, newline } => {
                let text = cx.text(text)?;
                if !newline || text.is_empty() {
                    return Some(Content::Text(text));
                }
                Some(Content::Text(format!("{}\n", text.trim_end_matches('\n'))))
            }
            Self::Source(path) => cx.source(path).map(Content::Source),
            Self::Template(path) => {
                let project_path = cx.project_path(path)?;
                template::render(cx, path.span, &project_path).map(Content::Text)
            }
        }
    }
}

/// All contents that a node gives; more than one is reported.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<ContentDecl> {
    let source = cursor.prop("source").map(ContentDecl::Source);
    let template = cursor.prop("template").map(ContentDecl::Template);
    let inline = cursor.child("content").and_then(|node| {
        let (mut below, mut found) = (Cursor::of(node, &KIND), forge_diag::Sink::new());
        let text = below.arg("text");
        let newline = below.prop::<bool>("newline").is_none_or(|value| value.value);
        below.finish(&mut found);
        found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
        text.map(|text| ContentDecl::Inline { text, newline })
    });
    let mut given = [source, template, inline].into_iter().flatten();
    let first = given.next()?;
    for again in given {
        cursor.report(twice(first.span(), again.span()));
    }
    Some(first)
}

pub(crate) fn twice(first: Span, again: Span) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX_DUPLICATE, "the content is given twice")
        .at(again, "and again here")
        .and(first, "first here")
        .help("keep one of `content`, `source`, `template` and `secret`")
}
