use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node};

use super::expect_failed::{self, ExpectFailedDecl};
use super::kernel::{self, KernelDecl};
use super::output::{self, OutputDecl};
use super::role::{Given, Mentions, given};
use super::{Statement, bad_name, statements};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "image",
    doc: "An image of a type of node. An image made `from` another begins with all that the other \
          says, and may say more; what it changes needs `override=#true`.",
    args: &[Field::required("name", "name", "its name, which its artifacts carry")],
    props: &[Field::optional("from", "name of an `image`", "the image to begin with")],
    children: &[
        Child::new("doc", "what the image is for, in a line"),
        Child::new("base", "name of a `base`; an image made `from` another has the other's")
            .takes("name of a `base`"),
        Child::new(
            "set",
            "parameters that every role of the image may use, as properties or, for lists, child nodes",
        ),
        Child::new("kernel", "the kernel"),
        Child::new("output", "how the image is packed"),
        Child::new("expect-failed", "a unit that fails on the builder"),
        Child::new("drop-role", "names of roles of the other image that this one does not have")
            .takes("name of a `role`"),
    ],
    example: "image \"summit-gpu\" from=\"summit-compute\" { set type=\"gpu\"; role \"gpu\" count=4; }",
};

/// A declared image.
#[derive(Debug)]
pub(crate) struct ImageDecl {
    pub(crate) name: Spanned<String>,
    pub(crate) head: Span,
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) base: Option<Spanned<String>>,
    pub(crate) set: Vec<Given>,
    pub(crate) kernel: Option<KernelDecl>,
    pub(crate) output: Option<OutputDecl>,
    pub(crate) expect_failed: Vec<ExpectFailedDecl>,
    pub(crate) drop_roles: Vec<Spanned<String>>,
    pub(crate) body: Vec<Statement>,
    pub(crate) mentions: Mentions,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<ImageDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name: Option<Spanned<String>> = cursor.arg("name");
    if let Some(name) = &name
        && !is_image_name(&name.value)
    {
        cursor.report(
            bad_name(name.span, format!("`{}` is no name of an image", name.value))
                .help("it names files: lower-case letters, digits, `.`, `_` and `-`"),
        );
    }
    let from = cursor.prop("from");
    let base = cursor.child("base").and_then(|node| word(node, "base's name", sink));
    if let Some(doc) = cursor.child("doc") {
        word(doc, "text", sink);
    }
    if base.is_none() && from.is_none() && !node.children.iter().any(|n| n.name.value == "base") {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_MISSING, "`image` stands on nothing")
                .at(node.head, "")
                .help("add `base \"NAME\"`, or `from=\"IMAGE\"`"),
        );
    }
    let set = cursor.children("set").into_iter().flat_map(|node| decode_set(node, sink)).collect();
    let kernel = cursor.child("kernel").and_then(|node| kernel::decode(node, sink));
    let output = cursor.child("output").and_then(|node| output::decode(node, sink));
    let expect_failed = cursor
        .children("expect-failed")
        .into_iter()
        .filter_map(|node| expect_failed::decode(node, sink))
        .collect();
    let mut drop_roles = Vec::new();
    for node in cursor.children("drop-role") {
        let mut below = Cursor::new(node);
        drop_roles.extend(below.some_args("role's name"));
        below.finish(sink);
    }
    let rest = cursor.rest_children();
    cursor.finish(sink);
    let more: Vec<&'static str> = KIND.children.iter().map(|child| child.name).collect();
    let mentions = Mentions::of(&node.children);
    let body = statements(rest, "image", &more, sink);
    Some(ImageDecl {
        name: name?,
        head: node.head,
        from,
        base,
        set,
        kernel,
        output,
        expect_failed,
        drop_roles,
        body,
        mentions,
    })
}

fn decode_set(node: &Node, sink: &mut Sink) -> Vec<Given> {
    let mut cursor = Cursor::new(node);
    let set = given(&mut cursor, sink);
    if set.is_empty() && cursor.mistakes() == 0 && node.entries.is_empty() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`set` sets nothing")
                .at(node.head, "")
                .help("for example `set cluster=\"summit\" type=\"compute\"`"),
        );
    }
    cursor.finish(sink);
    set
}

fn word(node: &Node, what: &str, sink: &mut Sink) -> Option<Spanned<String>> {
    let mut cursor = Cursor::new(node);
    let word = cursor.arg(what);
    cursor.finish(sink);
    word
}

fn is_image_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        })
}
