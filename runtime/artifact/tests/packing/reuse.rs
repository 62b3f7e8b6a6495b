//! What is compressed again when something changes.

use std::fs;

use forge_model::{Compression, Digest};

use crate::support::{Bench, Layer, path};

/// About 19 MB in 600 files.
fn large() -> Layer {
    let mut layer = Layer::bootable();
    for directory in 0..20 {
        layer.directory(&format!("d{directory}"));
        for file in 0..30_usize {
            let line = format!("line of {directory}/{file}\n");
            let size = 1000 + file * file * 100;
            layer.file(format!("d{directory}/f{file}"), line.repeat(size / line.len()));
        }
    }
    layer
}

#[test]
fn a_changed_file_costs_its_own_segment() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut bench = Bench::new([large()]);
        bench.compression = compression;
        let first = bench.pack().unwrap();
        assert!(first.segments > 3 && first.compressed == first.segments - 1);
        bench.opened.lock().unwrap().clear();
        bench.layers[0].file("d7/f3", "another line\n");
        bench.digest = Digest::of(b"next");
        let second = bench.pack().unwrap();
        assert_eq!((second.segments, second.compressed), (first.segments, 1));
        // Files of other segments are not even opened.
        let files: usize = bench.layers[0].bytes.len();
        assert!(bench.opened.lock().unwrap().len() < files / 2);

        // A build from nothing gives the same bytes.
        let mut fresh = Bench::new([bench.layers[0].clone()]);
        fresh.compression = compression;
        fresh.digest = bench.digest;
        let alone = fresh.pack().unwrap();
        assert_eq!(alone.manifest, second.manifest);
        assert!(fs::read(alone.archive).unwrap() == fs::read(second.archive).unwrap());
    }
}

#[test]
fn a_cached_segment_that_rotted_is_made_again() {
    let mut bench = Bench::new([large()]);
    let first = bench.pack().unwrap();
    let cache = bench.dir.path().join("segments/open");
    let rotten = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_none())
        .unwrap();
    let mut bytes = fs::read(&rotten).unwrap();
    bytes[100] ^= 1;
    fs::write(&rotten, bytes).unwrap();
    bench.digest = Digest::of(b"next");
    let second = bench.pack().unwrap();
    assert_eq!(second.compressed, 1);
    // The sentinel in the last segment holds the digest; everything before it is equal.
    let (first, second) = (bench.cpio(&first), bench.cpio(&second));
    let same = first.len() - 300;
    assert!(first[..same] == second[..same]);
}

#[test]
fn a_cache_that_keeps_nothing_is_reported() {
    let bench = Bench::new([large()]);
    // A file where the cache wants its directory.
    fs::write(bench.dir.path().join("segments"), "").unwrap();
    let report = bench.pack().unwrap();
    assert!(report.not_kept.is_some());
    assert_eq!(report.compressed, report.segments - 1);
}

#[test]
fn metadata_alone_changes_the_segment() {
    let mut bench = Bench::new([large()]);
    bench.pack().unwrap();
    for (number, change) in [0o600, 0o4755].into_iter().enumerate() {
        bench.layers[0].manifest.entries.get_mut(&path("d3/f9")).unwrap().mode = change;
        bench.digest = Digest::of(&number.to_le_bytes());
        assert_eq!(bench.pack().unwrap().compressed, 1);
    }
}
