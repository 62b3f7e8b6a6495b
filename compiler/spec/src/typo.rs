//! Words that nobody can list whole, and that are likely mistyped where they are nearly a known one:
//! suites, file systems, mount options, kernel parameters.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use forge_diag::{Diagnostic, SourceMap, Span, codes};
use forge_syntax::{one_letter_off, quote};

const SUITES: [&str; 12] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "unstable",
    "testing",
    "stable",
    "oldstable",
    "jammy",
    "noble",
];

/// Names of kernel parameters.
static PARAMETERS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("sysctls.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
});

/// filesystems(5), and those of clusters.
const FILE_SYSTEMS: [&str; 37] = [
    "9p",
    "autofs",
    "bcachefs",
    "beegfs",
    "bind",
    "btrfs",
    "ceph",
    "cgroup2",
    "cifs",
    "configfs",
    "debugfs",
    "devtmpfs",
    "efivarfs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "fuse",
    "gpfs",
    "hugetlbfs",
    "iso9660",
    "lustre",
    "nfs",
    "nfs4",
    "nfsd",
    "none",
    "ntfs3",
    "overlay",
    "pvfs2",
    "ramfs",
    "rpc_pipefs",
    "smb3",
    "squashfs",
    "tmpfs",
    "vfat",
    "xfs",
    "zfs",
];

/// mount(8), nfs(5), tmpfs(5), systemd.mount(5).
const OPTIONS: [&str; 83] = [
    "_netdev",
    "ac",
    "acl",
    "actimeo",
    "acregmax",
    "acregmin",
    "async",
    "atime",
    "auto",
    "bg",
    "bind",
    "clientaddr",
    "context",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "discard",
    "errors",
    "exec",
    "fg",
    "flock",
    "fsc",
    "gid",
    "group",
    "hard",
    "huge",
    "inode64",
    "iversion",
    "lazytime",
    "local_lock",
    "localflock",
    "lock",
    "lookupcache",
    "loud",
    "mand",
    "minorversion",
    "mode",
    "mountport",
    "mountproto",
    "mountvers",
    "move",
    "mpol",
    "namlen",
    "nconnect",
    "nfsvers",
    "noac",
    "noacl",
    "noatime",
    "noauto",
    "nodev",
    "nodiratime",
    "noexec",
    "nofail",
    "nolock",
    "nosuid",
    "nouser",
    "nr_inodes",
    "owner",
    "port",
    "proto",
    "rbind",
    "rdma",
    "relatime",
    "remount",
    "resvport",
    "retrans",
    "retry",
    "ro",
    "rsize",
    "rw",
    "sec",
    "sharecache",
    "size",
    "soft",
    "softreval",
    "strictatime",
    "suid",
    "sync",
    "timeo",
    "uid",
    "users",
    "wsize",
];

/// A word that is nearly a known one.
#[derive(Debug)]
pub(crate) struct Typo {
    found: Diagnostic,
    span: Span,
    word: String,
    near: &'static str,
}

impl Typo {
    /// The warning about a word within a value.
    pub(crate) fn within(self, map: &SourceMap) -> Diagnostic {
        self.found.offer_word(map, self.span, &self.word, self.near)
    }

    /// The same where the value is the word alone.
    pub(crate) fn whole(self) -> Diagnostic {
        self.found.offer(self.span, quote(self.near))
    }
}

/// A word that is none of the known ones and one letter away from one of them.
fn nearly(
    what: &str,
    word: &str,
    span: Span,
    known: impl Iterator<Item = &'static str>,
) -> Option<Typo> {
    let near = one_letter_off(word, known)?;
    let found = Diagnostic::warning(codes::SPEC_TYPO, format!("no {what} is known as `{word}`"))
        .at(span, "written here")
        .help(format!("did you mean `{near}`?"));
    Some(Typo { found, span, word: word.to_owned(), near })
}

pub(crate) fn suite(word: &str, span: Span) -> Option<Typo> {
    nearly("suite", word, span, SUITES.into_iter())
}

pub(crate) fn file_system(word: &str, span: Span) -> Option<Typo> {
    let word = word.split('.').next().unwrap_or(word);
    nearly("file system", word, span, FILE_SYSTEMS.into_iter())
}

pub(crate) fn mount_option(word: &str, span: Span) -> Option<Typo> {
    nearly("mount option", word, span, OPTIONS.into_iter())
}

pub(crate) fn parameter(word: &str, span: Span) -> Option<Typo> {
    let name = word.replace('/', ".");
    nearly("kernel parameter", &name, span, PARAMETERS.iter().copied())
}
