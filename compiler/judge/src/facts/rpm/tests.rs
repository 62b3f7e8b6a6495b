use std::io::Read as _;

use forge_model::NoAnswer;

use super::*;
use crate::testing::MemoryImage;

/// Databases that rpm and Berkeley DB made; `tests/rpm/make.sh` says how.
fn fixture(name: &str) -> Vec<u8> {
    let bytes: &[u8] = match name {
        "rpmdb.sqlite" => include_bytes!("../../../tests/rpm/rpmdb.sqlite.gz"),
        _ => include_bytes!("../../../tests/rpm/Packages.gz"),
    };
    let mut file = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut file).unwrap();
    file
}

/// The same packages in rpm's own form, as `rpmpkg.c` writes them.
fn ndb() -> Vec<u8> {
    let mut blobs = Vec::new();
    for (at, header) in sqlite::headers(&fixture("rpmdb.sqlite")).unwrap().iter().enumerate() {
        let Header { name, version, release, arch } = header;
        let texts = [
            (1000, Some(name)),
            (1001, Some(version)),
            (1002, Some(release)),
            (1022, arch.as_ref()),
        ];
        blobs.push((u32::try_from(at).unwrap() + 1, header_of(&texts)));
    }
    // A package that was removed leaves a free slot, and slots have no order.
    blobs.reverse();
    let mut file = b"RpmP\0\0\0\0\x01\0\0\0\x01\0\0\0".to_vec();
    file.resize(32, 0);
    let mut data = Vec::new();
    for (number, blob) in &blobs {
        let block = u32::try_from((4096 + data.len()) / 16).unwrap();
        file.extend_from_slice(b"Slot");
        for part in [*number, block, u32::try_from(blob.len() / 16 + 2).unwrap()] {
            file.extend_from_slice(&part.to_le_bytes());
        }
        data.extend_from_slice(b"BlbS");
        for part in [*number, 0, u32::try_from(blob.len()).unwrap()] {
            data.extend_from_slice(&part.to_le_bytes());
        }
        data.extend_from_slice(blob);
        data.extend_from_slice(b"\0\0\0\0\0\0\0\0BlbE");
        data.resize(data.len().next_multiple_of(16), 0);
    }
    while file.len() < 4096 {
        file.extend_from_slice(b"Slot\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    file.extend_from_slice(&data);
    file
}

fn header_of(texts: &[(u32, Option<&String>)]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, text) in texts {
        let Some(text) = text else { continue };
        for part in [*tag, 6, u32::try_from(data.len()).unwrap(), 1] {
            index.extend_from_slice(&part.to_be_bytes());
        }
        data.extend_from_slice(text.as_bytes());
        data.push(0);
    }
    let mut blob = u32::try_from(index.len() / 16).unwrap().to_be_bytes().to_vec();
    blob.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    [blob, index, data].concat()
}

#[test]
fn all_forms_hold_the_same_packages() {
    for (name, file) in [
        ("rpmdb.sqlite", fixture("rpmdb.sqlite")),
        ("Packages.db", ndb()),
        ("Packages", fixture("Packages")),
    ] {
        let path = format!("/var/lib/rpm/{name}");
        let image = MemoryImage::default().with_bytes(&path, &file);
        let record = RpmRecord::read(&image).unwrap().unwrap();
        assert_eq!((record.path.as_str(), record.packages.len()), (path.as_str(), 16), "{name}");
        for (package, version, arch) in [
            ("bash", "5.1.8-9.el9", "x86_64"),
            ("openssh-server", "8.7p1-38.el9", "x86_64"),
            // Two are installed: the last is taken.
            ("kernel", "5.14.0-362.el9", "x86_64"),
            ("large", "1-1", "noarch"),
            ("part19", "1.19-1", "noarch"),
        ] {
            let found = record.get(package).unwrap();
            assert_eq!(found.version, version, "{name} {package}");
            assert_eq!(found.arch.as_deref(), Some(arch), "{name} {package}");
        }
        assert_eq!(record.get("telnet-server"), None);
    }
}

#[test]
fn what_cannot_be_read_is_no_absence() {
    let why = |image: &MemoryImage| match RpmRecord::read(image) {
        Err(NoAnswer::Failed(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(RpmRecord::read(&MemoryImage::default()), Ok(None));
    let mut image = MemoryImage::default();
    image.file("/var/lib/rpm/rpmdb.sqlite", "");
    assert_eq!(
        why(&image),
        "`/var/lib/rpm/rpmdb.sqlite` cannot be read: it is no database of SQLite"
    );
    let mut image = MemoryImage::default();
    image.file("/usr/lib/sysimage/rpm/Packages", "text that is long enough for a header");
    assert!(why(&image).ends_with("it is no hash table of Berkeley DB"));
    let mut image = MemoryImage::default();
    image.file("/var/lib/rpm/rpmdb.lmdb", "");
    assert_eq!(why(&image), "`/var/lib/rpm` holds rpm's record in a form that is not known");
    let mut image =
        MemoryImage::default().with_bytes("/var/lib/rpm/rpmdb.sqlite", &fixture("rpmdb.sqlite"));
    image.file("/var/lib/rpm/rpmdb.sqlite-wal", "frames");
    assert!(why(&image).contains("rpmdb.sqlite-wal"), "{}", why(&image));
}

/// Any byte of any form may be wrong: that is an error or other packages, never a loop or a panic.
#[test]
fn hostile_databases_end() {
    type Form = (Vec<u8>, fn(&[u8]) -> Result<Vec<Header>, String>);
    let forms: [Form; 3] = [
        (fixture("rpmdb.sqlite"), sqlite::headers),
        (ndb(), ndb::headers),
        (fixture("Packages"), bdb::headers),
    ];
    for (file, read) in forms {
        for length in [0, 1, 15, 16, 99, 100, 512, 4095, 4096, 5000, file.len() / 2, file.len() - 1]
        {
            drop(read(&file[..length]));
        }
        let mut seed = 1_u64;
        let mut errors = 0;
        for _ in 0..3000 {
            let mut broken = file.clone();
            for _ in 0..4 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Most of a file is data, most of its structure stands at its begin.
                let most = if seed & 1 == 0 { 4200 } else { broken.len() };
                let at = usize::try_from(seed >> 33).unwrap() % most.min(broken.len());
                broken[at] = u8::try_from(seed >> 24 & 0xff).unwrap();
            }
            errors += usize::from(read(&broken).is_err());
        }
        assert!(errors > 0);
    }
}

#[test]
fn circles_are_errors() {
    // The root of `Packages` becomes an interior page that leads to itself.
    let mut file = fixture("rpmdb.sqlite");
    let root = (1..file.len() / 4096).find(|page| file[page * 4096] == INTERIOR_PAGE).unwrap();
    let number = u32::try_from(root + 1).unwrap();
    file[root * 4096 + 8..root * 4096 + 12].copy_from_slice(&number.to_be_bytes());
    let why = sqlite::headers(&file).unwrap_err();
    assert_eq!(why, format!("page {number} belongs to two things"));
}

/// A page of a table that leads to others.
const INTERIOR_PAGE: u8 = 5;
