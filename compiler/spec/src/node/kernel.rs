use forge_diag::Sink;
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node};

use super::packages::is_package;
use super::{TextAt, bad_name, bad_value};
use crate::ResolvedKernel;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "kernel",
    doc: "The kernel that the image boots.",
    args: &[Field::required("package", "package's name", "the package that brings it")],
    props: &[],
    children: &[Child::new("cmdline", "the kernel's command line, one text")],
    example: "kernel \"linux-image-amd64\" { cmdline \"console=ttyS0,115200 quiet\" }",
};

/// A declared kernel.
#[derive(Debug)]
pub(crate) struct KernelDecl {
    package: TextAt,
    cmdline: Option<TextAt>,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<KernelDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let package = cursor.arg("package");
    let cmdline = cursor.child("cmdline").and_then(|node| {
        let mut below = Cursor::new(node);
        let text = below.arg("text");
        below.finish(sink);
        text
    });
    cursor.finish(sink);
    Some(KernelDecl { package: package?, cmdline })
}

impl KernelDecl {
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> Option<ResolvedKernel> {
        let name = cx.text(&self.package)?;
        if !is_package(&name) {
            let headline = format!("`{name}` is no name of a package");
            cx.report(bad_name(self.package.span, headline));
            return None;
        }
        let package = cx.located(self.package.clone().map(|_| name));
        let cmdline = cx.optional_text(self.cmdline.as_ref());
        if let (Some(text), Some(at)) = (&cmdline, &self.cmdline)
            && text.contains('\n')
        {
            cx.report(bad_value(at.span, "a command line is one line", "more than one line"));
        }
        Some(ResolvedKernel { package, cmdline })
    }
}
