//! Owners that nothing in an image can create.

use forge_model::User;
use std::collections::BTreeSet;

use forge_diag::{Diagnostic, codes};

use super::part::Built;
use crate::context::Context;
use crate::{BaseKind, FileTree, ItemKind, ResolvedBase};

/// Accounts and groups that Debian's `base-passwd` and the essential packages make
/// (`/usr/share/base-passwd/{passwd,group}.master` of Debian 12), and `_apt`.
const OF_DEBIAN: [&str; 46] = [
    "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy",
    "www-data", "backup", "list", "irc", "nobody", "nogroup", "adm", "tty", "disk", "kmem",
    "dialout", "fax", "voice", "cdrom", "floppy", "tape", "sudo", "audio", "dip", "operator",
    "src", "shadow", "utmp", "video", "sasl", "plugdev", "staff", "users", "gnats", "_apt",
    "crontab", "input", "sgx", "kvm",
];

/// Reports owners of declared files where it is certain that nothing makes them: a Debian base
/// alone, without packages and scripts. What a package's script creates cannot be known here.
pub(crate) fn check(
    cx: &mut Context<'_>,
    base: Option<&ResolvedBase>,
    kernel: bool,
    parts: &[Built],
) {
    let minimal = match base.map(|base| &base.kind) {
        Some(BaseKind::Debian { include, .. }) => include.is_empty(),
        Some(BaseKind::Archive { .. } | BaseKind::Tree { .. }) | None => false,
    };
    let packages = parts.iter().any(|built| !built.part.packages.is_empty());
    let items =
        || parts.iter().flat_map(|part| &part.items).map(|built| (&built.item, &built.span));
    let scripts = items().any(|(item, _)| matches!(item.kind, ItemKind::Run { .. }));
    if !minimal || kernel || packages || scripts {
        return;
    }
    let mut users: BTreeSet<&str> = OF_DEBIAN.into_iter().collect();
    let mut groups = users.clone();
    for (item, _) in items() {
        match &item.kind {
            ItemKind::User { user: User { name, group, .. }, .. } => {
                users.insert(name);
                if group.is_none() {
                    groups.insert(name);
                }
            }
            ItemKind::Group { name, .. } => {
                groups.insert(name);
            }
            _ => {}
        }
    }
    for (item, span) in items() {
        let (ItemKind::File { owner, group, .. }
        | ItemKind::SecretFile { owner, group, .. }
        | ItemKind::Unpack { owner, group, .. }
        | ItemKind::Tree(FileTree { owner, group, .. })
        | ItemKind::Directory { owner, group, .. }) = &item.kind
        else {
            continue;
        };
        for (word, name, known) in [("user", owner, &users), ("group", group, &groups)] {
            if !known.contains(name.as_str()) {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_OWNER,
                        format!("nothing in the image makes the {word} `{name}`"),
                    )
                    .at(*span, "owned by it")
                    .help(format!("add `{word} \"{name}\"`, or a package that makes it")),
                );
            }
        }
    }
}
