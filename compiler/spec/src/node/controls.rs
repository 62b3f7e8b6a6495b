use forge_control::WaiverDecl;
use forge_diag::{Sink, Spanned};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node};

use super::role::{Given, given};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "controls",
    doc: "Judges the image by profiles of controls; a failed control blocks packing. The \
          profiles' parameters are properties, those that are lists are child nodes.",
    args: &[Field::required("name", "name of a `profile`", "one or more")],
    props: &[],
    children: &[Child::new(
        "waive",
        "a control of theirs that may fail in these images until a day",
    )],
    example: "controls \"beegfs\" mgmtd=\"192.0.2.10\"",
};

/// A use of profiles.
#[derive(Debug)]
pub(crate) struct ControlsUse {
    pub(crate) names: Vec<Spanned<String>>,
    pub(crate) given: Vec<Given>,
    pub(crate) waivers: Vec<WaiverDecl>,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> ControlsUse {
    let mut cursor = Cursor::of(node, &KIND);
    let names = cursor.some_args("profile's name");
    let waivers = WaiverDecl::decode_all(&cursor.children("waive"), sink);
    let given = given(&mut cursor, sink);
    cursor.finish(sink);
    ControlsUse { names, given, waivers }
}
