use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt, bad_name};
use crate::ItemKind;
use crate::context::Context;
use crate::system::SystemFact;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "hostname",
    doc: "The host name of every node that boots the image, in `/etc/hostname`: for an image that \
          one machine boots. Nodes that share an image take theirs from the network or from \
          `systemd.hostname=` on the kernel's command line.",
    args: &[Field::required("name", "host name", "with or without its domain")],
    props: &[OVERRIDE],
    children: &[],
    example: "hostname \"login1.example.org\"",
};

#[derive(Debug)]
struct HostnameDecl {
    name: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    Some(Box::new(HostnameDecl { name: name? }))
}

impl Declaration for HostnameDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name)?;
        // The kernel takes 64 bytes, and names of hosts are compared without case.
        let good = name.len() <= 64 && name.split('.').all(is_label);
        if !good {
            cx.report(bad_name(self.name.span, format!("`{name}` is no name of a host")).help(
                "lower-case letters, digits and `-` between them, in labels with `.` between; \
                     64 at most",
            ));
            return None;
        }
        Some(ItemKind::System(SystemFact::Hostname(name)))
    }
}

/// A label of RFC 1123, in lower case.
fn is_label(label: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(good)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
