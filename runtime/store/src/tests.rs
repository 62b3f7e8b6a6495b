//! The store as its callers use it. Needs no privilege: all files belong to whoever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use forge_model::{BUILD_EPOCH, Digest, Entry, EntryKind, ImagePath, KeyBuilder, Manifest, Xattrs};
use forge_sys::process::Cancel;

use crate::{GcOptions, LayerContent, OutputKind, Record, Store, StoreError};

type Files = BTreeMap<ImagePath, Vec<u8>>;

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

fn files(files: &[(&str, &str)]) -> (Manifest, Files) {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let bytes: Files = files
        .iter()
        .map(|(path, content)| (ImagePath::new(path).unwrap(), content.as_bytes().to_vec()))
        .collect();
    let entry = |content: &Vec<u8>| Entry {
        kind: EntryKind::File {
            size: content.len() as u64,
            digest: Digest::of(content),
            group: None,
        },
        mode: 0o640,
        uid,
        gid,
        mtime: BUILD_EPOCH,
        xattrs: Xattrs::new(),
    };
    let entries = bytes.iter().map(|(path, content)| (path.clone(), entry(content))).collect();
    (Manifest { entries }, bytes)
}

fn commit(store: &Store, content: &[(&str, &str)]) -> Digest {
    let (manifest, bytes) = files(content);
    let transaction = store.begin().unwrap();
    let content = LayerContent::Bytes(&bytes);
    store.commit_layer(&transaction, &manifest, content, false).unwrap()
}

fn record(kind: &str, name: &str, output: Digest, output_kind: OutputKind) -> Record {
    let mut key = KeyBuilder::new("changes", 1);
    key.field("name", name);
    Record {
        version: Record::VERSION,
        kind: kind.to_owned(),
        label: name.to_owned(),
        key: key.finish(),
        plan_key: Digest::of(name.as_bytes()),
        output,
        output_kind,
        started: 1,
        duration_ms: 2,
        size: 3,
        log: None,
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_layer_comes_back_whole() {
    let (_directory, store) = store();
    let (manifest, _) = files(&[("etc/motd", "hello"), ("etc/issue", "")]);
    let digest = commit(&store, &[("etc/motd", "hello"), ("etc/issue", "")]);
    assert_eq!(digest, manifest.digest());
    let fresh = Store::open_read(store.directory()).unwrap();
    let layer = fresh.layer(&digest).unwrap();
    assert_eq!(*layer.manifest(), manifest);
    assert_eq!(layer.read(&ImagePath::new("etc/motd").unwrap()).unwrap(), b"hello");
    assert_eq!(fresh.verify_layer(&digest).unwrap(), []);
    assert!(names(&store.directory().join("tx")).is_empty());
}

#[test]
fn trees_are_closed_to_other_users_and_manifests_are_not() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, store) = store();
    let digest = commit(&store, &[("bin/su", "x")]);
    let layer = store.directory().join("layers").join(digest.to_hex());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&layer), 0o755);
    assert_eq!(mode(&layer.join("manifest")), 0o644);
    assert_eq!(mode(&layer.join("closed")), 0o700);
    assert_eq!(mode(&store.directory().join("private")), 0o700);
}

#[test]
fn a_damaged_layer_is_found_and_made_anew() {
    let (_directory, store) = store();
    let content = [("a", "one"), ("b", "two")];
    let digest = commit(&store, &content);
    let tree = store.layer(&digest).unwrap().tree();
    let damage: [(&str, &dyn Fn()); 4] = [
        ("empty, as after a power cut", &|| {
            std::fs::write(tree.join("a"), "").unwrap();
        }),
        ("gone", &|| std::fs::remove_file(tree.join("a")).unwrap()),
        ("another file", &|| {
            std::fs::write(tree.join("c"), "").unwrap();
        }),
        ("another mode", &|| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(tree.join("b"), mode).unwrap();
        }),
    ];
    for (what, damage) in damage {
        damage();
        assert_eq!(store.verify_layer(&digest).unwrap().len(), 1, "{what}");
        assert_eq!(commit(&store, &content), digest);
        assert_eq!(store.verify_layer(&digest).unwrap(), [], "{what}");
    }
    std::fs::write(tree.join("../../manifest"), "forge-layer 1\n").unwrap();
    assert!(matches!(store.verify_layer(&digest), Err(StoreError::Damaged { .. })));
    commit(&store, &content);
    assert_eq!(store.verify_layer(&digest).unwrap(), []);
}

#[test]
fn a_secret_layer_is_checked_by_mac() {
    let (_directory, store) = store();
    let path = ImagePath::new("etc/key").unwrap();
    let (mut manifest, bytes) = files(&[("etc/key", "value")]);
    let mac = *blake3::keyed_hash(&store.mac_key().unwrap(), b"value").as_bytes();
    if let Some(EntryKind::File { digest, .. }) =
        manifest.entries.get_mut(&path).map(|entry| &mut entry.kind)
    {
        *digest = Digest::from_bytes(mac);
    }
    let transaction = store.begin().unwrap();
    let content = LayerContent::Bytes(&bytes);
    let digest = store.commit_layer(&transaction, &manifest, content, true).unwrap();
    assert!(names(&store.directory().join("layers")).is_empty());
    assert_eq!(store.verify_layer(&digest).unwrap(), []);
    std::fs::write(store.layer(&digest).unwrap().tree().join("etc/key"), "other").unwrap();
    assert_eq!(store.verify_layer(&digest).unwrap(), [path]);
}

#[test]
fn what_killed_runs_left_is_swept_and_live_work_is_not() {
    let (_directory, store) = store();
    let live = store.begin().unwrap();
    let tx = store.directory().join("tx");
    std::fs::create_dir_all(tx.join("dead/closed/tree")).unwrap();
    for name in ["dead.lock", "bare.lock", "file.part"] {
        std::fs::write(tx.join(name), "").unwrap();
    }
    let again = Store::open(store.directory()).unwrap();
    let name = live.directory().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(names(&tx), [name.clone(), format!("{name}.lock")]);
    drop((live, again));
    assert!(names(&tx).is_empty());
}

#[test]
fn without_a_record_there_is_no_hit() {
    let (_directory, store) = store();
    let output = commit(&store, &[("a", "one")]);
    let made = record("changes", "one", output, OutputKind::Layer);
    assert_eq!(store.record("changes", &made.key.digest), None);
    store.commit_record(&made).unwrap();
    let alias = Digest::of(b"alias");
    store.commit_alias("changes", &alias, &made.key.digest).unwrap();
    for key in [&made.key.digest, &alias] {
        assert_eq!(store.record("changes", key), Some(made.clone()));
    }
    assert_eq!(store.action_keys(&made.plan_key), [made.key.digest]);
    let preview = Store::open_read(&store.directory).unwrap();
    preview.list_plan_keys();
    assert_eq!(preview.action_keys(&made.plan_key), [made.key.digest]);
    assert_eq!(preview.action_keys(&made.key.digest), []);
    let path = store.directory().join("records/changes");
    let file = path.join(&made.key.digest.to_hex()[..2]).join(made.key.digest.to_hex());
    std::fs::write(file, "{\"version\":").unwrap();
    assert_eq!(store.record("changes", &made.key.digest), None, "half a record");
}

#[test]
fn a_store_that_somebody_else_has_just_made_is_one() {
    let (directory, store) = store();
    let _lock = store.lock_shared().unwrap();
    Store::make(store.directory()).unwrap();
    let other = directory.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("lock"), "").unwrap();
    assert!(matches!(Store::make(&other), Err(StoreError::Format { .. })));
}

#[test]
fn blobs_are_checked_when_read() {
    let (_directory, store) = store();
    let digest = store.put_blob(b"content").unwrap();
    assert_eq!(store.read_blob(&digest).unwrap(), b"content");
    std::fs::write(store.blob_path(&digest), b"c0ntent").unwrap();
    assert!(matches!(store.read_blob(&digest), Err(StoreError::Damaged { .. })));
    store.put_blob(b"content").unwrap();
    assert_eq!(store.read_blob(&digest).unwrap(), b"content");
    let missing = store.read_blob(&Digest::of(b"else"));
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

#[test]
fn one_key_has_one_builder() {
    let (_directory, store) = store();
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let held = store.lock_key(&one).unwrap();
    assert!(store.try_lock_key(&one).unwrap().is_none());
    assert!(store.try_lock_key(&two).unwrap().is_some());
    let cancel = Cancel::new().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.lock_key_unless(&one, &cancel).unwrap().is_some());
        std::thread::sleep(Duration::from_millis(60));
        assert!(!waiting.is_finished());
        drop(held);
        assert!(waiting.join().unwrap(), "it gets the lock that was let go of");
    });
    let _held = store.lock_key(&one).unwrap();
    cancel.cancel();
    assert!(store.lock_key_unless(&one, &cancel).unwrap().is_none());
}

#[test]
fn collection_keeps_what_kept_records_name() {
    let (_directory, store) = store();
    let mut kept = BTreeSet::new();
    for name in ["kept", "dropped"] {
        let layer = commit(&store, &[("file", name)]);
        let blob = store.put_blob(name.as_bytes()).unwrap();
        let mut of_layer = record("changes", name, layer, OutputKind::Layer);
        of_layer.log = Some(store.directory().join("logs").join(name));
        let records = [of_layer, record("resolve", name, blob, OutputKind::Blob)];
        for record in records {
            store.commit_record(&record).unwrap();
            if name == "kept" {
                kept.insert((record.kind, record.key.digest));
            }
        }
        std::fs::write(store.debs_directory().join(format!("{name}.deb")), "x").unwrap();
    }
    for (name, days) in [("kept", 30), ("dropped", 30), ("fresh", 1)] {
        let log = std::fs::File::create(store.directory().join("logs").join(name)).unwrap();
        let age = std::time::Duration::from_hours(days * 24);
        log.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    for (name, days) in [("used", 29), ("unused", 31)] {
        let index = store.apt_directory().join(name);
        std::fs::create_dir_all(index.join("lists")).unwrap();
        let lock = std::fs::File::create(index.join("lock")).unwrap();
        let age = std::time::Duration::from_hours(days * 24);
        lock.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    std::fs::create_dir_all(store.apt_directory().join("keys")).unwrap();
    commit(&store, &[("file", "without a record")]);
    let options = GcOptions {
        records: kept.clone(),
        debs: BTreeSet::from(["kept".to_owned()]),
        dry_run: true,
        ..GcOptions::default()
    };
    let _lock = store.lock_exclusive().unwrap();
    let planned = store.collect(&options).unwrap();
    assert_eq!((planned.records, planned.layers, planned.blobs, planned.debs), (2, 2, 1, 1));
    assert_eq!(names(&store.directory().join("layers")).len(), 3, "a dry run removes nothing");
    let done = store.collect(&GcOptions { dry_run: false, ..options }).unwrap();
    assert_eq!(done, planned);
    for (kind, key) in &kept {
        let record = store.record(kind, key).unwrap();
        match record.output_kind {
            OutputKind::Blob => assert_eq!(store.read_blob(&record.output).unwrap(), b"kept"),
            OutputKind::Layer | OutputKind::PrivateLayer => {
                assert_eq!(store.verify_layer(&record.output).unwrap(), []);
            }
        }
    }
    assert_eq!(names(&store.directory().join("layers")).len(), 1);
    assert_eq!(names(&store.directory().join("logs")), ["fresh", "kept"]);
    assert_eq!(names(&store.apt_directory()), ["keys", "used"]);
    assert_eq!(done.indexes, 1);
    assert!(names(&store.directory().join("tx")).is_empty());
}

#[test]
fn only_a_store_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("thesis.tex"), "").unwrap();
    let refused = Store::open(directory.path());
    assert!(matches!(refused, Err(StoreError::Format { .. })), "{refused:?}");
    assert_eq!(names(directory.path()), ["thesis.tex"]);
    let half = tempfile::tempdir().unwrap();
    std::fs::create_dir(half.path().join("layers")).unwrap();
    Store::open(half.path()).unwrap();
    std::fs::write(half.path().join("version"), "forge-store 99\n").unwrap();
    for refused in [Store::open(half.path()), Store::open_read(half.path())] {
        assert!(matches!(refused, Err(StoreError::Format { .. })), "{refused:?}");
    }
}

#[test]
fn directories_that_were_taken_away_by_hand_come_back() {
    let (directory, store) = store();
    std::fs::remove_dir_all(store.directory().join("tx")).unwrap();
    let refused = store.put_ref("images", "node", &1);
    assert!(refused.is_err(), "written without `tx`");
    let path = store.directory().to_owned();
    drop(store);
    let store = Store::open(&path).unwrap();
    store.put_ref("images", "node", &2).unwrap();
    assert_eq!(store.read_ref("images", "node"), Some(2));
    drop(directory);
}

#[test]
fn after_a_power_cut_what_is_damaged_is_a_miss() {
    let (_directory, store) = store();
    let mut records = Vec::new();
    for name in ["whole", "damaged"] {
        let layer = commit(&store, &[("file", name)]);
        let blob = store.put_blob(name.as_bytes()).unwrap();
        records.push(record("changes", name, layer, OutputKind::Layer));
        records.push(record("resolve", name, blob, OutputKind::Blob));
    }
    for record in &records {
        store.commit_record(record).unwrap();
    }
    let tree = store.layer(&records[2].output).unwrap().tree();
    std::fs::write(tree.join("file"), "").unwrap();
    std::fs::write(store.blob_path(&records[3].output), "").unwrap();
    let deb = store.debs_directory().join("fetched.deb");
    std::fs::write(&deb, "").unwrap();
    let path = store.directory().to_owned();
    let hits = |store: &Store| {
        let found = |record: &Record| store.record(&record.kind, &record.key.digest).is_some();
        records.iter().map(found).collect::<Vec<_>>()
    };

    // Without a power cut nothing is looked at again.
    let notes = path.join("unsettled");
    let again = Store::open(&path).unwrap();
    assert_eq!((hits(&again), names(&notes).len()), (vec![true; 4], 1));
    drop((store, again));

    let note = notes.join(&names(&notes)[0]);
    std::fs::write(&note, "another boot").unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(hits(&store), [true, true, false, false]);
    assert!(!note.exists() && !deb.exists());
    assert_eq!(commit(&store, &[("file", "damaged")]), records[2].output);
    store.put_blob(b"damaged").unwrap();
    assert_eq!(hits(&store), [true; 4]);
    assert_eq!(store.verify_layer(&records[2].output).unwrap(), []);
}

#[test]
fn what_ended_runs_wrote_is_settled_by_the_next() {
    let (_directory, store) = store();
    commit(&store, &[("file", "one")]);
    let path = store.directory().to_owned();
    let notes = path.join("unsettled");
    drop(store);
    let ended = names(&notes);
    let long_ago = std::time::SystemTime::now() - Duration::from_hours(1);
    let note = std::fs::File::options().write(true).open(notes.join(&ended[0])).unwrap();
    note.set_modified(long_ago).unwrap();
    drop(note);
    let next = Store::open(&path).unwrap();
    commit(&next, &[("file", "two")]);
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    while names(&notes).contains(&ended[0]) {
        assert!(std::time::Instant::now() < deadline, "{:?}", names(&notes));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(names(&notes).len(), 1, "its own note stays for as long as it runs");
}
