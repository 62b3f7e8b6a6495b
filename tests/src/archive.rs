//! A small archive of Debian packages, made here and served on this machine: nothing of it needs a
//! network.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// A package to make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deb<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// `all` when empty.
    pub arch: &'a str,
    /// Further lines of its control file.
    pub fields: &'a str,
    /// A tree that it holds, to which the rest is added.
    pub tree: Option<&'a Path>,
    /// Its files, by path without `/` at the beginning.
    pub files: &'a [(&'a str, &'a str)],
    /// Its maintainer scripts and other control files: `postinst`, `conffiles`, `templates`.
    pub control: &'a [(&'a str, &'a str)],
}

impl Deb<'_> {
    /// Makes it in a directory; gives the file.
    pub fn make(&self, directory: &Path) -> PathBuf {
        let scratch = TempDir::with_prefix("forge-deb-").expect("a temporary directory");
        let tree = self.tree.unwrap_or(scratch.path());
        let arch = if self.arch.is_empty() { "all" } else { self.arch };
        let (name, version) = (self.name, self.version);
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {arch}\nPriority: optional\n\
             Maintainer: Site <site@example.org>\n{}Description: a test\n",
            self.fields
        );
        let write = |path: String, text: &str, mode: u32| {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            fs::write(&path, text).expect("a file of a package");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        };
        write("DEBIAN/control".to_owned(), &control, 0o644);
        for (path, text) in self.control {
            let script = text.starts_with("#!");
            write(format!("DEBIAN/{path}"), text, if script { 0o755 } else { 0o644 });
        }
        for (path, text) in self.files {
            write((*path).to_owned(), text, 0o644);
        }
        let file = directory.join(format!("{name}_{}_{arch}.deb", version.replace(':', "%3a")));
        fs::create_dir_all(directory).expect("a directory for packages");
        // Small and quick: nobody looks at how it is compressed.
        let arguments = ["--root-owner-group", "-Znone", "--build"];
        let mut build = Command::new("dpkg-deb");
        // Two archives made at different times are the same.
        build.env("SOURCE_DATE_EPOCH", "1735689600");
        run(build.args(arguments).args([tree, &file]));
        file
    }
}

/// An archive with suites, in a directory of its own.
#[derive(Debug)]
pub struct Archive {
    directory: TempDir,
}

impl Archive {
    /// An archive with one suite of one component.
    pub fn new(suite: &str, component: &str, debs: &[Deb<'_>]) -> Self {
        let directory = TempDir::with_prefix("forge-test-archive-").expect("a temporary directory");
        let archive = Self { directory };
        let lists = format!("dists/{suite}/{component}/binary-amd64");
        let pool = format!("pool/{component}");
        let mut index = String::new();
        for deb in debs {
            describe(&pool, &deb.make(&archive.path().join(&pool)), &mut index);
        }
        fs::create_dir_all(archive.path().join(&lists)).expect("a directory for lists");
        fs::write(archive.path().join(&lists).join("Packages"), &index).expect("a list");
        let list = format!("{component}/binary-amd64/Packages");
        let digest = sha256(&archive.path().join(&lists).join("Packages"));
        let release = format!(
            "Origin: Test\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\n\
             Components: {component}\nDate: Wed, 01 Jan 2025 00:00:00 UTC\n\
             SHA256:\n {digest} {} {list}\n",
            index.len()
        );
        fs::write(archive.release(suite), release).expect("a Release file");
        archive
    }

    /// A flat archive: a list beside its packages, which nobody signs.
    pub fn flat(debs: &[Deb<'_>]) -> Self {
        let directory = TempDir::with_prefix("forge-test-archive-").expect("a temporary directory");
        let archive = Self { directory };
        let mut index = String::new();
        for deb in debs {
            describe(".", &deb.make(archive.path()), &mut index);
        }
        fs::write(archive.path().join("Packages"), index).expect("a list");
        archive
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn release(&self, suite: &str) -> PathBuf {
        self.path().join(format!("dists/{suite}/Release"))
    }

    /// Signs a suite with a new key; gives the public one as text.
    pub fn sign(&self, suite: &str) -> String {
        let home = TempDir::with_prefix("forge-test-gpg-").expect("a temporary directory");
        let gpg = |arguments: &[&str]| {
            run(Command::new("gpg")
                .args(["--batch", "--quiet", "--yes", "--passphrase", "", "--homedir"])
                .arg(home.path())
                .args(arguments))
        };
        gpg(&["--quick-generate-key", "Site <site@example.org>", "ed25519", "sign", "never"]);
        let release = self.release(suite);
        let signed = release.with_file_name("InRelease");
        let path = |path: &Path| path.display().to_string();
        gpg(&["--clearsign", "--output", &path(&signed), &path(&release)]);
        let key = gpg(&["--armor", "--export"]);
        // gpg leaves its agent behind.
        run(Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]));
        key
    }

    /// Serves it until the answer is dropped, to those who send this `Authorization` when one is
    /// asked for.
    pub fn serve(&self, authorization: Option<&str>) -> Served {
        Served::start(self.path().to_owned(), authorization.map(str::to_owned))
    }
}

/// Adds a package's stanza to an index.
fn describe(pool: &str, deb: &Path, index: &mut String) {
    let control = run(Command::new("dpkg-deb").arg("--field").arg(deb));
    let name = deb.file_name().expect("a name").to_string_lossy();
    let size = fs::metadata(deb).expect("the package").len();
    writeln!(
        index,
        "{}\nFilename: {pool}/{name}\nSize: {size}\nSHA256: {}\n",
        control.trim_end(),
        sha256(deb)
    )
    .expect("text");
}

/// A directory served by HTTP on this machine.
#[derive(Debug)]
pub struct Served {
    address: std::net::SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves a directory.
    pub fn start(directory: PathBuf, authorization: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (stopped, noted) = (Arc::clone(&stop), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away is none of ours.
                let served = stream.and_then(|stream| {
                    answer(stream, &directory, authorization.as_deref(), &noted)
                });
                drop(served);
            }
        });
        Self { address, stop, asked, thread: Some(thread) }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths that were asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn answer(
    mut stream: TcpStream,
    directory: &Path,
    authorization: Option<&str>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut sent = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            sent = Some(value.to_owned());
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("/").replace("%3a", ":").replace("%2b", "+");
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    let mut body = Vec::new();
    let status = if authorization.is_some() && authorization != sent.as_deref() {
        "401 Unauthorized"
    } else if let Ok(mut file) = fs::File::open(directory.join(path.trim_start_matches('/'))) {
        match file.read_to_end(&mut body) {
            Ok(_) => "200 OK",
            Err(_) => "404 Not Found",
        }
    } else {
        "404 Not Found"
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    stream.shutdown(Shutdown::Write)
}

fn sha256(file: &Path) -> String {
    let text = run(Command::new("sha256sum").arg(file));
    text.split(' ').next().unwrap_or_default().to_owned()
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
