use std::io::Write as _;

use super::*;

const RULES: Rules = Rules { strip: 0, setuid: false };

/// A member to write: path, type, mode, content or target.
type Wanted<'a> = (&'a str, EntryType, u32, &'a str);

/// An archive whose members are written as they are, whatever they say.
fn tar(members: &[Wanted<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, mode, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_700_000_000);
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        let content = if kind.is_file() { text.as_bytes() } else { b"" };
        if !kind.is_file() {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpack(
    bytes: &[u8],
    rules: Rules,
) -> (tempfile::TempDir, Result<BTreeMap<ImagePath, Member>, ArchiveError>) {
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("archive");
    std::fs::write(&archive, bytes).unwrap();
    let files = scratch.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let members = read(&archive, rules, &files);
    (scratch, members)
}

fn listing(members: &BTreeMap<ImagePath, Member>) -> Vec<String> {
    let line = |(path, member): (&ImagePath, &Member)| match member {
        Member::Directory { mode } => format!("{path}/ {mode:04o}"),
        Member::File { mode, size, .. } => format!("{path} {mode:04o} {size}"),
        Member::Link { target } => format!("{path} -> {target}"),
    };
    members.iter().map(line).collect()
}

const TREE: &[Wanted<'_>] = &[
    ("lmod-8.7/", EntryType::Directory, 0o775, ""),
    ("lmod-8.7/bin/lmod", EntryType::Regular, 0o755, "#!/bin/sh\n"),
    ("lmod-8.7/bin/module", EntryType::Link, 0o755, "lmod-8.7/bin/lmod"),
    ("lmod-8.7/current", EntryType::Symlink, 0o777, "../elsewhere"),
    ("./lmod-8.7/./README", EntryType::Regular, 0o644, "read\n"),
    ("lmod-8.7/bin.d/x", EntryType::Regular, 0o600, ""),
];

#[test]
fn members_are_stripped_and_kept_in_every_compression() {
    let want = [
        "/README 0644 5",
        "/bin.d/x 0600 0",
        "/bin/lmod 0755 10",
        "/bin/module 0755 10",
        "/current -> ../elsewhere",
    ];
    let plain = tar(TREE);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&plain).unwrap();
    let forms = [
        ("plain", plain.clone()),
        ("gzip", gzip.finish().unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("zstd", zstd::encode_all(plain.as_slice(), 1).unwrap()),
        ("xz", xz(&plain)),
    ];
    let rules = Rules { strip: 1, ..RULES };
    for (name, bytes) in forms {
        let (scratch, members) = unpack(&bytes, rules);
        let members = members.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut listed = listing(&members);
        listed.sort();
        assert_eq!(listed, want, "{name}");
        let path = ImagePath::new("/bin/lmod").unwrap();
        let Some(Member::File { number, digest, .. }) = members.get(&path) else {
            panic!("no file");
        };
        let bytes = std::fs::read(scratch.path().join("files").join(number.to_string())).unwrap();
        assert_eq!((bytes.as_slice(), Digest::of(&bytes)), (&b"#!/bin/sh\n"[..], *digest));
    }
    let (_scratch, cut) = unpack(&xz(&plain)[..200], rules);
    assert!(cut.is_err(), "an archive that ends early");
}

/// Compressed by the host's own program, as archives of others are.
fn xz(bytes: &[u8]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive");
    std::fs::write(&path, bytes).unwrap();
    let command = forge_sys::process::Command::new("xz").arg(&path);
    assert!(command.run().unwrap().success());
    std::fs::read(directory.path().join("archive.xz")).unwrap()
}

#[test]
fn hostile_members_are_refused_by_name() {
    use EntryType as Type;
    let file = |path| (path, Type::Regular, 0o644, "x");
    let cases: &[(&[Wanted<'_>], &str)] = &[
        (&[file("/etc/passwd")], "its member `/etc/passwd` has an absolute path"),
        (
            &[file("a/../../etc/passwd")],
            "its member `a/../../etc/passwd` leaves the directory by `..`",
        ),
        (
            &[("out", Type::Symlink, 0o777, "/etc"), file("out/passwd")],
            "its member `out/passwd` leads through the archive's own link `/out`",
        ),
        (
            &[("out", Type::Symlink, 0o777, "../.."), file("out/a/b/c")],
            "its member `out/a/b/c` leads through the archive's own link `/out`",
        ),
        (&[file("a"), file("a/b")], "its member `a/b` lies below the archive's own file `/a`"),
        (
            &[file("a/b"), ("a", Type::Symlink, 0o777, "/etc")],
            "its member `a` stands where the archive has a directory",
        ),
        (
            &[("a/", Type::Directory, 0o755, ""), file("a")],
            "its member `a` stands where the archive has a directory",
        ),
        (&[("sda", Type::Block, 0o660, "")], "its member `sda` is a device"),
        (&[("null", Type::Char, 0o666, "")], "its member `null` is a device"),
        (&[("pipe", Type::Fifo, 0o644, "")], "its member `pipe` is a pipe"),
        (
            &[("su", Type::Regular, 0o4755, "x")],
            "its member `su` would run as its owner or group; if it may, write `setuid=#true`",
        ),
        (
            &[("shadow", Type::Link, 0o644, "/etc/shadow")],
            "its member `shadow` has an absolute path",
        ),
        (
            &[("shadow", Type::Link, 0o644, "../etc/shadow")],
            "its member `shadow` leaves the directory by `..`",
        ),
        (
            &[("twin", Type::Link, 0o644, "other")],
            "its member `twin` is a second name of a file that the archive does not have",
        ),
        (
            &[("void", Type::Symlink, 0o777, "")],
            "its member `void` is a link without a target that a link can have",
        ),
    ];
    for (members, want) in cases {
        let (_scratch, found) = unpack(&tar(members), RULES);
        assert_eq!(found.unwrap_err().to_string(), *want);
    }
    let setuid = tar(&[("su", Type::Regular, 0o4755, "x")]);
    let (_scratch, found) = unpack(&setuid, Rules { setuid: true, ..RULES });
    assert_eq!(listing(&found.unwrap()), ["/su 4755 1"]);
}

#[test]
fn what_is_no_archive_is_told_from_what_is_broken() {
    let cases: [(&[u8], usize, &str); 4] = [
        (b"<html>not found</html>", 0, "it is no tar archive"),
        (b"", 0, "it is no tar archive"),
        (&[0x1f, 0x8b, 0, 0, 0, 0, 0, 0], 0, "it "),
        (&tar(TREE), 9, "`strip=9` leaves nothing of it"),
    ];
    for (bytes, strip, want) in cases {
        let (_scratch, found) = unpack(bytes, Rules { strip, ..RULES });
        let error = found.unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }
    // A later member of the same name takes the place of an earlier one, as tar has it.
    let twice =
        tar(&[("a", EntryType::Regular, 0o644, "one"), ("a", EntryType::Regular, 0o600, "three")]);
    let (_scratch, found) = unpack(&twice, RULES);
    assert_eq!(listing(&found.unwrap()), ["/a 0600 5"]);
}
