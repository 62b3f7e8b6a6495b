use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The `forgec` binary that stands beside the running test.
pub fn built_binary() -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let directory = test.ancestors().nth(2).expect("tests run from target/PROFILE/deps");
    // A benchmark is a program itself and stands beside it, one level up.
    let beside = test.with_file_name("forgec");
    let binary = if beside.exists() { beside } else { directory.join("forgec") };
    assert!(
        binary.exists(),
        "`{}` is not built; run the tests with `cargo test --workspace`",
        binary.display()
    );
    binary
}

/// A call of `forgec` with its own store and output folder.
#[derive(Debug)]
pub struct Forgec {
    project: PathBuf,
    store: PathBuf,
    out: PathBuf,
    cache: PathBuf,
    environment: Vec<(String, String)>,
    /// What it sees as the host's `/etc/apt`.
    apt: Option<PathBuf>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Run {
    /// Exit code; 128 and the signal's number when it was killed.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Asserts the exit code, showing the output otherwise.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "an assertion")]
    pub fn expect(self, code: i32) -> Self {
        let Self { code: got, stdout, stderr } = &self;
        assert_eq!(*got, code, "exit code\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }
}

impl Forgec {
    /// Calls for a project, with store and output folder below `scratch`.
    pub fn new(project: &Path, scratch: &Path) -> Self {
        Self {
            project: project.to_owned(),
            store: scratch.join("store"),
            out: scratch.join("out"),
            cache: scratch.join("cache"),
            environment: Vec::new(),
            apt: None,
        }
    }

    /// Another store.
    #[must_use]
    pub fn store(mut self, store: &Path) -> Self {
        store.clone_into(&mut self.store);
        self
    }

    /// Another output folder.
    #[must_use]
    pub fn out(mut self, out: &Path) -> Self {
        out.clone_into(&mut self.out);
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// On a host whose `/etc/apt` is this directory: in a mount namespace of its own.
    #[must_use]
    pub fn apt(mut self, directory: &Path) -> Self {
        self.apt = Some(directory.to_owned());
        self
    }

    /// The store's directory.
    pub fn store_dir(&self) -> &Path {
        &self.store
    }

    /// The output folder.
    pub fn out_dir(&self) -> &Path {
        &self.out
    }

    /// The command, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.apt {
            None => Command::new(built_binary()),
            Some(apt) => {
                // One process becomes the next, so that whoever waits for it waits for forgec.
                let mut command = Command::new("unshare");
                command
                    .args(["--mount", "--", "sh", "-c"])
                    .arg("mount --bind \"$0\" /etc/apt && exec \"$@\"")
                    .args([apt, &built_binary()]);
                command
            }
        };
        command
            .arg("-C")
            .arg(&self.project)
            .arg("--store")
            .arg(&self.store)
            .arg("--out")
            .arg(&self.out)
            .args(arguments)
            .env_remove("FORGE_STORE")
            .env_remove("FORGE_OUT")
            .env_remove("FORGE_AGE_IDENTITY")
            .env("XDG_CACHE_HOME", &self.cache)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        use std::os::unix::process::ExitStatusExt as _;
        let output = self.command(arguments).output().expect("forgec starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status;
        Run {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Starts it with its output thrown away.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("forgec starts")
    }
}
