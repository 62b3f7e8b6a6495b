//! What the spec knows of paths, and who makes them.

use std::borrow::Cow;

use forge_model::{Content, Origin, Provenance};
use forge_spec::{BaseKind, Item, ItemKind, Part, ResolvedImage};

/// The layer that makes something, by what its label is made of.
#[derive(Clone, Copy)]
pub(super) enum Layer<'a> {
    Base(&'a str),
    Kernel,
    Part(&'a str, &'static str),
    Secrets,
}

/// Who makes something: where somebody says so, the place.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) layer: Layer<'a>,
    pub(super) origin: Option<&'a Origin>,
}

impl Made<'_> {
    pub(super) fn provenance(&self) -> Provenance {
        let layer = match self.layer {
            Layer::Base(name) => format!("base {name}"),
            Layer::Kernel => "kernel".to_owned(),
            Layer::Part(part, phase) => format!("{part}/{phase}"),
            Layer::Secrets => "secrets".to_owned(),
        };
        Provenance { layer, origin: self.origin.cloned() }
    }
}

/// Something that the spec declares, and where.
pub(super) struct Declared<'a, T> {
    pub(super) what: T,
    pub(super) made: Made<'a>,
}

impl<T> Declared<'_, T> {
    pub(super) fn evidence(&self) -> String {
        self.made.origin.map(Origin::to_string).unwrap_or_default()
    }
}

pub(super) enum Path<'a> {
    File {
        content: Cow<'a, Content>,
        mode: u32,
        owner: &'a str,
        group: &'a str,
    },
    Secret {
        mode: u32,
        owner: &'a str,
        group: &'a str,
    },
    /// A file whose content is no text.
    Opaque {
        mode: u32,
        owner: &'a str,
        group: &'a str,
    },
    Directory {
        mode: u32,
        owner: &'a str,
        group: &'a str,
    },
    Link {
        target: &'a str,
    },
    Removed,
}

/// Accounts and groups that Debian's `base-passwd` and the essential packages make
/// (`/usr/share/base-passwd/{passwd,group}.master` of Debian 12), and `_apt`.
pub(super) const OF_DEBIAN: [&str; 46] = [
    "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy",
    "www-data", "backup", "list", "irc", "nobody", "nogroup", "adm", "tty", "disk", "kmem",
    "dialout", "fax", "voice", "cdrom", "floppy", "tape", "sudo", "audio", "dip", "operator",
    "src", "shadow", "utmp", "video", "sasl", "plugdev", "staff", "users", "gnats", "_apt",
    "crontab", "input", "sgx", "kvm",
];

/// Whether an image is a Debian base alone, without packages and scripts on it: what these would make
/// cannot be known from the spec.
pub(super) fn is_bare(image: &ResolvedImage) -> bool {
    let minimal = match &image.base.kind {
        BaseKind::Debian { include, .. } => include.is_empty(),
        BaseKind::Archive { .. } | BaseKind::Tree { .. } => false,
    };
    let brought = |part: &Part| {
        let runs = |item: &Item| matches!(item.kind, ItemKind::Run { .. });
        !part.packages.is_empty() || part.items.iter().any(|item| runs(item))
    };
    minimal && image.kernel.is_none() && !image.parts.iter().any(brought)
}
