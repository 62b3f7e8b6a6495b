//! Controls of a running node: this machine, over a real sshd on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use forge_test::{Turn, built_binary};

/// A server of its own, with a key of its own.
struct Server {
    child: Child,
    lab: tempfile::TempDir,
    /// Where sshd separates its privileges was not there before.
    made_run: bool,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if self.made_run {
            fs::remove_dir(RUN).ok();
        }
    }
}

/// Where sshd separates its privileges; Debian's unit makes it.
const RUN: &str = "/run/sshd";

fn keygen(file: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}

impl Server {
    fn start() -> Self {
        let lab = tempfile::tempdir().unwrap();
        let at = |name: &str| lab.path().join(name);
        keygen(&at("host"));
        keygen(&at("user"));
        fs::copy(at("user.pub"), at("authorized_keys")).unwrap();
        let made_run = fs::create_dir(RUN).is_ok();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shown = |name: &str| at(name).display().to_string();
        fs::write(
            at("sshd_config"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
                 PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\nPidFile none\n",
                shown("host"),
                shown("authorized_keys")
            ),
        )
        .unwrap();
        fs::write(
            at("ssh_config"),
            format!(
                "Host node\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {}\n  \
                 IdentitiesOnly yes\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {}\n\
                 Host nobody\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile none\n  \
                 StrictHostKeyChecking accept-new\n  UserKnownHostsFile {}\n",
                shown("user"),
                shown("known_hosts"),
                shown("known_hosts")
            ),
        )
        .unwrap();
        let mut server = Command::new("/usr/sbin/sshd");
        server.args(["-D", "-e", "-f"]).arg(at("sshd_config")).stderr(Stdio::null());
        let child = server.spawn().unwrap();
        let server = Self { child, lab, made_run, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Judges the node by a profile in KDL; gives exit code, output and messages.
    fn judge(&self, profile: &str) -> (i32, String, String) {
        let file = self.lab.path().join("profile.kdl");
        fs::write(&file, profile).unwrap();
        self.run(&["--kdl", &file.display().to_string()])
    }

    /// Judges the node by a profile of `InSpec` whose only file of controls this is.
    fn judge_ruby(&self, controls: &str) -> (i32, String, String) {
        let directory = self.lab.path().join("rules");
        fs::create_dir_all(directory.join("controls")).unwrap();
        fs::write(directory.join("inspec.yml"), "name: rules\n").unwrap();
        fs::write(directory.join("controls/a.rb"), controls).unwrap();
        self.run(&["--inspec", &directory.display().to_string()])
    }

    fn run(&self, more: &[&str]) -> (i32, String, String) {
        let config = self.lab.path().join("ssh_config").display().to_string();
        let mut words = vec!["controls", "run", "--node", "node", "--all"];
        words.extend(["--ssh-config", &config]);
        words.extend(more);
        let output = Command::new(built_binary()).args(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

/// Controls of the machine that the test runs on, and of files that it makes there.
fn what_runs_here(server: &Server) -> String {
    let lab = server.lab.path();
    let odd = lab.join("it's a\n \"file\" $(x)");
    fs::write(&odd, b"one=1\n\xff\0two = 2\n").unwrap();
    fs::set_permissions(&odd, fs::Permissions::from_mode(0o4640)).unwrap();
    symlink("nowhere", lab.join("dangling")).unwrap();
    fs::write(lab.join("empty"), "").unwrap();
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let at = |name: &str| lab.join(name).display().to_string();
    let odd = odd.display().to_string().replace('"', "\\\"").replace('\n', "\\n");
    format!(
        r#"profile "node" {{
    control "files" {{
        file "{odd}" {{ exists; type "file"; owner "root"; group "root"; mode "4640"; content includes="two = 2" }}
        file "{}" {{ type "file"; size 0 }}
        file "{}" {{ type "directory" }}
        file "{}" {{ not {{ exists }} }}
        file "{}/below" {{ not {{ exists }} }}
    }}
    control "links" {{ file "{}" {{ type "symlink" }} }}
    control "accounts" {{
        user "root" {{ exists; uid 0; home "/root" }}
        user "nobody-of-this-name" {{ not {{ exists }} }}
        group "root" {{ gid 0 }}
    }}
    control "packages" {{ package "openssh-server" {{ installed }} }}
    control "kernel" {{ kernel-parameter "kernel.hostname" {{ value "{}" }} }}
    control "commands" target="node" {{
        command "echo out; echo err >&2; exit 255" {{ exit-status 255; stdout "out"; stderr "err" }}
    }}
    control "port" {{ port {} {{ listening; protocol "tcp" "tcp6"; process "sshd"; address "127.0.0.1"; not {{ protocol "udp" }} }} }}
    control "process" {{
        process "sshd" {{ running; user "root"; not {{ user "nobody" }} }}
        process "no-such-program" {{ not {{ running }} }}
    }}
    control "filesystem" {{
        filesystem "/proc" {{ type "proc"; size 0 }}
        filesystem "{}" {{ size above=1000000; free max=1000000000000000 }}
    }}
    control "nowhere" {{ filesystem "/no/such/path" {{ free min=0 }} }}
    control "own" {{ command "exit 124" {{ exit-status 124 }} }}
    control "slow" {{ command "sleep 30" timeout="1s" {{ exit-status 0 }} }}
    control "loud" {{ command "yes" {{ not {{ stdout includes="n" }} }} }}
    control "wrong" {{ user "root" {{ uid 1 }} }}
}}
"#,
        at("empty"),
        lab.display(),
        at("absent"),
        at("empty"),
        at("dangling"),
        hostname.trim(),
        server.port,
        lab.display()
    )
}

#[test]
fn a_node_is_judged_as_it_runs() {
    let _turn = Turn::take();
    let server = Server::start();
    let lab = server.lab.path();
    let profile = what_runs_here(&server);
    let (code, out, err) = server.judge(&profile);
    assert_eq!(code, 100, "{out}{err}");
    let passed = ["files", "links", "accounts", "packages", "kernel", "commands", "port", "own"];
    for passed in passed.into_iter().chain(["process", "filesystem"]) {
        assert!(out.contains(&format!("passed  {passed}:")), "{passed}:\n{out}{err}");
    }
    assert!(out.contains("error   slow:") && out.contains("it took longer than 1 s"), "{out}");
    assert!(out.contains("error   nowhere:") && out.contains("df says nothing of it"), "{out}");
    assert!(out.contains("error   loud:") && out.contains("it printed more than 1 MiB"), "{out}");
    assert!(out.contains("failed  wrong:"), "{out}");

    // The files of the same system are the same from afar.
    let file = lab.join("profile.kdl").display().to_string();
    let words = ["controls", "run", "--tree", "/", "--kdl", &file, "--all"];
    let output = Command::new(built_binary()).args(words).output().unwrap();
    let near = String::from_utf8_lossy(&output.stdout).into_owned();
    for control in ["files", "links", "accounts", "packages", "wrong"] {
        let rows = |text: &str| {
            let lines = text.lines().skip_while(|line| !line.contains(&format!(" {control}: ")));
            let own = lines.skip(1).take_while(|line| line.starts_with("    "));
            own.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(!rows(&out).is_empty());
        assert_eq!(rows(&out), rows(&near), "{control}");
    }

    // What is for nodes is not judged elsewhere.
    let words = ["controls", "run", "--tree", "/", "--kdl", &file, "--control", "commands"];
    let output = Command::new(built_binary()).args(words).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{out}");
    assert!(out.contains("it is judged at the target `node`"), "{out}");
}

/// What only a system that runs can answer, `InSpec`'s resources ask of the node itself.
#[test]
fn ruby_asks_the_node_what_runs() {
    let _turn = Turn::take();
    let server = Server::start();
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let (hostname, port) = (hostname.trim(), server.port);
    let controls = format!(
        r"
control 'port' do
  describe port({port}) do
    it {{ should be_listening }}
    its('processes') {{ should eq ['sshd'] }}
    its('protocols') {{ should eq ['tcp'] }}
    its('addresses') {{ should eq ['127.0.0.1'] }}
  end
  describe(port('127.0.0.2', {port})) {{ it {{ should_not be_listening }} }}
end
control 'processes' do
  describe processes(%r{{sshd -D -e}}) do
    it {{ should be_running }}
    its('users') {{ should include 'root' }}
  end
  describe(processes('no-such-program')) {{ it {{ should_not exist }} }}
end
control 'filesystem' do
  describe filesystem('/proc') do
    its('type') {{ should eq 'proc' }}
    its('size_kb') {{ should eq 0 }}
  end
end
control 'mount' do
  describe mount('/proc') do
    it {{ should be_mounted }}
    its('type') {{ should eq 'proc' }}
    its('options') {{ should include 'rw' }}
  end
  describe(mount('/no/such/path')) {{ it {{ should_not be_mounted }} }}
end
control 'names' do
  describe(host('127.0.0.1')) {{ its('ipaddress') {{ should include '127.0.0.1' }} }}
  describe(host('no-such-name.invalid')) {{ it {{ should_not be_resolvable }} }}
  describe(command('cat /proc/sys/kernel/hostname')) {{ its('stdout.strip') {{ should eq '{hostname}' }} }}
end
control 'environment' do
  describe(os_env('PATH')) {{ its('split') {{ should_not include '.' }} }}
  describe(os_env('NO_SUCH_NAME')) {{ its('content') {{ should be_nil }} }}
end
control 'module' do
  describe(kernel_module('no-such-module')) {{ it {{ should_not be_loaded }} }}
end
control 'wrong' do
  describe(port({port})) {{ its('protocols') {{ should include 'udp' }} }}
end
"
    );
    let (code, out, err) = server.judge_ruby(&controls);
    assert_eq!(code, 100, "{out}{err}");
    let passed = ["port", "processes", "filesystem", "mount", "names", "environment", "module"];
    for control in passed {
        assert!(out.contains(&format!("passed  {control}:")), "{control}:\n{out}{err}");
    }
    assert!(out.contains("failed  wrong:"), "{out}");
}

#[test]
fn a_node_that_goes_away_leaves_what_was_judged() {
    let _turn = Turn::take();
    let server = Server::start();
    // The command ends the connection that all further questions would go through.
    let profile = r#"profile "node" {
    control "before" { file "/" { type "directory" } }
    control "end" target="node" {
        command "p=$$; while read -r name < /proc/$p/comm && [ $name != sshd ]; do p=$(ps -o ppid= -p $p | tr -d ' '); done; kill -9 $p" { exit-status 0 }
    }
    control "after" { file "/etc" { type "directory" } }
}
"#;
    let (code, out, err) = server.judge(profile);
    assert_eq!(code, 100, "{out}{err}");
    assert!(out.contains("passed  before:"), "{out}{err}");
    assert!(
        out.contains("error   after:") && out.contains("the connection to `node` has ended"),
        "{out}"
    );

    // Nobody is let in without a key, and nobody is asked for a password.
    let config = server.lab.path().join("ssh_config").display().to_string();
    let file = server.lab.path().join("profile.kdl").display().to_string();
    let words = ["controls", "run", "--node", "nobody", "--kdl", &file, "--ssh-config", &config];
    let output = Command::new(built_binary()).args(words).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(
        err.contains("`nobody` cannot be reached") && err.contains("Permission denied"),
        "{err}"
    );
}
