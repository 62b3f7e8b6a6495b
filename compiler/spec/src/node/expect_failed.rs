use forge_diag::{Sink, Span, Spanned};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Node};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "expect-failed",
    doc: "A unit that fails in a booted container and is known to. Any other failed unit fails \
          the boot test; so does this one when it does not fail.",
    args: &[Field::required("unit", "unit's name", "`.service` is added when it has no ending")],
    props: &[Field::required("because", "text", "why")],
    children: &[],
    example: "expect-failed \"slurmd.service\" because=\"no controller on the builder\"",
};

/// A unit that is known to fail.
#[derive(Clone, Debug)]
pub(crate) struct ExpectFailedDecl {
    pub(crate) head: Span,
    pub(crate) unit: Spanned<String>,
    pub(crate) because: String,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<ExpectFailedDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let unit = cursor.arg("unit");
    let because = cursor.required_prop::<String>("because");
    cursor.finish(sink);
    Some(ExpectFailedDecl { head: node.head, unit: unit?, because: because?.value })
}
