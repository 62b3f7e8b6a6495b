//! Overlays, and the way of a step's writes into a layer. Needs root.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know as such")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use forge_model::{BUILD_EPOCH, Digest, Entry, EntryKind, ImagePath, Manifest, Tree};
use forge_sys::overlay::{self, MountApi, Overlay, Upper};
use forge_sys::tree::{Content, Keep, Scan, ScanOptions, scan, write_tree};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};

/// `cap_net_raw=ep`, as the kernel stores it (`vfs_cap_data`, revision 2).
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// An old time, as archives have.
const OLD: i64 = 1_600_000_000;

/// Runs a test in a mount namespace of its own, with threads of its own for parallel work.
fn in_private_mounts(test: fn(&Scratch)) {
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    let private =
        rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| test(&Scratch::new()));
}

/// A tmpfs.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("forge", directory.path(), "tmpfs", flags, None).unwrap();
        for name in ["low", "upper", "work", "merged", "out"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self(directory)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: &str, mode: u32) {
        let at = self.at(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, content).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn overlay(&self) -> Overlay {
        let upper = Upper { upper: self.at("upper"), work: self.at("work") };
        Overlay { lowers: vec![self.at("low")], upper: Some(upper), target: self.at("merged") }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let flags = rustix::mount::UnmountFlags::DETACH;
        rustix::mount::unmount(self.0.path(), flags).unwrap();
    }
}

fn set_time(path: &Path, seconds: i64) {
    let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: 5 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(CWD, path, &times, flags).unwrap();
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

fn whole(directory: &Path) -> Scan {
    let keep = |_: &ImagePath| Keep::Whole;
    scan(directory, &ScanOptions { below: None, keep: &keep, started: OLD + 1 }).unwrap()
}

fn names(manifest: &Manifest) -> String {
    let line = |(path, entry): (&ImagePath, &Entry)| format!("{} {path}", entry.kind.word());
    manifest.entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn both_ways_of_mounting_show_the_same() {
    in_private_mounts(|scratch| {
        for layer in ["a", "b", "c"] {
            scratch.write(&format!("{layer}/{layer}"), layer, 0o644);
            scratch.write(&format!("{layer}/all"), layer, 0o644);
        }
        overlay::write_whiteout(CWD, &scratch.at("c/a")).unwrap();
        for api in [MountApi::New, MountApi::Classic] {
            let lowers = ["a", "b", "c"].map(|layer| scratch.at(layer)).to_vec();
            let mut overlay = Overlay { lowers, upper: None, target: scratch.at("merged") };
            let mounted = overlay.mount_with(api).unwrap();
            assert_eq!(
                std::fs::read_to_string(mounted.path().join("all")).unwrap(),
                "c",
                "{api:?}"
            );
            assert!(!mounted.path().join("a").exists() && mounted.path().join("b").exists());
            assert!(std::fs::write(mounted.path().join("new"), "x").is_err(), "{api:?}");
            mounted.unmount().unwrap();
            let upper = Upper { upper: scratch.at("upper"), work: scratch.at("work") };
            overlay.upper = Some(upper);
            let mounted = overlay.mount_with(api).unwrap();
            std::fs::write(mounted.path().join("new"), "x").unwrap();
            drop(mounted);
            assert!(scratch.at("upper/new").exists() && !scratch.at("merged/new").exists());
            let options = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert!(!options.contains(&*scratch.at("merged").to_string_lossy()), "{options}");
        }
    });
}

#[test]
fn very_many_layers_with_long_names_can_be_mounted() {
    in_private_mounts(|scratch| {
        let long = "x".repeat(200);
        let lowers: Vec<PathBuf> = (0..150)
            .map(|layer| {
                let at = format!("{long}/{long}:,{layer}");
                scratch.write(&format!("{at}/{layer}"), "", 0o644);
                scratch.at(&at)
            })
            .collect();
        for api in [MountApi::New, MountApi::Classic] {
            let overlay =
                Overlay { lowers: lowers.clone(), upper: None, target: scratch.at("merged") };
            let mounted = overlay.mount_with(api).unwrap();
            assert_eq!(std::fs::read_dir(mounted.path()).unwrap().count(), 150, "{api:?}");
        }
    });
}

#[test]
fn a_refusal_says_why() {
    in_private_mounts(|scratch| {
        let mut overlay = scratch.overlay();
        overlay.lowers = vec![scratch.at("nothing")];
        let error = overlay.mount().unwrap_err().to_string();
        assert!(error.contains("nothing` cannot be opened"), "{error}");
        let mut overlay = scratch.overlay();
        overlay.upper = Some(Upper { upper: scratch.at("upper"), work: PathBuf::from("/proc") });
        let error = overlay.mount().unwrap_err().to_string();
        assert!(error.contains("merged` was refused"), "{error}");
        assert!(overlay::probe(&scratch.at("out")));
        let mounted = scratch.overlay().mount().unwrap();
        assert!(!overlay::probe(mounted.path()), "overlayfs cannot hold what an upper must");
    });
}

#[test]
fn a_tree_survives_scan_and_write() {
    in_private_mounts(|scratch| {
        scratch.write("low/bin/su", "program", 0o4755);
        scratch.write("low/etc/shadow", "root:*", 0o640);
        std::os::unix::fs::chown(scratch.at("low/etc/shadow"), Some(0), Some(42)).unwrap();
        scratch.write("low/bin/ping", "ping", 0o755);
        let flags = XattrFlags::empty();
        let ping = scratch.at("low/bin/ping");
        rustix::fs::setxattr(&ping, "security.capability", &CAPABILITY, flags).unwrap();
        std::fs::hard_link(&ping, scratch.at("low/bin/also")).unwrap();
        std::fs::create_dir_all(scratch.at("low/var/mail")).unwrap();
        let mode = Mode::from_raw_mode(0o2775);
        rustix::fs::chmod(scratch.at("low/var/mail"), mode).unwrap();
        symlink("usr/lib", scratch.at("low/lib")).unwrap();
        let device = rustix::fs::makedev(1, 3);
        let mode = Mode::from_raw_mode(0o666);
        let kind = FileType::CharacterDevice;
        rustix::fs::mknodat(CWD, scratch.at("low/null"), kind, mode, device).unwrap();
        rustix::fs::mknodat(CWD, scratch.at("low/pipe"), FileType::Fifo, mode, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(scratch.at("low/socket")).unwrap();
        set_time(&scratch.at("low/etc/shadow"), OLD);
        set_time(&scratch.at("low/etc"), OLD);
        set_time(&scratch.at("low/lib"), OLD);

        let found = whole(&scratch.at("low"));
        assert_eq!(found.sockets, [path("socket")]);
        let entry = |at: &str| found.manifest.entries[&path(at)].clone();
        assert_eq!((entry("bin/su").mode, entry("bin/su").mtime), (0o4755, BUILD_EPOCH));
        assert_eq!((entry("etc/shadow").gid, entry("etc/shadow").mtime), (42, OLD));
        assert_eq!((entry("etc").mtime, entry("lib").mtime), (OLD, OLD));
        assert_eq!(entry("var/mail").mode, 0o2775);
        assert_eq!(entry("bin/ping").xattrs["security.capability"], CAPABILITY);
        let group = Some(path("bin/also"));
        let kind = EntryKind::File { size: 4, digest: Digest::of(b"ping"), group };
        assert_eq!((&entry("bin/ping").kind, &entry("bin/also").kind), (&kind, &kind));

        let (from, to) = (scratch.at("low"), scratch.at("out"));
        let content = Content::Directory(&from);
        write_tree(&found.manifest, content, &to, true).unwrap();
        let again = whole(&to).manifest;
        assert_eq!(again.encode(), found.manifest.encode());
        let inode = |name: &str| to.join(name).metadata().unwrap().ino();
        assert_eq!(inode("bin/ping"), inode("bin/also"));
    });
}

/// A lower layer of old files, and what a step does to it through an overlay.
fn lower_and_step(scratch: &Scratch) -> Tree {
    let files = ["etc/passwd", "etc/same", "var/log/x.log", "opt/old/file", "srv/a/file"];
    for name in files {
        scratch.write(&format!("low/{name}"), name, 0o644);
    }
    let parents = ["etc", "opt", "opt/old", "srv", "var", "var/log"];
    for name in files.into_iter().chain(parents) {
        set_time(&scratch.at(&format!("low/{name}")), OLD);
    }
    let below = Tree::merge([&whole(&scratch.at("low")).manifest]);
    let mounted = scratch.overlay().mount().unwrap();
    let at = |name: &str| mounted.path().join(name);
    std::fs::write(at("etc/new"), "new").unwrap();
    std::fs::write(at("etc/same"), "etc/same").unwrap();
    std::fs::write(at("etc/machine-id"), "abc").unwrap();
    std::fs::remove_file(at("etc/passwd")).unwrap();
    std::fs::write(at("var/log/x.log"), "noise").unwrap();
    std::fs::remove_dir_all(at("opt/old")).unwrap();
    std::fs::create_dir(at("opt/old")).unwrap();
    std::fs::write(at("opt/old/fresh"), "").unwrap();
    std::fs::set_permissions(at("srv/a"), std::fs::Permissions::from_mode(0o700)).unwrap();
    mounted.unmount().unwrap();
    below
}

fn scrubbed(scratch: &Scratch, below: &Tree) -> Manifest {
    let keep = |path: &ImagePath| match path.to_string().as_str() {
        "/etc/machine-id" => Keep::Emptied,
        path if path.starts_with("/var/log/") => Keep::Dropped,
        _ => Keep::Whole,
    };
    let options = ScanOptions { below: Some(below), keep: &keep, started: OLD + 1 };
    scan(&scratch.at("upper"), &options).unwrap().manifest
}

#[test]
fn only_what_a_step_changed_is_in_its_layer() {
    in_private_mounts(|scratch| {
        let below = lower_and_step(scratch);
        let manifest = scrubbed(scratch, &below);
        let want = "file /etc/machine-id\nfile /etc/new\nwhiteout /etc/passwd\n\
            directory /opt/old\nfile /opt/old/fresh\ndirectory /srv/a";
        assert_eq!(names(&manifest), want);
        let kind = |at: &str| manifest.entries[&path(at)].kind.clone();
        assert_eq!(kind("opt/old"), EntryKind::Directory { opaque: true });
        assert!(matches!(kind("etc/machine-id"), EntryKind::File { size: 0, .. }));
    });
}

#[test]
fn a_layer_looks_from_above_as_its_step_left_it() {
    in_private_mounts(|scratch| {
        let below = lower_and_step(scratch);
        let manifest = scrubbed(scratch, &below);
        let (from, layer) = (scratch.at("upper"), scratch.at("out"));
        write_tree(&manifest, Content::Directory(&from), &layer, true).unwrap();
        let lowers = vec![scratch.at("low"), layer];
        let overlay = Overlay { lowers, upper: None, target: scratch.at("merged") };
        let mounted = overlay.mount().unwrap();
        let shown = whole(mounted.path()).manifest;
        let mut merged = below.clone();
        merged.push(&manifest);
        let wanted: Vec<_> = merged.iter().map(|(path, found)| (path, &found.entry.kind)).collect();
        let shown: Vec<_> = shown.entries.iter().map(|(path, entry)| (path, &entry.kind)).collect();
        assert_eq!(shown, wanted);
    });
}
