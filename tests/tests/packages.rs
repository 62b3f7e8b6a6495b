//! Packages resolved and fetched from archives made here, with apt and without a network or
//! privilege.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use forge_exec::debian::{
    Context, DebianError, ErrorKind, ResolveRequest, Supplied, Supply, fetch, package_file, resolve,
};
use forge_model::{
    Digest, Located, Origin, PackageList, PackageRecord, PackageSources, Pin, PinTo, Repository,
    Resolve, SourceFile,
};
use forge_secret::SecretValue;
use forge_sys::process::Cancel;
use forge_test::{Archive, Deb, Served};
use tempfile::TempDir;

fn deb<'a>(name: &'a str, version: &'a str, fields: &'a str) -> Deb<'a> {
    Deb { name, version, fields, ..Deb::default() }
}

fn origin(line: u32) -> Origin {
    Origin::new("roles/test.kdl", line, 5)
}

fn located<T>(value: T, line: u32) -> Located<T> {
    Located::new(value, origin(line))
}

/// A Debian of three packages on this machine, and room for a store.
struct Lab {
    directory: TempDir,
    debian: Served,
    sources: PackageSources,
    _archive: Archive,
}

impl Lab {
    fn new() -> Self {
        let directory = TempDir::with_prefix("forge-test-").unwrap();
        let archive = Archive::new(
            "bookworm",
            "main",
            &[deb("lib", "1", ""), deb("tool", "1.0", "Depends: lib\n"), deb("other", "5", "")],
        );
        let debian = archive.serve(None);
        let etc = directory.path().join("etc/apt/sources.list.d");
        fs::create_dir_all(&etc).unwrap();
        let entry = format!("deb [trusted=yes] {} bookworm main\n", debian.url());
        fs::write(etc.join("debian.list"), entry).unwrap();
        let sources = PackageSources {
            suite: "bookworm".to_owned(),
            components: vec!["main".to_owned()],
            updates: false,
            mirror: None,
            security: None,
        };
        Self { directory, debian, sources, _archive: archive }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn context(&self) -> Context {
        Context {
            apt: self.path().join("store/apt"),
            debs: self.path().join("store/debs"),
            work: self.path().join("work"),
            log: self.path().join("log"),
            host_apt: self.path().join("etc/apt"),
            lists_not_before: None,
            progress: None,
            masker: None,
            cancel: Cancel::new().unwrap(),
            outer: std::process::id(),
        }
    }

    fn wanted(&self, names: &[&str]) -> Resolve {
        Resolve {
            arch: "amd64".to_owned(),
            sources: self.sources.clone(),
            repositories: Vec::new(),
            pins: Vec::new(),
            holds: Vec::new(),
            base: false,
            names: names.iter().map(|name| located((*name).to_owned(), 1)).collect(),
            files: Vec::new(),
            recommends: false,
        }
    }

    fn supply<'a>(
        &'a self,
        action: &'a Resolve,
        key: Option<&str>,
        login: Option<&str>,
    ) -> Supply<'a> {
        let mut supply = Supply::debian("amd64", &self.sources);
        for repository in &action.repositories {
            let key = key.map(|key| key.as_bytes().to_vec());
            let login = login.map(|login| Arc::new(SecretValue::new(login.into())));
            supply.repositories.push(Supplied { repository, key, login });
        }
        supply
    }

    /// Everything of the action counts as new.
    fn resolve(
        &self,
        action: &Resolve,
        supply: &Supply<'_>,
        files: &[PackageRecord],
        installed: &[PackageList],
    ) -> Result<PackageList, DebianError> {
        let (pins, holds): (Vec<_>, Vec<_>) =
            (action.pins.iter().collect(), action.holds.iter().collect());
        let request =
            ResolveRequest { action, supply, files, installed, new_pins: &pins, new_holds: &holds };
        resolve(&self.context(), &request)
    }

    fn simple(&self, action: &Resolve) -> Result<PackageList, DebianError> {
        self.resolve(action, &self.supply(action, None, None), &[], &[])
    }
}

fn repository(name: &str, url: &str, key: bool) -> Repository {
    let file = SourceFile {
        path: "keys/site.asc".to_owned(),
        digest: Digest::of(b""),
        size: 0,
        executable: false,
    };
    Repository {
        name: name.to_owned(),
        url: url.to_owned(),
        suites: vec!["stable".to_owned()],
        components: vec!["main".to_owned()],
        key: key.then_some(file),
        login: None,
        origin: origin(9),
    }
}

fn chosen(list: &PackageList) -> Vec<String> {
    let one = |one: &PackageRecord| format!("{} {} from {}", one.name, one.version, one.mirror);
    list.packages.iter().map(one).collect()
}

#[test]
fn a_package_file_is_installed_with_what_it_depends_on() {
    let lab = Lab::new();
    let vendor = lab.path().join("vendor");
    let made = deb("driver", "1:2.0+x", "Depends: tool (>= 1)\n").make(&vendor);
    let bytes = fs::read(&made).unwrap();
    let file = SourceFile {
        path: "roles/vendor/driver.deb".to_owned(),
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
        executable: false,
    };
    let mut action = lab.wanted(&[]);
    action.files = vec![located(file, 3)];
    let context = lab.context();
    let record = package_file(&context, "amd64", &action.files[0], &bytes).unwrap();
    let supply = lab.supply(&action, None, None);
    let files = [record];
    let list = lab.resolve(&action, &supply, &files, &[]).unwrap();
    let want = ["driver 1:2.0+x from project", "lib 1 from host", "tool 1.0 from host"];
    assert_eq!(chosen(&list), want);
    assert_eq!(list.packages[0].path, "roles/vendor/driver.deb");
    let fetched = fetch(&context, &supply, &list.packages).unwrap();
    assert_eq!(fetched, list.packages[1].size + list.packages[2].size, "the file is there");
    // Installed already: nothing to do, and no list is asked.
    let again = lab.resolve(&action, &supply, &files, std::slice::from_ref(&list)).unwrap();
    assert_eq!(chosen(&again), Vec::<String>::new());

    let arm = Deb { arch: "arm64", ..deb("driver", "1", "") }.make(&vendor);
    let bytes = fs::read(arm).unwrap();
    let error = package_file(&context, "amd64", &action.files[0], &bytes).unwrap_err();
    assert_eq!(error.origins(), [origin(3)]);
    assert_eq!(
        error.to_string(),
        "`roles/vendor/driver.deb`: it is for `arm64`, and the image is `amd64`"
    );
    let error = package_file(&context, "amd64", &action.files[0], b"no package").unwrap_err();
    assert!(error.to_string().contains("dpkg-deb cannot read it"), "{error}");
    assert_eq!(error.kind(), ErrorKind::User);
}

#[test]
fn a_signed_repository_is_fetched_with_a_login_that_stays_nowhere() {
    let lab = Lab::new();
    let archive = Archive::new(
        "stable",
        "main",
        &[deb("site-tool", "3", "Depends: lib, site-lib\n"), deb("site-lib", "2", "")],
    );
    let key = archive.sign("stable");
    // `ann:pass word` would be two words; base64 of `ann:sesame-open`.
    let served = archive.serve(Some("Basic YW5uOnNlc2FtZS1vcGVu"));
    let mut action = lab.wanted(&["site-tool"]);
    action.repositories = vec![repository("site", &served.url(), true)];

    let login = Some("ann:sesame-open\n");
    let supply = lab.supply(&action, Some(&key), login);
    let list = lab.resolve(&action, &supply, &[], &[]).unwrap();
    assert_eq!(chosen(&list), ["lib 1 from host", "site-lib 2 from site", "site-tool 3 from site"]);
    let size: u64 = list.packages.iter().map(|one| one.size).sum();
    assert_eq!(fetch(&lab.context(), &supply, &list.packages).unwrap(), size);
    assert!(served.asked().iter().any(|path| path.ends_with("site-tool_3_all.deb")));
    // Lists of Debian that are there serve with the repository too.
    let lists = lab.debian.asked().iter().filter(|path| path.ends_with("Packages")).count();
    let mut more = lab.wanted(&["other", "site-lib"]);
    more.repositories.clone_from(&action.repositories);
    lab.resolve(&more, &supply, &[], &[]).unwrap();
    let later = lab.debian.asked().iter().filter(|path| path.ends_with("Packages")).count();
    assert_eq!((lists, later), (1, 1));
    assert_eq!(holders(lab.path(), b"sesame-open"), Vec::<String>::new());

    let without = lab.resolve(&action, &lab.supply(&action, Some(&key), None), &[], &[]);
    assert!(without.is_ok(), "the lists are there: {without:?}");
    let fresh = Lab::new();
    let error = fresh.resolve(&action, &fresh.supply(&action, Some(&key), None), &[], &[]);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(error.to_string().contains("401"), "{error}");
    let error = fresh.resolve(&action, &fresh.supply(&action, Some(&key), Some("word")), &[], &[]);
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the login of the repository `site` is not `USER:PASSWORD` on one line"
    );
}

/// Files below a directory that hold these bytes.
fn holders(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path, bytes));
        } else if let Ok(text) = fs::read(&path)
            && text.windows(bytes.len()).any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_repository_that_another_key_signed_is_refused() {
    let lab = Lab::new();
    let archive = Archive::new("stable", "main", &[deb("site-tool", "3", "")]);
    archive.sign("stable");
    let other = Archive::new("stable", "main", &[]).sign("stable");
    let served = archive.serve(None);
    let mut action = lab.wanted(&["site-tool"]);
    action.repositories = vec![repository("site", &served.url(), true)];
    let error = lab.resolve(&action, &lab.supply(&action, Some(&other), None), &[], &[]);
    let error = error.unwrap_err();
    assert!(error.to_string().contains("NO_PUBKEY"), "{error}");
    action.repositories = vec![repository("site", &served.url(), false)];
    let list = lab.simple(&action).unwrap();
    assert_eq!(chosen(&list), ["site-tool 3 from site"], "nobody signs it, and the spec says so");
}

#[test]
fn a_flat_repository_needs_no_release_file() {
    let lab = Lab::new();
    let archive = Archive::flat(&[deb("site-tool", "3", "Depends: lib\n")]);
    let served = archive.serve(None);
    let mut action = lab.wanted(&["site-tool"]);
    let flat = Repository {
        suites: vec!["./".to_owned()],
        components: Vec::new(),
        ..repository("flat", &served.url(), false)
    };
    action.repositories = vec![flat];
    let list = lab.simple(&action).unwrap();
    assert_eq!(chosen(&list), ["lib 1 from host", "site-tool 3 from flat"]);
    let supply = lab.supply(&action, None, None);
    let size: u64 = list.packages.iter().map(|one| one.size).sum();
    assert_eq!(fetch(&lab.context(), &supply, &list.packages).unwrap(), size);
}

#[test]
fn pins_choose_and_say_when_they_choose_nothing() {
    let lab = Lab::new();
    let archive = Archive::new("stable", "main", &[deb("tool", "2.0", ""), deb("tool", "1.5", "")]);
    let served = archive.serve(None);
    let mut action = lab.wanted(&["tool"]);
    action.repositories = vec![repository("site", &served.url(), false)];
    let pin = |package: &str, to: PinTo, priority: i32| Pin {
        package: package.to_owned(),
        to,
        priority,
        origin: origin(7),
    };
    let version = |text: &str| PinTo::Version(text.to_owned());
    let release = |text: &str| PinTo::Release(text.to_owned());
    let cases: [(&[Pin], &str); 4] = [
        (&[], "tool 2.0 from site"),
        (&[pin("tool", version("1.5*"), 600)], "tool 1.5 from site"),
        (&[pin("to*", release("n=stable"), 100)], "tool 1.0 from host"),
        (&[pin("*", release("n=stable,o=Test"), -1)], "tool 1.0 from host"),
    ];
    for (pins, want) in cases {
        action.pins = pins.to_vec();
        let list = lab.simple(&action).unwrap();
        assert_eq!(chosen(&list).last().unwrap(), want, "{pins:?}");
    }
    // An older one over an installed one, by a priority above 1000.
    action.pins = Vec::new();
    let newest = lab.simple(&action).unwrap();
    let mut older = action.clone();
    older.pins = vec![pin("tool", version("1.5"), 1001)];
    older.names.push(located("other".to_owned(), 1));
    older.names.push(located("lib".to_owned(), 1));
    let supply = lab.supply(&older, None, None);
    let list = lab.resolve(&older, &supply, &[], std::slice::from_ref(&newest)).unwrap();
    assert_eq!(chosen(&list), ["lib 1 from host", "other 5 from host", "tool 1.5 from site"]);

    let mistakes = [
        (
            pin("tool", version("3.*"), 1001),
            "roles/test.kdl:7: no `tool` has version 3.*; there is `1.0`, `1.5`, `2.0`",
        ),
        (
            pin("tool", release("n=sid"), 1001),
            "roles/test.kdl:7: no `tool` has release n=sid; there is `n=bookworm`, `n=stable`",
        ),
        (
            pin("toool", version("1"), 1001),
            "roles/test.kdl:7: no package is named `toool`; did you mean `tool`?",
        ),
    ];
    for (pin, want) in mistakes {
        action.pins = vec![pin];
        let error = lab.simple(&action).unwrap_err();
        assert!(error.to_string().starts_with(want), "{error}");
        assert_eq!(error.kind(), ErrorKind::User);
        assert_eq!(error.origins(), [origin(7)]);
    }
}

#[test]
fn a_held_package_stays_and_must_be_there() {
    let lab = Lab::new();
    let first = lab.simple(&lab.wanted(&["tool"])).unwrap();
    let archive = Archive::new(
        "stable",
        "main",
        &[deb("tool", "2.0", ""), deb("needy", "1", "Depends: tool (>= 2)\n")],
    );
    let served = archive.serve(None);
    let mut action = lab.wanted(&["needy"]);
    action.repositories = vec![repository("site", &served.url(), false)];
    let stock = action.clone();
    let supply = lab.supply(&stock, None, None);
    let installed = std::slice::from_ref(&first);
    let list = lab.resolve(&action, &supply, &[], installed).unwrap();
    assert_eq!(chosen(&list), ["needy 1 from site", "tool 2.0 from site"]);

    action.holds = vec![located("tool".to_owned(), 4)];
    let error = lab.resolve(&action, &supply, &[], installed).unwrap_err();
    assert!(matches!(error, DebianError::Unsatisfiable { .. }), "{error}");
    action.names = vec![located("other".to_owned(), 1)];
    let list = lab.resolve(&action, &supply, &[], installed).unwrap();
    assert_eq!(chosen(&list), ["other 5 from host"]);
    action.holds = vec![located("toool".to_owned(), 4)];
    let error = lab.resolve(&action, &supply, &[], installed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "roles/test.kdl:4: `toool` is to be held, and nothing installs it; did you mean `tool`?"
    );
}

#[test]
fn a_key_is_kept_once() {
    let lab = Lab::new();
    let archive = Archive::new("stable", "main", &[deb("site-tool", "3", "")]);
    let key = archive.sign("stable");
    let served = archive.serve(None);
    let mut action = lab.wanted(&["site-tool"]);
    action.repositories = vec![repository("site", &served.url(), true)];
    let supply = lab.supply(&action, Some(&key), None);
    lab.resolve(&action, &supply, &[], &[]).unwrap();
    lab.resolve(&action, &supply, &[], &[]).unwrap();
    let keys: Vec<_> = fs::read_dir(lab.path().join("store/apt/keys")).unwrap().collect();
    assert_eq!(keys.len(), 1);
}
