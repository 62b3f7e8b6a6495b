use forge_diag::{Diagnostic, codes};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "exclude-paths",
    doc: "Paths that dpkg leaves out of the packages of this role and of later ones, in the build \
          and in the image. What an earlier layer brought stays.",
    args: &[Field::required(
        "pattern",
        "absolute path or pattern",
        "one or more; dpkg's `*` matches slashes too",
    )],
    props: &[OVERRIDE],
    children: &[],
    example: "exclude-paths \"/usr/share/doc/*\" \"/usr/share/man/*\"",
};

#[derive(Debug)]
struct ExcludeDecl {
    patterns: Vec<TextAt>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let patterns: Vec<TextAt> = cursor.some_args("pattern");
    (!patterns.is_empty()).then(|| Box::new(ExcludeDecl { patterns }) as Box<dyn Declaration>)
}

impl Declaration for ExcludeDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let mut patterns = Vec::new();
        for pattern in cx.texts(&self.patterns) {
            if pattern.value.starts_with('/') && !pattern.value.contains(char::is_control) {
                patterns.push(pattern.value);
            } else {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_PATH,
                        format!("`{}` matches nothing", pattern.value),
                    )
                    .at(pattern.span, "dpkg's patterns begin with `/`"),
                );
            }
        }
        (!patterns.is_empty()).then_some(ItemKind::ExcludePaths { patterns })
    }
}
