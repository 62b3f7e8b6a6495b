use forge_diag::{Diagnostic, codes};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, one_of};
use crate::ItemKind;
use crate::context::Context;
use crate::system::{HostKeys, Identity, SystemFact};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "identity",
    doc: "What is each node's own is made when it boots, and never shared by an image. That holds \
          without this node too: no image has a machine-id, and one with `openssh-server` makes \
          its host keys at boot. Said here, it binds what else the image says.",
    args: &[],
    props: &[
        Field::optional("machine-id", "\"boot\"", "`/etc/machine-id` is there and empty"),
        Field::optional(
            "ssh-host-keys",
            "\"boot\" or \"none\"",
            "made at boot by `ssh-host-keys.service`; not made by forge, for keys that come from \
             elsewhere",
        ),
        Field::optional(
            "hostname",
            "\"dhcp\"",
            "from the network or `systemd.hostname=` on the kernel's command line: there is no \
             `/etc/hostname`",
        ),
        OVERRIDE,
    ],
    children: &[],
    example: "identity machine-id=\"boot\" ssh-host-keys=\"boot\" hostname=\"dhcp\"",
};

#[derive(Debug)]
struct IdentityDecl(Identity);

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let mistakes = cursor.mistakes();
    let machine_id = one_of(cursor, "machine-id", &["boot"]).is_some();
    let host_keys = one_of(cursor, "ssh-host-keys", &["boot", "none"]);
    let host_keys = host_keys.map(|word| match word.value {
        "boot" => HostKeys::Boot,
        _ => HostKeys::None,
    });
    let hostname = one_of(cursor, "hostname", &["dhcp"]).is_some();
    let identity = Identity { machine_id, host_keys, hostname };
    if identity == Identity::default() && mistakes == cursor.mistakes() {
        let head = cursor.head();
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`identity` says nothing")
                .at(head, "")
                .help(format!("write `{}`", KIND.example)),
        );
        return None;
    }
    Some(Box::new(IdentityDecl(identity)))
}

impl Declaration for IdentityDecl {
    fn resolve(&self, _: &mut Context<'_>) -> Option<ItemKind> {
        Some(ItemKind::System(SystemFact::Identity(self.0)))
    }
}
