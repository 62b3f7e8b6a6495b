//! Real packages, really installed: needs root, apt's mirrors, mmdebstrap and systemd-nspawn.
//!
//! Everything is made below one temporary directory. Each test's thread, and what it starts, has
//! mounts of its own: nothing of them is seen outside, and they end with it.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail them")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forge_exec::debian::{
    BaseRequest, Context, DebianError, ErrorKind, InstallRequest, ResolveRequest, Supply,
    build_base, fetch, install, scrub,
};
use forge_model::{
    EntryKind, ImagePath, Located, Manifest, Mirror, Origin, PackageList, PackageRecord,
    PackageSources, Resolve, Tree,
};
use forge_sys::overlay::Upper;
use forge_sys::process::{Cancel, Command};
use forge_sys::tree::{ScanOptions, scan};
use nix::mount::{MsFlags, mount};

/// A directory for one test, with a tmpfs in it.
struct Place {
    directory: tempfile::TempDir,
}

/// Runs a test where mounts are its own. The threads of its pool see them, being started there;
/// those of the global pool would not.
fn privately(test: impl FnOnce(&Place) + Send) {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("mounting needs root");
    let none = None::<&str>;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(none, "/", none, private, none).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let place = Place { directory };
    std::fs::create_dir(place.work()).unwrap();
    mount(Some("forge"), &place.work(), Some("tmpfs"), MsFlags::empty(), none).unwrap();
    // What nspawn makes here would stay after the container.
    let nspawn = Path::new("/run/systemd");
    if nspawn.is_dir() {
        mount(Some("forge"), nspawn, Some("tmpfs"), MsFlags::empty(), none).unwrap();
    }
    let pool = rayon::ThreadPoolBuilder::new().build().unwrap();
    pool.install(|| test(&place));
    drop(pool);
    nix::mount::umount2(&place.work(), nix::mount::MntFlags::MNT_DETACH).unwrap();
}

impl Place {
    fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    fn context(&self, log: &str) -> Context {
        Context {
            apt: self.directory.path().join("store/apt"),
            debs: self.directory.path().join("store/debs"),
            work: self.work().join("scratch"),
            log: self.directory.path().join(log),
            host_apt: PathBuf::from("/etc/apt"),
            lists_not_before: None,
            progress: None,
            masker: None,
            cancel: Cancel::new().unwrap(),
            outer: std::process::id(),
        }
    }
}

fn sources() -> PackageSources {
    PackageSources {
        suite: "bookworm".to_owned(),
        components: vec!["main".to_owned()],
        updates: true,
        mirror: None,
        security: None,
    }
}

fn names(names: &[&str]) -> Vec<Located<String>> {
    let located = |(at, name): (usize, &&str)| {
        let line = u32::try_from(at).unwrap() + 1;
        Located::new((*name).to_owned(), Origin::new("roles/test.kdl", line, 1))
    };
    names.iter().enumerate().map(located).collect()
}

fn wanted(base: bool, asked: &[&str]) -> Resolve {
    Resolve {
        arch: "amd64".to_owned(),
        sources: sources(),
        repositories: Vec::new(),
        pins: Vec::new(),
        holds: Vec::new(),
        base,
        names: names(asked),
        files: Vec::new(),
        recommends: false,
    }
}

fn resolve(
    context: &Context,
    action: &Resolve,
    installed: &[PackageList],
) -> Result<PackageList, DebianError> {
    let request = ResolveRequest {
        action,
        supply: &Supply::debian(&action.arch, &action.sources),
        files: &[],
        installed,
        new_pins: &[],
        new_holds: &[],
    };
    forge_exec::debian::resolve(context, &request)
}

/// The time by the clock that files get theirs from, which is behind the one that programs ask.
fn now(place: &Place) -> i64 {
    tempfile::tempfile_in(place.work()).unwrap().metadata().unwrap().mtime()
}

#[expect(clippy::print_stdout, reason = "shown with --nocapture, for whoever measures")]
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what}: {:.2} s", started.elapsed().as_secs_f64());
    result
}

fn base(place: &Place, list: &PackageList, name: &str, excludes: &[String]) -> (PathBuf, Manifest) {
    let target = place.work().join(name);
    let started = now(place);
    let request = BaseRequest {
        arch: "amd64",
        sources: &sources(),
        exclude_paths: excludes,
        packages: &list.packages,
    };
    let context = place.context(&format!("{name}.log"));
    timed("base", || build_base(&context, &request, &target)).unwrap();
    let options = ScanOptions { below: None, keep: &scrub, started };
    let scan = timed("scan of the base", || scan(&target, &options)).unwrap();
    (target, scan.manifest)
}

fn layer(
    place: &Place,
    below: (&Path, &Tree),
    asked: &[&str],
    list: &PackageList,
    name: &str,
) -> Manifest {
    let upper = Upper {
        upper: place.work().join(name).join("upper"),
        work: place.work().join(name).join("work"),
    };
    for directory in [&upper.upper, &upper.work] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let started = now(place);
    let request = InstallRequest {
        names: &names(asked),
        packages: &list.packages,
        answers: &[],
        holds: &[],
        lowers: &[below.0.to_owned()],
        upper: &upper,
    };
    let context = place.context(&format!("{name}.log"));
    timed("package step", || install(&context, &request)).unwrap();
    let options = ScanOptions { below: Some(below.1), keep: &scrub, started };
    timed("scan of the layer", || scan(&upper.upper, &options)).unwrap().manifest
}

fn paths(manifest: &Manifest) -> Vec<String> {
    manifest.entries.keys().map(ToString::to_string).collect()
}

fn assert_equal(first: &Manifest, second: &Manifest) {
    let (first, second) = (first.encode(), second.encode());
    let differing: Vec<(&str, &str)> =
        first.lines().zip(second.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(first == second, "{differing:#?}");
}

#[test]
fn two_builds_are_equal_and_leave_no_identity() {
    privately(|place| {
        let context = place.context("lists.log");
        let excludes = ["/usr/share/doc/*".to_owned(), "/usr/share/man/*".to_owned()];
        let first = timed("lists and base list", || {
            resolve(&context, &wanted(true, &["systemd-sysv", "dbus"]), &[])
        })
        .unwrap();
        let asked = ["openssh-server", "chrony", "munge", "lua5.4"];
        let second = timed("list of a role", || {
            resolve(&context, &wanted(false, &asked), std::slice::from_ref(&first))
        })
        .unwrap();
        let has = |list: &PackageList, name: &str| list.packages.iter().any(|one| one.name == name);
        assert!(has(&first, "systemd-sysv") && has(&first, "usr-is-merged") && has(&first, "bash"));
        assert!(!has(&first, "usrmerge") && !has(&first, "chrony"));
        assert!(has(&second, "chrony") && has(&second, "libwrap0") && !has(&second, "bash"));
        for list in [&first, &second] {
            assert!(list.packages.is_sorted());
            let fetched = || fetch(&context, &Supply::debian("amd64", &sources()), &list.packages);
            let bytes = timed("fetch", fetched).unwrap();
            assert_eq!(bytes, list.packages.iter().map(|one| one.size).sum::<u64>());
            assert_eq!(timed("fetch again", fetched).unwrap(), 0);
        }

        let (tree, one) = base(place, &first, "base1", &excludes);
        let (_, two) = base(place, &first, "base2", &excludes);
        assert_equal(&one, &two);
        let entry = |manifest: &Manifest, path: &str| {
            manifest.entries.get(&ImagePath::new(path).unwrap()).cloned()
        };
        let machine_id = entry(&one, "/etc/machine-id").map(|found| found.kind);
        assert!(matches!(machine_id, Some(EntryKind::File { size: 0, .. })), "{machine_id:?}");
        for (path, mode) in
            [("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/root", 0o700), ("/dev", 0o755)]
        {
            assert_eq!(entry(&one, path).map(|found| found.mode), Some(mode), "{path}");
        }
        let bin = entry(&one, "/bin").map(|found| found.kind);
        assert_eq!(bin, Some(EntryKind::Symlink { target: b"usr/bin".to_vec() }));
        let gone = |path: &String| {
            let below = ["/usr/share/doc/", "/usr/share/man/", "/dev/", "/run/", "/tmp/"];
            below.iter().any(|directory| path.starts_with(directory))
                || ["/etc/hostname", "/etc/resolv.conf", "/var/lib/dbus/machine-id"]
                    .contains(&path.as_str())
                || path.contains("99mmdebstrap")
        };
        assert_eq!(paths(&one).into_iter().filter(gone).collect::<Vec<_>>(), Vec::<String>::new());

        let below = Tree::merge([&one]);
        let one = layer(place, (&tree, &below), &asked, &second, "layer1");
        let two = layer(place, (&tree, &below), &asked, &second, "layer2");
        assert_equal(&one, &two);
        assert!(entry(&one, "/usr/sbin/chronyd").is_some() && entry(&one, "/etc/munge").is_some());
        let secret = |path: &String| {
            path.contains("ssh_host_")
                || path.contains("munge.key")
                || path.contains("policy-rc.d")
                || path.starts_with("/run")
                || path.starts_with("/usr/share/doc/")
                || path.starts_with("/var/log/")
        };
        let kept: Vec<String> = paths(&one).into_iter().filter(secret).collect();
        assert_eq!(kept, ["/var/log/munge", "/var/log/runit", "/var/log/runit/ssh"]);
        scripts_run_offline_and_their_failure_is_shown(place, &tree);
    });
}

/// A package made here, in the store as if it had been fetched.
fn own_package(place: &Place, name: &str, script: &str) -> PackageRecord {
    let tree = place.directory.path().join(name);
    let control = format!(
        "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Site <site@example.org>\n\
         Description: a test\n"
    );
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    std::fs::write(tree.join("DEBIAN/control"), &control).unwrap();
    let postinst = tree.join("DEBIAN/postinst");
    std::fs::write(&postinst, script).unwrap();
    std::fs::set_permissions(&postinst, std::fs::Permissions::from_mode(0o755)).unwrap();
    let deb = place.directory.path().join(format!("{name}.deb"));
    let built =
        Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).args([&tree, &deb]);
    assert!(built.run().unwrap().success());
    let summed = Command::new("sha256sum").arg(&deb).run().unwrap().text();
    let sha256 = summed.split(' ').next().unwrap().to_owned();
    let size = std::fs::metadata(&deb).unwrap().len();
    std::fs::rename(&deb, place.context("").debs.join(format!("{sha256}.deb"))).unwrap();
    let path = format!("pool/{name}_1_all.deb");
    PackageRecord {
        name: name.to_owned(),
        version: "1".to_owned(),
        arch: "all".to_owned(),
        size,
        mirror: "host".to_owned(),
        stanza: format!("{control}Filename: {path}\nSize: {size}\nSHA256: {sha256}\n"),
        sha256,
        path,
    }
}

/// What a package's script sees, and what becomes of a step whose script fails.
fn scripts_run_offline_and_their_failure_is_shown(place: &Place, base: &Path) {
    let script = "#!/bin/sh\n\
        ip -o link 2>/dev/null | grep -v ' lo:' && echo NETWORK\n\
        test -e /run/systemd/system && echo SYSTEMD\n\
        ls /run/forge/repository\n\
        echo the reason >&2\n\
        exit 3\n";
    let record = own_package(place, "broken", script);
    let upper =
        Upper { upper: place.work().join("broken/upper"), work: place.work().join("broken/work") };
    for directory in [&upper.upper, &upper.work] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let request = InstallRequest {
        names: &names(&["broken"]),
        packages: &[record],
        answers: &[],
        holds: &[],
        lowers: &[base.to_owned()],
        upper: &upper,
    };
    let error = install(&place.context("broken.log"), &request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::User);
    let text = error.to_string();
    assert!(text.contains("the reason") && text.contains("broken.log"), "{text}");
    let log = std::fs::read_to_string(place.context("broken.log").log).unwrap();
    assert!(log.contains("Packages\nRelease\nbroken_1_all.deb\n"), "{log}");
    assert!(!log.contains("NETWORK") && !log.contains("SYSTEMD"), "{log}");
}

/// An archive whose only package is not essential; gives the directory for `/etc/apt` that names it.
fn archive_of_one_package(place: &Place) -> PathBuf {
    let root = place.directory.path().join("lonely");
    let binary = root.join("dists/bookworm/main/binary-amd64");
    std::fs::create_dir_all(&binary).unwrap();
    let packages = format!(
        "Package: lonely\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n\
         Priority: optional\nFilename: pool/lonely.deb\nSize: 1\nSHA256: {:064}\n",
        0
    );
    std::fs::write(binary.join("Packages"), &packages).unwrap();
    let summed = Command::new("sha256sum").arg(binary.join("Packages")).run().unwrap().text();
    let sum = summed.split(' ').next().unwrap();
    let release = format!(
        "Suite: bookworm\nCodename: bookworm\nArchitectures: amd64\nComponents: main\n\
         Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {sum} {} main/binary-amd64/Packages\n",
        packages.len()
    );
    std::fs::write(root.join("dists/bookworm/Release"), release).unwrap();
    let source = format!("deb [trusted=yes] file:{} bookworm main\n", root.display());
    std::fs::write(root.join("sources.list"), source).unwrap();
    root
}

#[test]
fn mistakes_and_broken_networks_are_told_apart() {
    privately(|place| {
        let context = place.context("log");
        let error = resolve(&context, &wanted(false, &["chronny", "mail-transport-agent"]), &[]);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::User);
        let text = error.to_string();
        assert!(text.contains("roles/test.kdl:1") && text.contains("`chrony`"), "{text}");
        assert!(text.contains("virtual") && text.contains("`postfix`"), "{text}");

        let error = resolve(&context, &wanted(false, &["chrony", "systemd-timesyncd"]), &[]);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::User);
        assert!(error.to_string().contains("time-daemon"), "{error}");

        let mut away = wanted(false, &["chrony"]);
        let url = "http://127.0.0.1:9/debian".to_owned();
        away.sources.mirror = Some(Mirror { name: "away".to_owned(), url });
        let error = resolve(&context, &away, &[]).unwrap_err();
        assert!(matches!(error, DebianError::Unreachable { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Environment);
        assert!(error.to_string().contains("http://127.0.0.1:9/debian"), "{error}");

        let without_base = archive_of_one_package(place);
        let context_there = Context { host_apt: without_base, ..place.context("log") };
        let error = resolve(&context_there, &wanted(true, &[]), &[]).unwrap_err();
        assert!(matches!(error, DebianError::EmptyBase { .. }), "{error}");
        let there = resolve(&context_there, &wanted(false, &["lonely"]), &[]).unwrap();
        assert_eq!(there.packages.len(), 1);

        let mut other = wanted(false, &["chrony"]);
        other.sources.suite = "no-such-suite".to_owned();
        let error = resolve(&context, &other, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Environment);
    });
}

#[test]
fn a_file_that_was_changed_in_the_store_is_not_installed() {
    privately(|place| {
        let context = place.context("log");
        let list = resolve(&context, &wanted(false, &["lua5.4"]), &[]).unwrap();
        let record = list.packages.iter().find(|one| one.name == "lua5.4").unwrap();
        fetch(&context, &Supply::debian("amd64", &sources()), std::slice::from_ref(record))
            .unwrap();
        let path = context.debs.join(format!("{}.deb", record.sha256));
        std::fs::write(&path, "cut short").unwrap();
        let fetched =
            fetch(&context, &Supply::debian("amd64", &sources()), std::slice::from_ref(record))
                .unwrap();
        assert_eq!(fetched, record.size);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), record.size);
    });
}

#[test]
fn a_base_is_stopped_with_the_run() {
    privately(|place| {
        let context = place.context("log");
        let list = resolve(&context, &wanted(true, &[]), &[]).unwrap();
        fetch(&context, &Supply::debian("amd64", &sources()), &list.packages).unwrap();
        let lines = Arc::new(Mutex::new(0));
        let (counted, cancel) = (Arc::clone(&lines), context.cancel.clone());
        let context = Context {
            progress: Some(Arc::new(move |_| {
                *counted.lock().unwrap() += 1;
                cancel.cancel();
            })),
            ..context
        };
        let sources = sources();
        let request = BaseRequest {
            arch: "amd64",
            sources: &sources,
            exclude_paths: &[],
            packages: &list.packages,
        };
        let started = Instant::now();
        let stopped = build_base(&context, &request, &place.work().join("base")).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Interrupted, "{stopped}");
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(*lines.lock().unwrap() > 0);
    });
}
