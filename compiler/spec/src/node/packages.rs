use forge_diag::Sink;
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Node};

use super::{TextAt, bad_value};
use crate::PartPackages;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "packages",
    doc: "Packages to install, with what they depend on.",
    args: &[Field::required(
        "name",
        "package's name",
        "one or more; `\"${list}\"` gives all of a list",
    )],
    props: &[Field::default(
        "recommends",
        "truth value",
        "#false",
        "recommended packages come along",
    )],
    children: &[],
    example: "packages \"slurmd\" \"slurm-client\"",
};

/// One `packages` node.
#[derive(Debug)]
pub(crate) struct PackagesDecl {
    names: Vec<TextAt>,
    recommends: bool,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<PackagesDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let names = cursor.some_args("package's name");
    let recommends = cursor.prop::<bool>("recommends").is_some_and(|value| value.value);
    cursor.finish(sink);
    (!names.is_empty()).then_some(PackagesDecl { names, recommends })
}

impl PackagesDecl {
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> PartPackages {
        let mut names = Vec::new();
        for name in cx.texts(&self.names) {
            if is_package(&name.value) {
                names.push(cx.located(name));
            } else {
                let headline = format!("`{}` is no name of a package", name.value);
                cx.report(
                    bad_value(name.span, headline, "here")
                        .help("lower-case letters, digits and `+ - .`, two at least"),
                );
            }
        }
        PartPackages { names, recommends: self.recommends }
    }
}

/// Debian Policy 5.6.1, with `:ARCH` behind it as apt takes it.
pub(crate) fn is_package(name: &str) -> bool {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        })
}
