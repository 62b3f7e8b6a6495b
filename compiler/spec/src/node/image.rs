use std::sync::Arc;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node, quote};

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
    props: &[FROM],
    children: &[DOC, BASE, SET, KERNEL, OUTPUT, EXPECT_FAILED, DROP_ROLE],
    example: "image \"summit-gpu\" from=\"summit-compute\" { set type=\"gpu\"; role \"gpu\" count=4 }",
};

// A matrix and its cells have what an image has.
pub(crate) const FROM: Field =
    Field::optional("from", "name of an `image`", "the image to begin with");
pub(crate) const DOC: Child = Child::new("doc", "what the image is for, in a line");
pub(crate) const BASE: Child =
    Child::new("base", "name of a `base`; an image made `from` another has the other's")
        .takes("name of a `base`");
pub(crate) const SET: Child = Child::new(
    "set",
    "parameters that every role of the image may use, as properties or, for lists, child nodes",
);
pub(crate) const KERNEL: Child = Child::new("kernel", "the kernel");
pub(crate) const OUTPUT: Child = Child::new("output", "how the image is packed");
pub(crate) const EXPECT_FAILED: Child =
    Child::new("expect-failed", "a unit that fails on the builder");
pub(crate) const DROP_ROLE: Child =
    Child::new("drop-role", "names of roles of the other image that this one does not have")
        .takes("name of a `role`");

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
    /// What stands in it first.
    first: Option<Span>,
    /// It names no base and no image; one of a matrix has been looked at.
    stands_on_nothing: bool,
    /// What it is put together from, before what it says itself: the axes, the body and the
    /// matching cells of a matrix.
    pub(crate) below: Vec<Arc<ImageDecl>>,
}

impl ImageDecl {
    /// An image that says nothing.
    pub(crate) fn empty(name: Spanned<String>, head: Span) -> Self {
        Self {
            name,
            head,
            from: None,
            base: None,
            set: Vec::new(),
            kernel: None,
            output: None,
            expect_failed: Vec::new(),
            drop_roles: Vec::new(),
            body: Vec::new(),
            mentions: Mentions::default(),
            first: None,
            stands_on_nothing: false,
            below: Vec::new(),
        }
    }

    /// That it names nothing that it stands on, with the bases that it could.
    pub(crate) fn on_nothing<'a>(
        &self,
        bases: impl Iterator<Item = &'a String>,
    ) -> Option<Diagnostic> {
        /// A project has few; of the library's, nobody wants all.
        const MOST: usize = 4;
        if !self.stands_on_nothing {
            return None;
        }
        let found = Diagnostic::error(codes::SYNTAX_MISSING, "`image` stands on nothing")
            .at(self.head, "")
            .help("add `base \"NAME\"`, or `from=\"IMAGE\"`");
        Some(match self.first.map(|first| first.slice(0, 0)) {
            Some(first) => bases.take(MOST).fold(found, |found, base| {
                found.offer(first, format!("base {}\n    ", quote(base)))
            }),
            None => found,
        })
    }

    /// All that the image says, in order.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Self> {
        self.below.iter().map(|link| &**link).chain(std::iter::once(self))
    }
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
    let named = name.clone().unwrap_or_else(|| Spanned::new(String::new(), node.head));
    let mut decl = read(&mut cursor, named, "image", sink);
    let says_base = node.children.iter().any(|child| child.name.value == "base");
    decl.first = node.children.first().map(|child| child.head);
    decl.stands_on_nothing = from.is_none() && !says_base;
    decl.from = from;
    cursor.finish(sink);
    name.map(|_| decl)
}

/// What an image, a matrix or a cell says; what else stands in it has been taken before.
pub(crate) fn read(
    cursor: &mut Cursor<'_>,
    name: Spanned<String>,
    owner: &str,
    sink: &mut Sink,
) -> ImageDecl {
    let node = cursor.node();
    let base = cursor.child("base").and_then(|node| word(node, "base's name", sink));
    if let Some(doc) = cursor.child("doc") {
        word(doc, "text", sink);
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
    let more: Vec<&'static str> = KIND.children.iter().map(|child| child.name).collect();
    let body = statements(cursor.rest_children(), owner, &more, sink);
    ImageDecl {
        base,
        set,
        kernel,
        output,
        expect_failed,
        drop_roles,
        body,
        mentions: Mentions::of(&node.children),
        ..ImageDecl::empty(name, node.head)
    }
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

pub(crate) fn is_image_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        })
}
