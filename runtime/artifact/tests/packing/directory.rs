//! Names, links, manifests and what is kept in an output directory.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use forge_artifact::{
    ControlCounts, OutState, PackError, Revision, Wanted, refresh, state, up_to_date,
};
use forge_model::{Compression, Digest};

use crate::support::{Bench, Layer};

fn listing(bench: &Bench) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(bench.out())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match fs::read_link(&path) {
                Ok(target) => format!("{name} -> {}", target.display()),
                Err(_) => name,
            }
        })
        .collect();
    names.sort();
    names
}

fn revision(commit: &str) -> Revision {
    Revision { commit: commit.to_owned(), dirty: false }
}

#[test]
fn names_hold_the_digest_and_latest_points_to_them() {
    let mut bench = Bench::new([Layer::bootable()]);
    bench.compression = Compression::Gzip;
    bench.pack().unwrap();
    let mut want = vec![
        "summit-compute-SHA.cpio.gz",
        "summit-compute-SHA.json",
        "summit-compute-latest.cpio.gz -> summit-compute-SHA.cpio.gz",
        "summit-compute-latest.json -> summit-compute-SHA.json",
        "vmlinuz-summit-compute-SHA",
        "vmlinuz-summit-compute-latest -> vmlinuz-summit-compute-SHA",
    ];
    let filled = |names: &[&str], digest: Digest| -> Vec<String> {
        names.iter().map(|name| name.replace("SHA", &digest.short())).collect()
    };
    assert_eq!(listing(&bench), filled(&want, bench.digest));

    // The next image has another codec: no link may go on naming the old one.
    let old = bench.digest;
    bench.compression = Compression::Zstd;
    bench.digest = Digest::of(b"next");
    bench.pack().unwrap();
    want[0] = "summit-compute-SHA.cpio.zst";
    want[2] = "summit-compute-latest.cpio.zst -> summit-compute-SHA.cpio.zst";
    let mut both = filled(&want, bench.digest);
    let kept =
        ["summit-compute-SHA.cpio.gz", "summit-compute-SHA.json", "vmlinuz-summit-compute-SHA"];
    both.extend(filled(&kept, old));
    both.sort();
    assert_eq!(listing(&bench), both);
}

#[test]
fn an_empty_commit_adds_a_revision_and_changes_no_byte() {
    let mut bench = Bench::new([Layer::bootable()]);
    bench.revision = Some(Revision { commit: "one".to_owned(), dirty: true });
    let first = bench.pack().unwrap();
    assert!(first.manifest.dirty && !first.reused);
    let before = fs::read(&first.archive).unwrap();
    bench.revision = Some(revision("two"));
    let out = bench.out();
    let wanted = Wanted {
        out: &out,
        image: "summit-compute",
        digest: bench.digest,
        compression: bench.compression,
        revision: bench.revision.as_ref(),
    };
    assert_eq!(state(&wanted), OutState::Refresh);
    bench.opened.lock().unwrap().clear();
    let second = bench.pack().unwrap();
    assert!(second.reused && bench.opened.lock().unwrap().is_empty(), "no file is read again");
    assert_eq!(fs::read(&second.archive).unwrap(), before);
    let commits: Vec<_> =
        second.manifest.revisions.iter().map(|found| found.commit.as_str()).collect();
    assert_eq!((commits, second.manifest.dirty), (vec!["one", "two"], false));
    assert!(up_to_date(&wanted));

    // So does what a changed set of controls says of the same bytes.
    bench.controls = ControlCounts { passed: 7, ..ControlCounts::default() };
    let again = bench.pack().unwrap();
    assert_eq!((again.reused, again.manifest.controls.passed), (true, 7));

    // The same by `refresh`, which needs no tree.
    let third = revision("three");
    let wanted = Wanted { revision: Some(&third), ..wanted };
    assert!(refresh(&wanted).unwrap() && up_to_date(&wanted));
    let absent = Wanted { digest: Digest::of(b"else"), ..wanted };
    assert!(!refresh(&absent).unwrap());
}

type Damage<'a> = &'a dyn Fn();

#[test]
fn missing_and_broken_files_are_packed_again() {
    let bench = Bench::new([Layer::bootable()]);
    let report = bench.pack().unwrap();
    let out = bench.out();
    let wanted = Wanted {
        out: &out,
        image: "summit-compute",
        digest: bench.digest,
        compression: bench.compression,
        revision: None,
    };
    let whole = [&report.archive, &report.kernel].map(|path| (path, fs::read(path).unwrap()));
    let damages: [(&str, Damage<'_>, OutState); 4] = [
        ("archive gone", &|| fs::remove_file(&report.archive).unwrap(), OutState::Absent),
        ("kernel cut short", &|| fs::write(&report.kernel, "k").unwrap(), OutState::Absent),
        ("manifest gone", &|| fs::remove_file(&report.manifest_path).unwrap(), OutState::Absent),
        (
            "link gone",
            &|| fs::remove_file(out.join("vmlinuz-summit-compute-latest")).unwrap(),
            OutState::Refresh,
        ),
    ];
    for (what, damage, want) in damages {
        assert_eq!(state(&wanted), OutState::UpToDate, "before: {what}");
        damage();
        assert_eq!(state(&wanted), want, "{what}");
        bench.pack().unwrap();
        for (path, bytes) in &whole {
            assert_eq!(&fs::read(path).unwrap(), bytes, "{what}");
        }
    }
}

#[test]
fn a_name_that_is_taken_is_an_error() {
    let taken = |bench: &Bench| match bench.pack() {
        Err(PackError::NameTaken { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let mut bench = Bench::new([Layer::bootable()]);
    let report = bench.pack().unwrap();

    // The same first eight digits, but another digest.
    let mut bytes = *bench.digest.as_bytes();
    bytes[31] ^= 1;
    let digest = std::mem::replace(&mut bench.digest, Digest::from_bytes(bytes));
    assert_eq!(taken(&bench), format!("for another image, {digest}"));
    bench.digest = digest;

    // The same digest, but another tree.
    bench.layers[0].file("other", "bytes");
    assert!(taken(&bench).starts_with("with other bytes, packed by zstd level 3 by libzstd"));
    fs::remove_file(report.manifest_path).unwrap();
    assert_eq!(taken(&bench), "with other bytes and without a manifest");
    assert_eq!(listing(&bench).len(), 5, "nothing was added");
}

#[test]
fn old_images_go_and_latest_stays() {
    let mut bench = Bench::new([Layer::bootable()]);
    bench.keep = 2;
    let digest = |number: u64| Digest::of(&number.to_le_bytes());
    let age = |path: &std::path::Path, number: u64| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + number);
        File::open(path).unwrap().set_modified(time).unwrap();
    };
    for number in 0..2 {
        bench.digest = digest(number);
        let report = bench.pack().unwrap();
        assert!(report.removed.is_empty());
        age(&report.manifest_path, number);
    }
    // Another image, and files that are nobody's, are left alone.
    for other in ["summit-computer-0123abcd.json", "summit-compute-0123abcd.json", "notes"] {
        fs::write(bench.out().join(other), "{}").unwrap();
    }
    // Back to the older one: it is `latest` now, and the newest may go instead.
    bench.digest = digest(0);
    age(&bench.pack().unwrap().manifest_path, 0);
    bench.digest = digest(2);
    let report = bench.pack().unwrap();
    assert_eq!(report.removed, [format!("summit-compute-{}", digest(0).short())]);
    let names = listing(&bench).join("\n");
    assert!(!names.contains(&digest(0).short()), "{names}");
    assert_eq!(listing(&bench).len(), 6 + 3 + 3, "{names}");
}

#[test]
fn a_killed_run_leaves_nothing_that_stays() {
    let bench = Bench::new([Layer::bootable()]);
    fs::create_dir_all(bench.out()).unwrap();
    let left = bench.out().join(".summit-compute-0123abcd.cpio.zst.7-0.forge-tmp");
    let used = bench.out().join(".summit-compute-0123abcd.cpio.zst.8-0.forge-tmp");
    fs::write(&left, "half").unwrap();
    let other_run = File::create(&used).unwrap();
    other_run.lock().unwrap();
    bench.pack().unwrap();
    assert!(!left.exists(), "nobody writes it");
    assert!(used.exists(), "another run writes it");
}

#[test]
fn an_archive_with_a_secret_is_for_its_owner_alone() {
    let mut secret = Layer::default();
    secret.file("key", "value");
    let mut bench = Bench::new([Layer::bootable(), secret]);
    bench.secret_layer = Some(1);
    let report = bench.pack().unwrap();
    assert!(report.manifest.holds_secrets);
    assert_eq!(fs::metadata(report.archive).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = |class: &str| fs::read_dir(bench.dir.path().join("segments").join(class)).is_ok();
    assert!(kept("secret") && !kept("open"), "its segment is kept apart");
}

#[test]
fn capabilities_are_named() {
    let mut layer = Layer::bootable();
    layer.file("ping", "x");
    let entry = layer.manifest.entries.get_mut(&crate::support::path("ping")).unwrap();
    entry.xattrs.insert("security.capability".to_owned(), vec![1]);
    assert_eq!(Bench::new([layer]).pack().unwrap().manifest.capabilities, ["/ping"]);
}
