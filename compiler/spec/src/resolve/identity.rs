//! What is each node's own: nothing of it may stand in an image, and what makes it at boot is
//! there without being asked for.

use std::sync::Arc;

use forge_diag::{Diagnostic, Span, codes};
use forge_model::{Beside, Content, ImagePath, Located, takes_away};

use super::part::Built;
use crate::context::Context;
use crate::{
    BaseKind, HostKeys, Identity, Item, ItemKind, Part, ResolvedBase, SSH_HOST_KEYS_UNIT,
    SystemFact,
};

/// Identities by the pattern of their files, and what makes a node's own.
const IDENTITIES: [(&str, &str); 3] = [
    ("/etc/machine-id", "take it away: systemd makes each node's own at its boot"),
    ("/var/lib/dbus/machine-id", "take it away: D-Bus uses `/etc/machine-id`"),
    (
        "/etc/ssh/ssh_host_*_key",
        "take it away: `ssh-host-keys.service` makes each node's own at its boot; keys that nodes \
         must share are delivered by `secret=`",
    ),
];

const SERVER: &str = "openssh-server";

/// The package that brings the SSH server.
fn server<'a>(mut names: impl Iterator<Item = &'a Located<String>>) -> Option<&'a Located<String>> {
    names.find(|name| name.value == SERVER)
}

/// Reports identities that all nodes of an image would share, and what contradicts an `identity`.
pub(crate) fn check(
    cx: &mut Context<'_>,
    image: &str,
    base: Option<(&ResolvedBase, Span)>,
    parts: &[Built],
) {
    let (keys_at, hostname_at) = said(parts);
    for (item, span) in items(parts) {
        match &item.kind {
            ItemKind::File { path, content, .. } if !is_empty(content) => {
                shared(cx, image, path, *span);
            }
            ItemKind::Remove { pattern } if takes_away(pattern, b"/etc/machine-id") => {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_IDENTITY,
                        "without `/etc/machine-id` every boot counts as the first one",
                    )
                    .at(*span, "and enables what is disabled, by systemd's presets")
                    .help("leave it: it is empty, and each node makes its own at its boot")
                    .note(format!("in the image `{image}`")),
                );
            }
            ItemKind::SecretFile { path, .. } => {
                let (keys, _) = IDENTITIES[2];
                if let Some(at) = keys_at
                    && takes_away(keys, path.as_bytes())
                {
                    let headline = format!("`{path}` is delivered, and to be made at boot");
                    cx.report(
                        contradiction(image, headline, *span, at)
                            .help("take the secret away, or write `ssh-host-keys=\"none\"`"),
                    );
                }
            }
            _ => {}
        }
        if let Some(at) = hostname_at
            && names_the_host(&item.kind)
        {
            let headline = "the host name is said, and to be taken from the network".to_owned();
            cx.report(contradiction(image, headline, *span, at).help("take one of them away"));
        }
    }
    if let Some((base, span)) = base
        && let BaseKind::Tree { files, .. } = &base.kind
    {
        for (path, _) in files.iter().filter(|(_, file)| file.size > 0) {
            shared(cx, image, path, span);
        }
    }
}

fn items(parts: &[Built]) -> impl Iterator<Item = (&Item, &Span)> {
    parts.iter().flat_map(|part| &part.items).map(|built| (&*built.item, &built.span))
}

/// Where an image says that host keys and the host name are made at boot.
fn said(parts: &[Built]) -> (Option<Span>, Option<Span>) {
    let (mut keys, mut hostname) = (None, None);
    for (item, span) in items(parts) {
        if let ItemKind::System(SystemFact::Identity(identity)) = &item.kind {
            match identity.host_keys {
                Some(HostKeys::Boot) => keys = Some(*span),
                Some(HostKeys::None) => keys = None,
                None => {}
            }
            hostname = hostname.or(identity.hostname.then_some(*span));
        }
    }
    (keys, hostname)
}

fn is_empty(content: &Content) -> bool {
    content.size() == 0
}

fn names_the_host(kind: &ItemKind) -> bool {
    match kind {
        ItemKind::System(SystemFact::Hostname(_)) => true,
        ItemKind::File { path, .. } | ItemKind::Link { path, .. } => {
            path.as_bytes() == b"etc/hostname"
        }
        _ => false,
    }
}

fn shared(cx: &mut Context<'_>, image: &str, path: &ImagePath, span: Span) {
    // Asked of every file of every image.
    let near = [b"etc/machine-id".as_slice(), b"etc/ssh/".as_slice(), b"var/lib/dbus/".as_slice()];
    if !near.iter().any(|above| path.as_bytes().starts_with(above)) {
        return;
    }
    let path = &path.to_string();
    let is = |(pattern, _): &&(&str, &str)| takes_away(pattern, path.as_bytes());
    let Some((_, help)) = IDENTITIES.iter().find(is) else { return };
    cx.report(
        Diagnostic::error(
            codes::SPEC_IDENTITY,
            format!("all nodes would share what `{path}` holds"),
        )
        .at(span, "it is each node's own")
        .help(*help)
        .note(format!("in the image `{image}`")),
    );
}

fn contradiction(image: &str, headline: String, span: Span, identity: Span) -> Diagnostic {
    Diagnostic::error(codes::SPEC_CONFLICT, headline)
        .at(span, "said here")
        .and(identity, "made at each node's boot")
        .note(format!("both are in the image `{image}`"))
}

/// Lets an image with an SSH server make its host keys at boot, unless it says where they come
/// from.
pub(crate) fn complete(base: Option<&ResolvedBase>, parts: &mut [Part]) {
    let unit = format!("/etc/systemd/system/{SSH_HOST_KEYS_UNIT}");
    let own = parts.iter().flat_map(|part| &part.items).any(|item| match &item.kind {
        ItemKind::System(SystemFact::Identity(identity)) => identity.host_keys.is_some(),
        ItemKind::Unit { unit, .. } => unit == SSH_HOST_KEYS_UNIT,
        ItemKind::File { path, .. } => path.as_bytes() == &unit.as_bytes()[1..],
        _ => false,
    });
    if own {
        return;
    }
    let bringing = parts.iter_mut().find_map(|part| {
        let name = server(part.packages.iter().flat_map(|node| &node.names))?.clone();
        Some((part, name))
    });
    let (part, name) = match (bringing, base.map(|base| &base.kind)) {
        (Some(found), _) => found,
        (None, Some(BaseKind::Debian { include, .. })) => {
            // A base without any part is no image that anybody boots.
            let Some((name, part)) = server(include.iter()).cloned().zip(parts.first_mut()) else {
                return;
            };
            (part, name)
        }
        _ => return,
    };
    let identity = Identity { host_keys: Some(HostKeys::Boot), ..Identity::default() };
    let kind = ItemKind::System(SystemFact::Identity(identity));
    part.items.push(Arc::new(Item {
        origin: name.origin,
        overrides: false,
        early: false,
        kind,
        beside: Beside::default(),
    }));
}
