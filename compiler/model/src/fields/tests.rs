//! Every part of every kind of action is changed in turn, through its serialized form, so that a
//! part that is added later is covered without anyone thinking of it.
//!
//! A new field or kind does not compile here before the samples have it (`variants.rs`); the book's
//! table is printed from the same changes (`table.rs`).

mod controls;
mod table;
mod variants;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::controls::{control, inspec_profile};

use crate::{
    Action, Base, Change, ChangeKind, Changes, Check, Compression, Content, Control, DeclaredPath,
    Digest, Edit, ExpectFailed, Expectation, Fetch, ImagePath, InspecInput, InspecProfile,
    InspecSkip, Level, Located, Mirror, Operator, Origin, OutputSettings, Pack, PackageSources,
    Packages, Pin, PinTo, Preseed, Property, Protected, Repository, Resolve, Resource, Run, Scalar,
    SecretFile, SecretReference, SecretSource, Secrets, SourceFile, Stamp, Unpack, User, Verify,
};

fn origin() -> Origin {
    Origin { file: "roles/a/role.kdl".into(), line: 3, column: 5 }
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

fn source(name: &str) -> SourceFile {
    let (path, digest) = (format!("roles/a/{name}"), Digest::of(name.as_bytes()));
    SourceFile { path, digest, size: 7, executable: false }
}

fn names() -> Vec<Located<String>> {
    ["munge", "slurmd"].map(|name| Located { value: name.to_owned(), origin: origin() }).into()
}

fn sources() -> PackageSources {
    let mirror =
        |name: &str| Mirror { name: name.to_owned(), url: format!("https://{name}.example.org") };
    PackageSources {
        suite: "bookworm".to_owned(),
        components: vec!["main".to_owned(), "contrib".to_owned()],
        updates: true,
        mirror: Some(mirror("debian")),
        security: Some(mirror("debian-security")),
    }
}

fn repositories() -> Vec<Repository> {
    let repository = |name: &str| Repository {
        name: name.to_owned(),
        url: format!("https://{name}.example.org"),
        suites: vec!["bookworm".to_owned(), "bookworm-fixes".to_owned()],
        components: vec!["main".to_owned(), "extra".to_owned()],
        key: Some(source("site.asc")),
        login: secrets().into_iter().nth(1),
        origin: origin(),
    };
    vec![repository("site"), repository("more")]
}

fn pins() -> Vec<Pin> {
    let pin = |package: &str, to, priority| Pin {
        package: package.to_owned(),
        to,
        priority,
        origin: origin(),
    };
    vec![
        pin("slurmd", PinTo::Version("23.11.*".to_owned()), 1001),
        pin("*", PinTo::Release("n=bookworm-backports".to_owned()), 100),
    ]
}

fn answers() -> Vec<Preseed> {
    let answer = |question: &str, value: &str| Preseed {
        owner: "tzdata".to_owned(),
        question: question.to_owned(),
        kind: "select".to_owned(),
        value: value.to_owned(),
        origin: origin(),
    };
    vec![answer("tzdata/Areas", "Etc"), answer("tzdata/Zones/Etc", "UTC")]
}

fn protected() -> Protected {
    vec![DeclaredPath { path: path("/etc/motd"), origin: origin() }].into()
}

fn secret(name: &str, source: SecretSource) -> SecretReference {
    SecretReference { name: name.to_owned(), source, origin: origin() }
}

fn secrets() -> Vec<SecretReference> {
    vec![
        secret("age-key", SecretSource::Age(source("key.age"))),
        secret("env-key", SecretSource::Environment { variable: "KEY".to_owned(), version: 1 }),
        secret("file-key", SecretSource::File { path: "/root/key".to_owned(), version: 1 }),
    ]
}

fn output() -> OutputSettings {
    OutputSettings {
        format: "initramfs".to_owned(),
        compression: Compression::Gzip,
        level: 6,
        allow_secrets: false,
    }
}

fn changes() -> Vec<ChangeKind> {
    let (owner, group) = ("ann".to_owned(), "adm".to_owned());
    let text = |text: &str| Some(text.to_owned());
    let unit = "ssh.service".to_owned();
    let edit = |edit| ChangeKind::Edit { path: path("/etc/ssh/sshd_config"), edit, create: false };
    vec![
        ChangeKind::Directory {
            path: path("/srv"),
            mode: 0o755,
            owner: owner.clone(),
            group: group.clone(),
            keep: true,
        },
        ChangeKind::File {
            path: path("/etc/motd"),
            content: Content::Text("hello".to_owned()),
            mode: 0o644,
            owner: owner.clone(),
            group: group.clone(),
        },
        ChangeKind::File {
            path: path("/etc/issue"),
            content: Content::Source(source("issue")),
            mode: 0o644,
            owner,
            group,
        },
        ChangeKind::Link { path: path("/etc/mtab"), target: "/proc/mounts".to_owned() },
        edit(Edit::Line {
            pattern: text("^PermitRootLogin"),
            text: "PermitRootLogin no".to_owned(),
            append: true,
        }),
        edit(Edit::Setting {
            section: text("Journal"),
            key: "Storage".to_owned(),
            separator: "=".to_owned(),
            value: "volatile".to_owned(),
        }),
        ChangeKind::Remove { pattern: "/var/log/*".to_owned() },
        ChangeKind::Group { name: "munge".to_owned(), gid: Some(210), system: true },
        ChangeKind::User(User {
            name: "munge".to_owned(),
            uid: Some(210),
            group: text("munge"),
            groups: vec!["adm".to_owned(), "tty".to_owned()],
            home: text("/nonexistent"),
            shell: text("/usr/sbin/nologin"),
            comment: "MUNGE".to_owned(),
            system: true,
            password: text("$y$j9T$salt$hash"),
            keys: vec!["ssh-ed25519 AAAA ann".to_owned(), "ssh-rsa AAAA".to_owned()],
        }),
        ChangeKind::Enable { unit: unit.clone() },
        ChangeKind::Disable { unit: unit.clone() },
        ChangeKind::Mask { unit },
        ChangeKind::KernelModules {
            keep: vec!["net".to_owned()],
            drop: vec!["snd*".to_owned()],
            firmware: false,
        },
    ]
}

/// One check for each operator and each kind of resource.
fn expect_failed() -> Vec<ExpectFailed> {
    let (unit, because) = ("gpu.service".to_owned(), "no GPU".to_owned());
    vec![ExpectFailed { unit, because, origin: origin() }]
}

fn run() -> Run {
    Run {
        name: "tune".to_owned(),
        script: source("tune.sh"),
        inputs: vec![("tune.conf".to_owned(), source("tune.conf"))],
        fetched: vec!["lmod".to_owned(), "tcl".to_owned()],
        environment: BTreeMap::from([("MODE".to_owned(), "fast".to_owned())]),
        secrets: secrets(),
        protected: protected(),
        origin: origin(),
    }
}

fn secret_files() -> Vec<SecretFile> {
    let file = |secret: SecretReference| SecretFile {
        path: path(&format!("/etc/{}", secret.name)),
        mode: 0o400,
        owner: "munge".to_owned(),
        group: "munge".to_owned(),
        secret,
        origin: origin(),
    };
    secrets().into_iter().map(file).collect()
}

/// Each kind of action, with nothing left empty.
fn samples() -> Vec<Action> {
    let text = str::to_owned;
    let arch = text("amd64");
    let changes = changes().into_iter().map(|what| Change::at(&origin(), what)).collect();
    let (image, cluster, image_type) = (text("summit-gpu"), text("summit"), text("gpu"));
    vec![
        Action::Resolve(Box::new(Resolve {
            arch: arch.clone(),
            sources: sources(),
            repositories: repositories(),
            pins: pins(),
            holds: names(),
            base: true,
            names: names(),
            files: vec![Located { value: source("x_1_all.deb"), origin: origin() }],
            recommends: false,
        })),
        Action::Base(Box::new(Base::Debian {
            arch: arch.clone(),
            sources: sources(),
            exclude_paths: vec![text("/usr/share/doc/*"), text("/usr/share/man/*")],
        })),
        Action::Base(Box::new(Base::Archive { arch: arch.clone(), source: source("base.tar") })),
        Action::Base(Box::new(Base::Tree {
            arch: arch.clone(),
            directory: text("bases/tree"),
            files: vec![(path("/etc/hostname"), source("hostname"))],
        })),
        Action::Packages(Box::new(Packages {
            arch: arch.clone(),
            names: names(),
            answers: answers(),
            holds: names(),
        })),
        Action::Fetch(Box::new(Fetch {
            name: text("lmod"),
            url: text("https://mirror.example.org/lmod.tar.gz"),
            sha256: "ab".repeat(32),
            origin: origin(),
        })),
        Action::Unpack(Box::new(Unpack {
            source: text("lmod"),
            into: path("/opt/lmod"),
            strip: 1,
            owner: text("root"),
            group: text("adm"),
            setuid: false,
            overrides: false,
            origin: origin(),
        })),
        Action::Changes(Changes { changes, protected: protected() }),
        Action::Run(Box::new(run())),
        Action::Secrets(Secrets { files: secret_files() }),
        Action::Stamp(Box::new(Stamp {
            image: image.clone(),
            cluster: cluster.clone(),
            image_type: image_type.clone(),
            cmdline: Some(text("console=ttyS0")),
            output: Some(output()),
            secrets: secrets(),
            origin: origin(),
        })),
        Action::Verify(Box::new(Verify {
            image: image.clone(),
            level: Level::Container,
            controls: vec![control().into()],
            inspec: vec![inspec_profile().into()],
            expect_failed: expect_failed(),
        })),
        Action::Pack(Box::new(Pack {
            image,
            cluster,
            image_type,
            arch,
            output: output(),
            holds_secrets: true,
            origin: origin(),
        })),
    ]
}

/// A part of a serialized action: names of fields and variants, indices of lists.
type Part = Vec<String>;

/// All parts, containers before what they hold.
fn parts(value: &Value, at: &Part, found: &mut Vec<Part>) {
    found.push(at.clone());
    let mut inner = |name: String, value: &Value| {
        let mut at = at.clone();
        at.push(name);
        parts(value, &at, found);
    };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| inner(name.clone(), value));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| inner(index.to_string(), value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pointer(part: &Part) -> String {
    // RFC 6901: `~` and `/` within a name.
    let escaped = part.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |pointer, name| pointer + "/" + &name)
}

/// Values that may stand in the place of another; those that do not fit are left out later.
fn others(value: &Value) -> Vec<Value> {
    let mut found = vec![Value::Null];
    match value {
        Value::Bool(value) => found.push(json!(!value)),
        Value::Number(number) => {
            found.extend(number.as_i64().map(|number| json!(number + 1)));
            found.extend(number.as_f64().map(|number| json!(number / 4.0)));
        }
        Value::String(text) => {
            found.push(json!(format!("{text}x")));
            found.push(json!(Digest::of(text.as_bytes()).to_hex()));
            // Names of variants.
            found.extend(["zstd", "booted", "masked", "yaml"].map(|word| json!(word)));
            found.push(json!({ "Matches": "x" }));
            found.push(json!({ "Bool": true }));
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(index);
                found.push(Value::Array(fewer));
            }
            found.push(Value::Array(items.iter().rev().cloned().collect()));
        }
        Value::Object(fields) => {
            // A login does not count, and may be absent: it is changed as a part of its own.
            for name in fields.keys().filter(|name| *name != "login") {
                let mut fewer = fields.clone();
                let value = fewer.remove(name).unwrap_or_default();
                found.push(Value::Object(fewer.clone()));
                fewer.insert(format!("{name}x"), value);
                found.push(Value::Object(fewer));
            }
        }
        Value::Null => found.push(json!("x")),
    }
    found
}

/// Whether a part must not count: places, the names and sizes of files whose bytes count, the
/// address of a mirror that packages are looked up at, words for people alone.
fn must_not_count(kind: &str, part: &Part) -> bool {
    let ends = |names: &[&str]| part.iter().rev().zip(names.iter().rev()).all(|(a, b)| a == b);
    let holds = |name: &str| part.iter().any(|part| part == name);
    // `[path, file]` of a tree's files and of a script's inputs.
    let listed = (kind == "base" || kind == "run") && (holds("files") || holds("inputs"));
    // A package file, and the key of a repository.
    let packaged = |part: &str| {
        kind == "resolve" && (ends(&["value", part]) && holds("files") || ends(&["key", part]))
    };
    let file = |part: &str| {
        ["script", "source", "Source", "Age"].iter().any(|name| ends(&[name, part]))
            || (listed && ends(&["1", part]))
            || packaged(part)
    };
    // A declared file has its own mode; a ciphertext is not run.
    let bit =
        ends(&["Source", "executable"]) || ends(&["Age", "executable"]) || packaged("executable");
    if holds("tags") {
        return false;
    }
    holds("origin")
        || file("path")
        || file("size")
        || bit
        || (kind == "resolve" && ends(&["url"]) && holds("sources"))
        || holds("login")
        || (kind == "fetch" && (ends(&["name"]) || ends(&["url"])))
        || ends(&["Unpack", "source"])
        || ends(&["Tree", "directory"])
        || ends(&["because"])
        // Ids follow from the files, which count.
        || (holds("inspec") && (holds("controls") || ends(&["makes_ids"])))
        || (holds("inspec") && (ends(&["size"]) || ends(&["executable"])))
        || ends(&["code"])
}

fn key(action: &Action) -> Digest {
    action.key_builder().finish().digest
}

#[test]
fn every_part_counts_but_those_that_must_not() {
    let mut seen = 0;
    for action in samples() {
        let (kind, whole) = (action.kind(), serde_json::to_value(&action).unwrap());
        let mut all = Vec::new();
        parts(&whole, &Part::new(), &mut all);
        for part in all.iter().skip(1) {
            let at = pointer(part);
            let changed: Vec<Action> = others(whole.pointer(&at).unwrap())
                .into_iter()
                .filter_map(|value| {
                    let mut whole = whole.clone();
                    *whole.pointer_mut(&at).unwrap() = value;
                    serde_json::from_value(whole).ok()
                })
                .filter(|other: &Action| serde_json::to_value(other).unwrap() != whole)
                .collect();
            // Objects and lists are changed through what they hold, too.
            let value = whole.pointer(&at).unwrap();
            let leaf = !value.is_object() && !value.is_array();
            assert!(!changed.is_empty() || !leaf, "{kind}{at}: no other value fits");
            for other in changed {
                let same = key(&other) == key(&action);
                assert_eq!(same, must_not_count(kind, part), "{kind}{at}: {other:#?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 400, "only {seen} changes were tried");
}

#[test]
fn kinds_and_their_variants_have_keys_of_their_own() {
    let mut actions = samples();
    for what in changes() {
        let changes = vec![Change::at(&origin(), what)];
        actions.push(Action::Changes(Changes { changes, protected: Vec::new().into() }));
    }
    for secret in secrets() {
        actions.push(Action::Run(Box::new(Run { secrets: vec![secret], ..run() })));
    }
    let wanted = actions.len();
    let keys: BTreeSet<_> = actions.iter().map(key).collect();
    assert_eq!(keys.len(), wanted);
}

#[test]
fn what_is_not_said_differs_from_whatever_can_be_said() {
    let stamp = |cmdline: Option<&str>| {
        Action::Stamp(Box::new(Stamp {
            image: "a".to_owned(),
            cluster: "a".to_owned(),
            image_type: "a".to_owned(),
            cmdline: cmdline.map(str::to_owned),
            output: None,
            secrets: Vec::new(),
            origin: origin(),
        }))
    };
    let user = |home: Option<&str>| {
        let (name, home) = ("a".to_owned(), home.map(str::to_owned));
        let what = ChangeKind::User(User { name, home, ..User::default() });
        let changes = vec![Change::at(&origin(), what)];
        Action::Changes(Changes { changes, protected: Vec::new().into() })
    };
    for said in ["", "-", "any", "None"] {
        assert_ne!(key(&stamp(None)), key(&stamp(Some(said))), "{said:?}");
        assert_ne!(key(&user(None)), key(&user(Some(said))), "{said:?}");
    }
    let named = |name: Option<&str>| {
        let mirror = |name: &str| Mirror { name: name.to_owned(), url: "u".to_owned() };
        let sources = PackageSources { mirror: name.map(mirror), security: None, ..sources() };
        let (arch, names) = ("amd64".to_owned(), Vec::new());
        Action::Resolve(Box::new(Resolve {
            arch,
            sources,
            repositories: Vec::new(),
            pins: Vec::new(),
            holds: Vec::new(),
            base: false,
            names,
            files: Vec::new(),
            recommends: false,
        }))
    };
    assert_ne!(key(&named(None)), key(&named(Some("host"))), "a mirror that is called `host`");
}
