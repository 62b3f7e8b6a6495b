use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

use age::secrecy::ExposeSecret;
use forge_model::{MemorySources, Origin};

use super::*;

const PATH: &str = "secrets/munge.key.age";
const VALUE: &[u8] = b"\0\x01binary\xff key\n";

#[derive(Default)]
struct FakeBuilder {
    variables: BTreeMap<&'static str, String>,
    files: BTreeMap<&'static str, String>,
}

impl Builder for FakeBuilder {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).map(OsString::from)
    }

    fn read(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        let text = text.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Zeroizing::new(text.clone().into_bytes()))
    }
}

fn secret(source: SecretSource) -> SecretReference {
    let origin = Origin::new("secrets.kdl", 2, 1);
    SecretReference { name: "munge-key".to_owned(), source, origin }
}

fn age_secret(ciphertext: &[u8]) -> (SecretReference, MemorySources) {
    let mut sources = MemorySources::new();
    sources.insert(PATH, ciphertext);
    let file = SourceFile {
        path: PATH.to_owned(),
        digest: Digest::of(ciphertext),
        size: ciphertext.len() as u64,
        executable: false,
    };
    (secret(SecretSource::Age(file)), sources)
}

fn text(identity: &x25519::Identity) -> String {
    identity.to_string().expose_secret().to_owned()
}

#[test]
fn an_identity_comes_from_the_command_line_a_file_or_a_variable() {
    let identity = x25519::Identity::generate();
    let other = text(&x25519::Identity::generate());
    let file = format!("# created by age-keygen\n\n{}\n", text(&identity));
    let binary = age::encrypt(&identity.to_public(), VALUE).unwrap();
    let armored = age::encrypt_and_armor(&identity.to_public(), VALUE).unwrap();
    let builder = |variables: &[(&'static str, &str)]| FakeBuilder {
        variables: variables.iter().map(|(name, text)| (*name, (*text).to_owned())).collect(),
        files: [("/id", file.clone()), ("/other", other.clone())].into(),
    };
    let cases = [
        ("option", builder(&[]), Some("/id")),
        ("file variable", builder(&[(IDENTITY_FILE_VARIABLE, "/id")]), None),
        ("variable", builder(&[(IDENTITY_VARIABLE, &text(&identity))]), None),
        ("another first", builder(&[(IDENTITY_FILE_VARIABLE, "/id")]), Some("/other")),
    ];
    for (name, builder, option) in cases {
        let opener = Opener::on(builder, option.map(PathBuf::from));
        for ciphertext in [&binary[..], armored.as_bytes()] {
            let (reference, sources) = age_secret(ciphertext);
            let value = opener.open(&reference, &sources).unwrap();
            assert_eq!(value.expose(), VALUE, "{name}");
        }
    }
}

/// What `open` says, with its help.
fn failure(builder: FakeBuilder, reference: &SecretReference, sources: &MemorySources) -> String {
    let error = Opener::on(builder, None).open(reference, sources).unwrap_err();
    format!("{error}\n{}", error.help())
}

#[test]
fn a_missing_or_wrong_identity_says_what_was_tried() {
    let identity = x25519::Identity::generate();
    let (reference, sources) = age_secret(&age::encrypt(&identity.to_public(), VALUE).unwrap());
    let with = |name, value: &str| FakeBuilder {
        variables: [(name, value.to_owned())].into(),
        files: [("/empty", "# nothing\n".to_owned())].into(),
    };
    let cases = [
        (FakeBuilder::default(), vec!["`munge-key` (secrets.kdl:2)", "`--identity FILE`"]),
        (FakeBuilder::default(), vec![IDENTITY_FILE_VARIABLE, "AGE-SECRET-KEY-1…"]),
        (with(IDENTITY_FILE_VARIABLE, "/gone"), vec!["`/gone` holds no usable"]),
        (with(IDENTITY_FILE_VARIABLE, "/empty"), vec!["`/empty`", "no line with one"]),
        (with(IDENTITY_VARIABLE, "AGE-SECRET-KEY-1WRONG"), vec!["line 1 is not"]),
        (
            with(IDENTITY_VARIABLE, &text(&x25519::Identity::generate())),
            vec!["encrypted for another identity than the variable `FORGE_AGE_IDENTITY`"],
        ),
    ];
    for (builder, expected) in cases {
        let said = failure(builder, &reference, &sources);
        for part in expected {
            assert!(said.contains(part), "{said} lacks {part}");
        }
        assert!(!said.contains("WRONG"), "{said} quotes an identity");
    }
}

#[test]
fn broken_ciphertext_is_named() {
    let identity = x25519::Identity::generate();
    let good = age::encrypt(&identity.to_public(), VALUE).unwrap();
    let builder = || FakeBuilder {
        variables: [(IDENTITY_VARIABLE, text(&identity))].into(),
        ..FakeBuilder::default()
    };

    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for ciphertext in [&flipped[..], &good[..good.len() - 1], b"plain text", b""] {
        let (reference, sources) = age_secret(ciphertext);
        let said = failure(builder(), &reference, &sources);
        assert!(said.contains("cannot be decrypted: `secrets/munge.key.age`"), "{said}");
    }

    let (reference, mut sources) = age_secret(&good);
    sources.insert(PATH, b"another");
    let said = failure(builder(), &reference, &sources);
    assert!(said.contains("changed after the plan"), "{said}");

    let said = failure(builder(), &reference, &MemorySources::new());
    assert!(said.contains("there is no such file"), "{said}");
}

#[test]
fn variables_and_files_of_the_builder_are_taken_as_they_are() {
    let builder = FakeBuilder {
        variables: [("KEY", " value\n".to_owned()), ("BLANK", String::new())].into(),
        files: [("/etc/key", "from file\n".to_owned())].into(),
    };
    let opener = Opener::on(builder, None);
    let open = |source| opener.open(&secret(source), &MemorySources::new());
    let variable = |name: &str| SecretSource::Environment { variable: name.to_owned(), version: 1 };
    let file = |path: &str| SecretSource::File { path: path.to_owned(), version: 1 };

    assert_eq!(open(variable("KEY")).unwrap().expose(), b" value\n");
    assert_eq!(open(file("/etc/key")).unwrap().expose(), b"from file\n");
    assert!(matches!(open(variable("BLANK")), Err(SecretError::Empty { .. })));
    let missing = open(variable("NONE")).unwrap_err();
    assert!(missing.to_string().contains("`NONE`, which is not set"), "{missing}");
    assert!(missing.help().contains("export `NONE`"), "{}", missing.help());
    let missing = open(file("/none")).unwrap_err();
    assert!(missing.to_string().contains("`/none`, which cannot be read"), "{missing}");
}
