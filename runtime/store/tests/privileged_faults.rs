//! Kills, races and full disks. Needs root.
//!
//! A program of its own, because it starts itself as the builder that gets killed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that is its own program, without the harness that clippy knows"
)]

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use forge_model::{BUILD_EPOCH, Digest, Entry, EntryKind, ImagePath, KeyBuilder, Manifest, Xattrs};
use forge_store::{GcOptions, LayerContent, OutputKind, Record, Store, StoreError};
use forge_sys::overlay::{Overlay, Upper};

/// Kills of a builder; each at another moment.
const KILLS: u32 = 30;
/// Layers that a builder makes.
const LAYERS: u32 = 12;

/// A test, given a directory of its own.
type Test = (&'static str, fn(&Path));

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, part, directory] = arguments.as_slice()
        && part == "part-build"
    {
        return build(Path::new(directory));
    }
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    let tests: &[Test] = &[
        ("killed_builders_leave_a_store_that_works", killed_builders_leave_a_store_that_works),
        ("two_builders_share_their_work", two_builders_share_their_work),
        ("a_full_disk_breaks_nothing", a_full_disk_breaks_nothing),
        (
            "a_store_on_overlayfs_keeps_marks_in_the_manifest",
            a_store_on_overlayfs_keeps_marks_in_the_manifest,
        ),
    ];
    for (name, test) in tests {
        let directory = tempfile::tempdir().unwrap();
        test(directory.path());
        println!("test {name} ... ok");
    }
}

/// A layer that is the same for every builder: a few files, the bytes made from its number.
fn layer(number: u32) -> (Manifest, BTreeMap<ImagePath, Vec<u8>>) {
    let mut manifest = Manifest::default();
    let mut bytes = BTreeMap::new();
    for file in 0..20 {
        let content = format!("{number} {file}\n").repeat(500).into_bytes();
        let path = ImagePath::new(format!("etc/d{}/f{file}", file % 4)).unwrap();
        let (size, digest) = (content.len() as u64, Digest::of(&content));
        let kind = EntryKind::File { size, digest, group: None };
        let entry =
            Entry { kind, mode: 0o600, uid: 7, gid: 8, mtime: BUILD_EPOCH, xattrs: Xattrs::new() };
        manifest.entries.insert(path.clone(), entry);
        bytes.insert(path, content);
    }
    let gone = Entry {
        kind: EntryKind::Whiteout,
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: BUILD_EPOCH,
        xattrs: Xattrs::new(),
    };
    manifest.entries.insert(ImagePath::new("etc/gone").unwrap(), gone);
    (manifest, bytes)
}

fn key(number: u32) -> forge_model::Key {
    let mut key = KeyBuilder::new("changes", 1);
    key.field("number", number.to_string());
    key.finish()
}

fn make(store: &Store, number: u32) -> Result<Digest, StoreError> {
    let key = key(number);
    let _lock = store.lock_key(&key.digest)?;
    if let Some(record) = store.record("changes", &key.digest) {
        return Ok(record.output);
    }
    let (manifest, bytes) = layer(number);
    let transaction = store.begin()?;
    let content = LayerContent::Bytes(&bytes);
    let output = store.commit_layer(&transaction, &manifest, content, false)?;
    store.put_blob(format!("blob {number}").as_bytes())?;
    store.commit_record(&Record {
        version: Record::VERSION,
        kind: "changes".to_owned(),
        label: number.to_string(),
        plan_key: key.digest,
        key,
        output,
        output_kind: OutputKind::Layer,
        started: 0,
        duration_ms: u64::from(std::process::id()),
        size: 0,
        log: None,
    })?;
    Ok(output)
}

fn build(directory: &Path) {
    let store = Store::open(directory).unwrap();
    let _lock = store.lock_shared().unwrap();
    for number in 0..LAYERS {
        make(&store, number).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a builder is started as a shell would")]
fn start(directory: &Path) -> Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args([Path::new("part-build"), directory])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Every record's output is there, whole, and what it should be; nothing is under way.
fn check(directory: &Path, complete: bool) {
    let store = Store::open(directory).unwrap();
    let _lock = store.lock_exclusive().unwrap();
    for number in 0..LAYERS {
        let record = store.record("changes", &key(number).digest);
        assert!(record.is_some() || !complete, "layer {number} has no record");
        if let Some(record) = record {
            assert_eq!(record.output, layer(number).0.digest());
            assert_eq!(store.verify_layer(&record.output).unwrap(), []);
        }
    }
    assert_eq!(std::fs::read_dir(directory.join("tx")).unwrap().count(), 0);
}

fn killed_builders_leave_a_store_that_works(directory: &Path) {
    let started = Instant::now();
    assert!(start(directory).wait().unwrap().success());
    let whole = started.elapsed();
    check(directory, true);
    for kill in 0..KILLS {
        // Now and then from nothing, else on what the one before left.
        if kill % 5 == 0 {
            let store = Store::open(directory).unwrap();
            let _lock = store.lock_exclusive().unwrap();
            store.collect(&GcOptions::default()).unwrap();
        }
        let mut builder = start(directory);
        std::thread::sleep(whole * (kill + 1) / (KILLS + 1));
        builder.kill().unwrap();
        builder.wait().unwrap();
        check(directory, false);
    }
    assert!(start(directory).wait().unwrap().success());
    check(directory, true);
}

fn two_builders_share_their_work(directory: &Path) {
    let builders = [start(directory), start(directory), start(directory)];
    for mut builder in builders {
        assert!(builder.wait().unwrap().success());
    }
    check(directory, true);
    let layers = std::fs::read_dir(directory.join("layers")).unwrap().count();
    assert_eq!(layers, LAYERS as usize);
}

fn a_full_disk_breaks_nothing(directory: &Path) {
    on_a_tmpfs(directory, c"size=1m", || {
        let store = Store::open(directory).unwrap();
        let mut finished = 0;
        let error = (0..LAYERS)
            .find_map(|number| match make(&store, number) {
                Ok(_) => {
                    finished += 1;
                    None
                }
                Err(error) => Some(error),
            })
            .unwrap();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(finished > 0, "some layers fit");
        check(directory, false);
        let done = (0..LAYERS).filter(|n| store.record("changes", &key(*n).digest).is_some());
        assert_eq!(done.count(), finished);
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount_remount(directory, flags, c"size=64m").unwrap();
        for number in 0..LAYERS {
            make(&store, number).unwrap();
        }
        check(directory, true);
    });
}

/// As in a container of a CI runner.
fn a_store_on_overlayfs_keeps_marks_in_the_manifest(directory: &Path) {
    on_a_tmpfs(directory, c"size=64m", || {
        let at = |name: &str| {
            std::fs::create_dir(directory.join(name)).unwrap();
            directory.join(name)
        };
        let upper = Upper { upper: at("upper"), work: at("work") };
        let overlay =
            Overlay { lowers: vec![at("lower")], upper: Some(upper), target: at("merged") };
        let mounted = overlay.mount().unwrap();
        let store = Store::open(mounted.path()).unwrap();
        let layer = store.layer(&make(&store, 1).unwrap()).unwrap();
        assert!(layer.hides_something() && !layer.has_marks());
        assert!(layer.tree().join("etc/d0/f0").exists());
        assert_eq!(store.verify_layer(&layer.digest()).unwrap(), []);
        let plain = directory.join("plain");
        std::fs::create_dir(&plain).unwrap();
        let store = Store::open(&plain).unwrap();
        let layer = store.layer(&make(&store, 1).unwrap()).unwrap();
        assert!(layer.hides_something() && layer.has_marks());
    });
}

/// Runs a test with a tmpfs on its directory, in a mount namespace of its own.
fn on_a_tmpfs(directory: &Path, options: &CStr, test: impl FnOnce() + Send) {
    let in_private_mounts = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        let private = rustix::mount::MountPropagationFlags::PRIVATE
            | rustix::mount::MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("forge", directory, "tmpfs", flags, Some(options)).unwrap();
        // Threads of its own see this mount namespace; it goes with the last of them.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        pool.unwrap().install(test);
    };
    std::thread::scope(|scope| scope.spawn(in_private_mounts).join().unwrap());
}
