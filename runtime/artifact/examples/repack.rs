//! Measures the packer on a made-up tree: `repack [MEGABYTES [gzip|zstd [LEVEL]]]`.
//!
//! Prints milliseconds for a first run, for a run after a change of one line, and for the test
//! whether anything is to be done. Build it with `--release`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use forge_artifact::{
    CachedSegment, ControlCounts, PackReport, PackRequest, SegmentCache, SegmentKey, Wanted, pack,
    up_to_date,
};
use forge_model::{
    Compression, Digest, Entry, EntryKind, ImagePath, Manifest, Tree, TreeEntry, Xattrs,
};

type Failure = Box<dyn Error>;

struct Directory(PathBuf);

impl SegmentCache for Directory {
    fn get(&self, key: &SegmentKey) -> Option<CachedSegment> {
        let path = self.0.join(key.digest.to_hex());
        let digest = fs::read_to_string(path.with_extension("digest")).ok()?.parse().ok()?;
        Some(CachedSegment { path, digest })
    }

    fn put(&self, key: &SegmentKey, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(key.digest.to_hex());
        fs::write(path.with_extension("digest"), Digest::of(bytes).to_hex())?;
        fs::write(path, bytes)
    }
}

/// Text that compresses about as an operating system's files do.
fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 16);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state.is_multiple_of(3) {
            bytes.extend_from_slice(&state.to_le_bytes());
        } else {
            let word = state >> 40 & 0x3ff;
            bytes.extend_from_slice(format!("word_{word} = {}\n", word * 7).as_bytes());
        }
    }
    bytes.truncate(size);
    bytes
}

fn path(text: &str) -> Result<ImagePath, Failure> {
    ImagePath::new(text).ok_or_else(|| "a path that leaves the tree".into())
}

fn add(manifest: &mut Manifest, at: &str, kind: EntryKind) -> Result<(), Failure> {
    let entry = Entry { kind, mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: Xattrs::new() };
    manifest.entries.insert(path(at)?, entry);
    Ok(())
}

fn add_file(root: &Path, manifest: &mut Manifest, at: &str, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(root.join(at), bytes)?;
    let (size, digest) = (bytes.len() as u64, Digest::of(bytes));
    add(manifest, at, EntryKind::File { size, digest, group: None })
}

fn tree(root: &Path, megabytes: usize) -> Result<Manifest, Failure> {
    let mut manifest = Manifest::default();
    let directory = EntryKind::Directory { opaque: false };
    fs::create_dir_all(root.join("boot"))?;
    add(&mut manifest, "boot", directory.clone())?;
    add_file(root, &mut manifest, "boot/vmlinuz-6.1.0-1-amd64", &content(7, 8 << 20))?;
    let mut written = 0;
    for number in 0_u64.. {
        if written >= megabytes << 20 {
            break;
        }
        let parent = format!("d{:03}", number / 30);
        if number.is_multiple_of(30) {
            fs::create_dir(root.join(&parent))?;
            add(&mut manifest, &parent, directory.clone())?;
        }
        // Most files are small, a few are large, as on a real system: 42 KiB on the average.
        let size = if number.is_multiple_of(50) {
            1_800_000
        } else {
            500 + usize::try_from(number % 37)? * 400
        };
        add_file(root, &mut manifest, &format!("{parent}/f{number}"), &content(number, size))?;
        written += size;
    }
    Ok(manifest)
}

struct Bench<'a> {
    dir: &'a Path,
    compression: Compression,
    level: i32,
}

impl Bench<'_> {
    fn pack(&self, manifest: &Manifest) -> Result<(PackReport, f64), Failure> {
        let start = Instant::now();
        let tree = Tree::merge([manifest]);
        let open = |at: &ImagePath, _: &TreeEntry| {
            File::open(self.dir.join("tree").join(String::from_utf8_lossy(at.as_bytes()).as_ref()))
        };
        let report = pack(&PackRequest {
            image: "bench",
            cluster: "bench",
            image_type: "bench",
            arch: "amd64",
            digest: manifest.digest(),
            cmdline: None,
            compression: self.compression,
            level: self.level,
            tree: &tree,
            layers: Vec::new(),
            secret_layer: None,
            revision: None,
            packages: Vec::new(),
            controls: ControlCounts::default(),
            content: &open,
            cache: &Directory(self.dir.join("segments")),
            out: &self.dir.join("out"),
            keep: 2,
        })?;
        Ok((report, start.elapsed().as_secs_f64() * 1e3))
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let megabytes = arguments.next().map_or(Ok(400), |text| text.parse())?;
    let compression = match arguments.next().as_deref() {
        Some("gzip") => Compression::Gzip,
        _ => Compression::Zstd,
    };
    let level = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("segments"))?;
    let mut manifest = tree(&dir.path().join("tree"), megabytes)?;
    let bench = Bench { dir: dir.path(), compression, level };
    let mut out = io::stdout().lock();

    let (report, time) = bench.pack(&manifest)?;
    let archive = &report.manifest.archive;
    let (unpacked, packed) = (archive.unpacked >> 20, archive.size >> 20);
    writeln!(out, "{} entries, {unpacked} MiB to {packed} MiB", manifest.entries.len())?;
    writeln!(out, "first run       {time:7.1} ms, {} segments", report.segments)?;
    let mut times = Vec::new();
    for round in 0..15 {
        let at = format!("d{:03}/f{}", round, round * 30 + 1);
        let line = format!("changed in round {round}\n");
        add_file(&dir.path().join("tree"), &mut manifest, &at, line.as_bytes())?;
        let (report, time) = bench.pack(&manifest)?;
        if report.compressed != 1 {
            return Err("a changed line costs one segment".into());
        }
        times.push(time);
    }
    times.sort_by(f64::total_cmp);
    let (least, median, most) = (times[0], times[7], times[14]);
    writeln!(out, "one line        {median:7.1} ms ({least:.1} to {most:.1}, 15 runs)")?;
    let wanted = Wanted {
        out: &dir.path().join("out"),
        image: "bench",
        digest: manifest.digest(),
        compression,
        revision: None,
    };
    let start = Instant::now();
    let nothing = up_to_date(&wanted);
    let time = start.elapsed().as_secs_f64() * 1e3;
    writeln!(out, "nothing to do   {time:7.2} ms: {nothing}")?;
    Ok(())
}
