//! What is in a packed archive, read back by the `cpio` crate, GNU cpio and bsdtar.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::support::{Bench, Layer, path};
use forge_artifact::{PackError, SENTINEL};
use forge_model::{Compression, EntryKind};

/// An entry as the `cpio` crate reads it.
#[derive(Debug, PartialEq)]
struct Found {
    name: String,
    mode: u32,
    links: u32,
    inode: (u32, u32, u32),
    data: Vec<u8>,
}

fn entries(mut bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    loop {
        let mut reader = cpio::NewcReader::new(bytes).unwrap();
        let entry = reader.entry();
        if entry.is_trailer() {
            return found;
        }
        let mut read = Found {
            name: entry.name().to_owned(),
            mode: entry.mode(),
            links: entry.nlink(),
            inode: (entry.dev_major(), entry.dev_minor(), entry.ino()),
            data: Vec::new(),
        };
        reader.read_to_end(&mut read.data).unwrap();
        bytes = reader.finish().unwrap();
        found.push(read);
    }
}

fn names(entries: &[Found]) -> String {
    entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let mut layer = Layer::bootable();
    layer.directory("dev").directory("etc").file("etc/empty", "").file("etc/motd", "welcome\n");
    layer.add(&path("dev/null"), EntryKind::CharDevice { device: (1, 3) }, 0o666);
    layer.add(&path("dev/initctl"), EntryKind::Fifo, 0o600);
    layer.file("boot/initrd.img-6.1.0-1-amd64", "x").file("boot/System.map-6.1.0-1-amd64", "x");
    layer.file("boot/config-6.1.0-1-amd64", "x");
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut bench = Bench::new([layer.clone()]);
        bench.compression = compression;
        let report = bench.pack().unwrap();
        let bytes = bench.cpio(&report);
        let found = entries(&bytes);
        assert_eq!(
            names(&found),
            ". boot boot/config-6.1.0-1-amd64 dev dev/initctl dev/null etc etc/empty etc/motd init \
             zzz-forge-end"
        );
        let by_name: BTreeMap<_, _> =
            found.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        assert_eq!(by_name["dev/null"].mode, 0o020_666);
        assert_eq!(by_name["etc/motd"].data, b"welcome\n");
        assert_eq!(by_name["init"].data, b"usr/lib/systemd/systemd");
        assert_eq!(by_name[SENTINEL].data, format!("{}\n", bench.digest).as_bytes());
        assert_eq!(report.manifest.archive.unpacked, bytes.len() as u64);
        assert_eq!(fs::read(&report.kernel).unwrap(), b"kernel");
    }
}

#[test]
fn hard_links_stand_together_after_all_of_their_parents() {
    let mut lower = Layer::bootable();
    lower.directory("bin").directory("lib");
    lower.linked("bin/a", "same", Some("bin/a")).file("bin/b", "other");
    lower.linked("lib/c", "same", Some("bin/a")).linked("lib/d", "same", Some("bin/a"));
    lower.linked("lib/single", "left", Some("bin/gone"));
    // A group of the same name in another layer has nothing to do with the one below.
    let mut upper = Layer::default();
    upper.linked("bin/a", "new", Some("bin/a")).linked("lib/e", "new", Some("bin/a"));
    let bench = Bench::new([lower, upper]);
    let found = entries(&bench.cpio(&bench.pack().unwrap()));
    assert_eq!(
        names(&found),
        ". bin bin/b boot init lib lib/c lib/d bin/a lib/e lib/single zzz-forge-end"
    );
    let of = |name: &str| found.iter().find(|entry| entry.name == name).unwrap();
    for (first, last, data) in [("lib/c", "lib/d", "same"), ("bin/a", "lib/e", "new")] {
        assert_eq!((of(first).links, of(last).links), (2, 2));
        assert_eq!(of(first).inode, of(last).inode);
        assert_eq!((of(first).data.len(), of(last).data.as_slice()), (0, data.as_bytes()));
    }
    assert_ne!(of("lib/c").inode, of("bin/a").inode);
    assert_eq!((of("lib/single").links, of("lib/single").inode), (1, (0, 0, 0)));
}

type Change<'a> = &'a dyn Fn(&mut Layer);

#[test]
fn what_a_kernel_would_drop_silently_is_an_error() {
    let long = format!("{}x", "d/".repeat(2048));
    let deep = |layer: &mut Layer| {
        for depth in 1..=2048 {
            layer.directory(&"d/".repeat(depth));
        }
        layer.file(&long, "x");
    };
    let huge = |layer: &mut Layer| {
        let digest = forge_model::Digest::of(b"");
        layer.add(&path("huge"), EntryKind::File { size: 1 << 32, digest, group: None }, 0o644);
    };
    let cases: [(Change<'_>, &str); 7] = [
        (&|layer| _ = layer.file("TRAILER!!!", "x"), "ends at this name"),
        (&|layer| _ = layer.file(SENTINEL, "x"), "its own file"),
        (&|layer| _ = layer.file("no/parent", "x"), "`/no` is no directory"),
        (&|layer| _ = layer.symlink("empty", ""), "its target has 0 bytes"),
        (&|layer| _ = layer.symlink("far", &"x".repeat(4096)), "its target has 4096 bytes"),
        (&deep, "more than 4095 bytes"),
        (&huge, "has 4294967296 bytes, and a file in a cpio archive at most 4294967295"),
    ];
    for (change, want) in cases {
        let mut layer = Layer::bootable();
        change(&mut layer);
        let error = Bench::new([layer]).pack().unwrap_err();
        assert!(
            matches!(&error, PackError::Unpackable { why, .. } if why.contains(want)),
            "{error}"
        );
    }
}

#[test]
fn an_image_has_one_kernel() {
    let mut none = Layer::bootable();
    none.manifest.entries.remove(&path("boot/vmlinuz-6.1.0-1-amd64"));
    let mut two = Layer::bootable();
    two.file("boot/vmlinuz-6.1.0-2-amd64", "x");
    let cases = [
        (none, "no kernel: no `/boot/vmlinuz-*` is in the image"),
        (
            two,
            "an image has one kernel, and this one has 2: \
             `/boot/vmlinuz-6.1.0-1-amd64`, `/boot/vmlinuz-6.1.0-2-amd64`",
        ),
    ];
    for (layer, want) in cases {
        assert_eq!(Bench::new([layer]).pack().unwrap_err().to_string(), want);
    }
}

#[test]
fn content_that_is_not_what_the_manifest_says_is_found() {
    for (content, want) in [("other!!\n", "its digest is not"), ("x", "it has 1 bytes, not 8")] {
        let mut layer = Layer::bootable();
        layer.file("motd", "welcome\n");
        layer.bytes.insert(path("motd"), content.into());
        let mut bench = Bench::new([layer]);
        let error = bench.pack().unwrap_err();
        assert!(
            matches!(&error, PackError::Content { why, .. } if why.starts_with(want)),
            "{error}"
        );
        assert_eq!(fs::read_dir(bench.out()).unwrap().count(), 0, "nothing is left");
        // The digest of a secret's file is a keyed MAC: only its size can be compared.
        bench.secret_layer = Some(0);
        assert_eq!(bench.pack().is_ok(), content.len() == 8);
    }
}

#[test]
fn other_programs_read_the_whole_archive() {
    let mut layer = Layer::bootable();
    layer.directory("a").directory("b");
    layer.linked("a/x", "linked", Some("a/x")).linked("b/y", "linked", Some("a/x"));
    layer.file(b"a/not\xffutf8 \n\"", "odd").symlink("b/link", "../a/x");
    // Enough for several segments.
    for number in 0..40_u32 {
        layer.file(format!("b/{number}"), vec![number.to_le_bytes()[0]; 400_000]);
    }
    for (program, unpack) in
        [("cpio", "cpio -idm --quiet < ../plain"), ("bsdtar", "bsdtar -xf ../plain")]
    {
        if !installed(program) {
            continue;
        }
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut bench = Bench::new([layer.clone()]);
            bench.compression = compression;
            let report = bench.pack().unwrap();
            assert!(report.segments > 3, "{} segments", report.segments);
            let dir = bench.dir.path().join("unpacked");
            fs::create_dir(&dir).unwrap();
            fs::write(bench.dir.path().join("plain"), bench.cpio(&report)).unwrap();
            shell(&dir, unpack);
            let inode = |name: &str| fs::metadata(dir.join(name)).unwrap().ino();
            assert_eq!(inode("a/x"), inode("b/y"), "{program}");
            assert_eq!(fs::read(dir.join("b/y")).unwrap(), b"linked");
            assert_eq!(fs::read(dir.join("b/39")).unwrap(), vec![39; 400_000]);
            assert!(dir.join(SENTINEL).is_file(), "{program} read to the end");
            assert_eq!(fs::read_dir(dir.join("a")).unwrap().count(), 2);
        }
    }
}

#[test]
fn zcat_gives_the_same_bytes() {
    let mut layer = Layer::bootable();
    for number in 0..20_u32 {
        layer.file(format!("f{number}"), vec![b'x'; 700_000]);
    }
    for (compression, program) in [(Compression::Gzip, "zcat"), (Compression::Zstd, "zstdcat")] {
        if !installed(program) {
            continue;
        }
        let mut bench = Bench::new([layer.clone()]);
        bench.compression = compression;
        let report = bench.pack().unwrap();
        shell(bench.dir.path(), &format!("{program} {} > plain", report.archive.display()));
        let plain = fs::read(bench.dir.path().join("plain")).unwrap();
        assert!(plain == bench.cpio(&report), "{program}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the runtime's own way is in a crate above this one")]
fn run(dir: &Path, line: &str) -> std::process::Output {
    std::process::Command::new("sh").arg("-c").arg(line).current_dir(dir).output().unwrap()
}

fn installed(program: &str) -> bool {
    run(Path::new("/"), &format!("command -v {program}")).status.success()
}

fn shell(dir: &Path, line: &str) {
    let output = run(dir, line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}
