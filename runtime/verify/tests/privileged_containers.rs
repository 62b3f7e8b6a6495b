//! Controls in un-booted and booted containers. Needs root.
//!
//! The image is made of the host's own `/usr`, read-only below an overlay, with an `/etc` and a
//! `/var` of its own. [`enter`] starts this very program again, so it is a program of its own:
//! without arguments it runs itself with a directory.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that is its own program, without the harness that clippy knows"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use forge_model::{
    Check, Control, Digest, Entry, EntryKind, ExpectFailed, Expectation, ImagePath, InspecProfile,
    Level, Manifest, Operator, Origin, Property as P, Resource, Scalar, SourceFile, Status, Tree,
    TreeEntry, Verify, Xattrs,
};
use forge_sys::overlay::{Mounted, Overlay, Upper, set_opaque};
use forge_sys::process::Cancel;
use forge_sys::sandbox::{Entered, Inside, Options, enter};
use forge_verify::{Containers, Image, VerifyOutcome, verify, verify_inspec};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, part, directory] = arguments.as_slice()
        && part == "part-inside"
    {
        std::process::exit(i32::from(play(Path::new(directory))));
    }
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    let directory = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the outer process is started as by a shell")]
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args([Path::new("part-inside"), directory.path()])
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

/// A name and what is done in a site of its own.
type Test = (&'static str, fn(&Site));

fn play(directory: &Path) -> u8 {
    let work = directory.join("work");
    let options = Options { work, work_size: 256 << 20, keep: vec![directory.to_owned()] };
    match enter(&options).unwrap() {
        Entered::Outside(status) => status,
        Entered::Inside(inside) => {
            let tests: [Test; 5] = [
                ("commands_are_judged", commands_are_judged),
                ("a_container_that_cannot_start_is_an_error", cannot_start),
                ("a_boot_is_judged", a_boot_is_judged),
                ("units_that_fail_are_findings", units_that_fail_are_findings),
                ("ruby_is_judged_where_it_is_known", ruby_is_judged_where_it_is_known),
            ];
            for (name, test) in tests {
                let directory = inside.work.join(name);
                std::fs::create_dir(&directory).unwrap();
                test(&Site::new(inside.clone(), directory));
                println!("test {name} ... ok");
            }
            0
        }
    }
}

/// An image, and where its containers live.
struct Site {
    inside: Inside,
    directory: PathBuf,
    mounts: Cell<u32>,
}

impl Site {
    fn new(inside: Inside, directory: PathBuf) -> Self {
        let site = Self { inside, directory, mounts: Cell::new(0) };
        let top = site.top();
        for name in ["etc", "var", "root", "home", "tmp", "opt", "srv", "mnt", "boot"] {
            std::fs::create_dir_all(top.join(name)).unwrap();
            set_opaque(&top.join(name)).unwrap();
        }
        site.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        site.write("etc/group", "root:x:0:\n");
        site.write("etc/os-release", "ID=test\n");
        site.write("etc/machine-id", "");
        site.unit("good", "/bin/sleep 600", "multi-user.target");
        site
    }

    fn top(&self) -> PathBuf {
        self.directory.join("top")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.top().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn unit(&self, name: &str, command: &str, target: &str) {
        let directory = "etc/systemd/system";
        let text = format!("[Service]\nExecStart={command}\n");
        self.write(&format!("{directory}/{name}.service"), &text);
        let wants = self.top().join(directory).join(format!("{target}.wants"));
        std::fs::create_dir_all(&wants).unwrap();
        symlink(format!("../{name}.service"), wants.join(format!("{name}.service"))).unwrap();
    }

    /// A socket at port 4217, which systemd holds.
    fn listens(&self) {
        let directory = "etc/systemd/system";
        self.unit("waiting", "/bin/true", "never.target");
        let socket = "[Socket]\nListenStream=127.0.0.1:4217\n";
        self.write(&format!("{directory}/waiting.socket"), socket);
        let wants = self.top().join(directory).join("sockets.target.wants");
        std::fs::create_dir_all(&wants).unwrap();
        symlink("../waiting.socket", wants.join("waiting.socket")).unwrap();
    }

    /// The host's root below the image's own top, writes thrown away.
    fn mount(&self) -> Result<Mounted, String> {
        let number = self.mounts.get();
        self.mounts.set(number + 1);
        let at = |name: &str| {
            let path = self.directory.join(format!("{name}-{number}"));
            std::fs::create_dir(&path).unwrap();
            path
        };
        let upper = Upper { upper: at("upper"), work: at("work") };
        let lowers = vec![PathBuf::from("/"), self.top()];
        let overlay = Overlay { lowers, upper: Some(upper), target: at("root") };
        overlay.mount().map_err(|error| error.to_string())
    }

    fn verify(&self, action: &Verify) -> VerifyOutcome {
        self.judge(|image, containers| verify(action, image, Some(containers)).unwrap())
    }

    fn judge(
        &self,
        judge: impl FnOnce(Image<'_>, Containers<'_>) -> VerifyOutcome,
    ) -> VerifyOutcome {
        let tree = tree();
        let content = |_: &ImagePath, _: &TreeEntry| Ok(b"[Service]\n".to_vec());
        let image =
            Image { tree: &tree, content: &content, is_secret: &|_| false, blame: &|_, _| None };
        let (mount, cancel) = (|| self.mount(), Cancel::new().unwrap());
        let log = self.directory.join("console.log");
        let containers = Containers {
            mount: &mount,
            volatile: false,
            hostname: "node",
            outer: self.inside.outer,
            scratch: &self.directory,
            log: &log,
            cancel: &cancel,
            mask: &|text| text.replace("hunter2", "***"),
        };
        judge(image, containers)
    }
}

/// What the evaluator is to see of the image's files.
fn tree() -> Tree {
    let mut manifest = Manifest::default();
    let file = EntryKind::File { size: 1, digest: Digest::of(b"x"), group: None };
    let directory = EntryKind::Directory { opaque: false };
    let entries = [
        ("", &directory),
        ("bin", &directory),
        ("bin/sh", &file),
        // What controls run: a whole system without a program answers that there is none.
        ("bin/sort", &file),
        ("bin/systemctl", &file),
        ("bin/uname", &file),
        ("etc", &directory),
        ("etc/systemd", &directory),
        ("etc/systemd/system", &directory),
        ("etc/systemd/system/good.service", &file),
        ("lib", &directory),
        ("lib/systemd", &directory),
        ("lib/systemd/systemd", &file),
    ];
    for (path, kind) in entries {
        let (kind, xattrs) = (kind.clone(), Xattrs::new());
        let entry = Entry { kind, mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs };
        manifest.entries.insert(ImagePath::new(path).unwrap(), entry);
    }
    Tree::merge([&manifest])
}

fn control(resource: Resource, property: P, operator: Operator) -> Control {
    let origin = Origin::new("p.kdl", 1, 1);
    let expected = Expectation { property, negated: false, operator, origin: origin.clone() };
    let check = Check::Resource { resource, expectations: vec![expected], origin: origin.clone() };
    Control {
        id: "c".to_owned(),
        profile: "p".to_owned(),
        impact: 1.0,
        title: String::new(),
        description: String::new(),
        tags: BTreeMap::new(),
        checks: vec![check],
        only_if: Vec::new(),
        level: None,
        run: true,
        code: String::new(),
        origin,
    }
}

fn command(line: &str, timeout: u32) -> Resource {
    Resource::Command { line: line.to_owned(), timeout }
}

fn is(value: &str) -> Operator {
    Operator::OneOf(vec![Scalar::Text(value.to_owned())])
}

fn number(value: i64) -> Operator {
    Operator::OneOf(vec![Scalar::Integer(value)])
}

fn action(level: Level, controls: Vec<Control>, expect_failed: Vec<ExpectFailed>) -> Verify {
    Verify {
        image: "node".to_owned(),
        level,
        controls: controls.into_iter().map(Into::into).collect(),
        inspec: Vec::new(),
        expect_failed,
    }
}

fn commands_are_judged(site: &Site) {
    let cases = [
        (command("echo out; exit 3", 30), P::ExitStatus, number(3), Status::Passed),
        (command("echo out; exit 3", 30), P::Stdout, is("out"), Status::Passed),
        (command("echo err >&2", 30), P::Stderr, is("err"), Status::Passed),
        (command("no-such-program", 30), P::ExitStatus, number(127), Status::Passed),
        (command("echo hunter2", 30), P::Stdout, is("***"), Status::Passed),
        (command("id -un; hostname", 30), P::Stdout, is("root\nnode"), Status::Passed),
        (command("cat /etc/os-release", 30), P::Stdout, is("ID=test"), Status::Passed),
        (command("touch /etc/made; exit 1", 30), P::ExitStatus, number(0), Status::Failed),
        // What the one before it wrote is gone.
        (command("test -e /etc/made", 30), P::ExitStatus, number(1), Status::Passed),
        // What it leaves running dies with its container.
        (
            command("setsid sleep 1234567 & echo started", 30),
            P::Stdout,
            is("started"),
            Status::Passed,
        ),
        // The begin of an endless output is no answer.
        (command("yes", 30), P::Stdout, is("y"), Status::Error),
        (command("head -c 3000000000 /dev/zero >&2", 30), P::Stdout, is(""), Status::Error),
        (command("setsid yes & sleep 60", 30), P::Stdout, is(""), Status::Error),
        (command("yes > /dev/null", 1), P::ExitStatus, number(0), Status::Error),
        (command("sleep 60", 1), P::ExitStatus, number(0), Status::Error),
    ];
    let controls = cases.iter().map(|(resource, property, operator, _)| {
        control(resource.clone(), *property, operator.clone())
    });
    let outcome = site.verify(&action(Level::Container, controls.collect(), Vec::new()));
    for ((resource, _, _, want), verdict) in cases.iter().zip(&outcome.verdicts) {
        assert_eq!(verdict.status, *want, "{resource}: {:?}", verdict.results);
    }
    let [.., yes, zeros, daemon, busy, silent] = outcome.verdicts.as_slice() else { panic!() };
    for loud in [yes, zeros, daemon] {
        let message = loud.results[0].message.as_deref();
        assert_eq!(message, Some("it printed more than 1 MiB and was stopped"));
    }
    for slow in [busy, silent] {
        assert_eq!(slow.results[0].message.as_deref(), Some("it took longer than 1 s"));
    }
    let left = |line: &[u8]| line.windows(7).any(|part| part == b"1234567");
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!line.starts_with(b"sleep") || !left(&line), "{}", process.path().display());
    }
    assert!(outcome.record.asks_programs() && outcome.boot.is_none());
    assert!(!site.top().join("etc/made").exists());
}

fn cannot_start(site: &Site) {
    // nspawn refuses a tree without an os-release and without a /usr that it could start from.
    std::fs::remove_file(site.top().join("etc/os-release")).unwrap();
    symlink("/nowhere", site.top().join("bin")).unwrap();
    let controls = vec![control(command("true", 30), P::ExitStatus, number(0))];
    let outcome = site.verify(&action(Level::Container, controls, Vec::new()));
    assert_eq!(outcome.verdicts[0].status, Status::Error, "{:?}", outcome.verdicts);
    let message = outcome.verdicts[0].results[0].message.clone().unwrap();
    assert!(message.starts_with("the container did not start: "), "{message}");
}

fn service(name: &str) -> Resource {
    Resource::Service { name: name.to_owned() }
}

fn a_boot_is_judged(site: &Site) {
    site.listens();
    let port = |number: &str| Resource::Port { number: number.to_owned() };
    let process = |name: &str| Resource::Process { name: name.to_owned() };
    let controls = vec![
        control(port("4217"), P::Listening, Operator::IsTrue),
        control(port("4217"), P::Process, is("systemd")),
        control(port("4217"), P::Address, is("0.0.0.0")),
        control(port("4218"), P::Listening, Operator::IsTrue),
        control(service("good"), P::Running, Operator::IsTrue),
        control(service("absent"), P::Running, Operator::IsTrue),
        control(command("systemctl is-active good", 30), P::Stdout, is("active")),
        control(process("sleep"), P::Running, Operator::IsTrue),
        control(process("sleep"), P::RunBy, is("root")),
        control(process("telnetd"), P::Running, Operator::IsTrue),
    ];
    let outcome = site.verify(&action(Level::Booted, controls, Vec::new()));
    let statuses: Vec<_> = outcome.verdicts.iter().map(|verdict| verdict.status).collect();
    let results: Vec<_> = outcome.verdicts.iter().map(|verdict| &verdict.results).collect();
    let (passed, failed) = (Status::Passed, Status::Failed);
    let wanted = [passed, passed, failed, failed, passed, failed, passed, passed, passed, failed];
    assert_eq!(statuses, wanted, "{results:#?}");
    let boot = outcome.boot.unwrap();
    assert!(matches!(boot.state.as_str(), "running" | "degraded"), "{boot:#?}");
}

fn units_that_fail_are_findings(site: &Site) {
    site.unit("bad", "/bin/sh -c 'echo I am broken; exit 1'", "multi-user.target");
    site.unit("known", "/bin/false", "multi-user.target");
    let expected = |unit: &str| ExpectFailed {
        unit: format!("{unit}.service"),
        because: "a test".to_owned(),
        origin: Origin::new("image.kdl", 2, 5),
    };
    let declared = vec![expected("known"), expected("good")];
    let outcome = site.verify(&action(Level::Booted, Vec::new(), declared));
    assert!(outcome.blocks());
    let boot = outcome.boot.unwrap();
    assert_eq!(boot.expected, ["known.service"]);
    let find = |unit: &str| boot.failures.iter().find(|failure| failure.unit == unit);
    let bad = find("bad.service").unwrap();
    assert!(bad.log.iter().any(|line| line.contains("I am broken")), "{bad:#?}");
    assert!(find("good.service").unwrap().origin.is_some());
    assert!(find("known.service").is_none());
}

const RUBY: &str = r#"
control 'file' do
  describe(file('/bin/sh')) { it { should exist } }
end
control 'program' do
  describe command('sort /etc/os-release') do
    its('stdout') { should match(/^ID=test/) }
    its('exit_status') { should eq 0 }
  end
end
control 'bash' do
  describe(bash("echo 'it is' | cat")) { its('stdout') { should eq "it is\n" } }
end
control 'body' do
  command('echo one; echo two').stdout.lines.each do |line|
    describe(line.strip) { it { should match(/^(one|two)$/) } }
  end
end
control 'service' do
  describe(service('good')) { it { should be_running } }
end
control 'manager' do
  describe(command('systemctl is-active good')) { its('stdout') { should match(/^active/) } }
end
control 'kernel' do
  describe(command('uname -r')) { its('exit_status') { should eq 0 } }
end
control 'port' do
  describe port(4217) do
    it { should be_listening }
    its('processes') { should eq ['systemd'] }
    its('addresses') { should eq ['127.0.0.1'] }
  end
  describe(port(4218)) { it { should_not be_listening } }
end
control 'params' do
  describe(service('good')) { its('params.ActiveState') { should eq 'active' } }
end
control 'processes' do
  describe(processes('sleep')) { its('users') { should eq ['root'] } }
  describe(processes('telnetd')) { it { should_not exist } }
end
control 'filesystem' do
  describe(filesystem('/')) { its('percent_free') { should be > 1 } }
end
"#;

/// What decides which controls there are is known in a container alone.
const BY_FILE: &str = r"
system = command('sort /etc/os-release').stdout
if system.include?('ID=test')
  control 'of-test' do
    describe(file('/bin/sh')) { it { should exist } }
  end
end
";

/// A profile of Ruby, each control at the cheapest target that can tell, and no dearer than `level`.
fn ruby(site: &Site, level: Level, controls: &str) -> Vec<(String, Level, Status)> {
    let texts = [("rules/inspec.yml", "name: rules\n"), ("rules/controls/a.rb", controls)];
    let files = texts.map(|(path, text)| SourceFile {
        path: path.to_owned(),
        digest: Digest::of(text.as_bytes()),
        size: text.len() as u64,
        executable: false,
    });
    let profile = InspecProfile {
        name: "rules".to_owned(),
        directory: "rules".to_owned(),
        files: files.into(),
        inputs: Vec::new(),
        skips: Vec::new(),
        level,
        interpreter: "1".to_owned(),
        controls: Vec::new(),
        makes_ids: true,
        origin: Origin::new("site.kdl", 1, 1),
    };
    let action = Verify { inspec: vec![profile.into()], ..action(level, Vec::new(), Vec::new()) };
    let read = |file: &SourceFile| {
        let (_, text) = texts.iter().find(|(path, _)| *path == file.path).unwrap();
        Ok(text.as_bytes().to_vec())
    };
    let outcome = site
        .judge(|image, containers| verify_inspec(&action, image, Some(containers), &read).unwrap());
    assert!(outcome.boot.is_none(), "the profile asked for no boot test");
    let rows = outcome.verdicts.into_iter().map(|one| (one.control, one.level, one.status));
    rows.collect()
}

fn ruby_is_judged_where_it_is_known(site: &Site) {
    use Status::{NotKnownHere as Unknown, Passed};
    site.listens();
    let found = |level| ruby(site, level, RUBY);
    let wanted = |rows: [(&str, Level, Status); 11]| {
        rows.map(|(id, level, status)| (id.to_owned(), level, status))
    };
    let (tree, container, booted) = (Level::Tree, Level::Container, Level::Booted);
    assert_eq!(
        found(booted),
        wanted([
            ("file", tree, Passed),
            ("program", container, Passed),
            ("bash", container, Passed),
            ("body", container, Passed),
            ("service", booted, Passed),
            ("manager", booted, Passed),
            ("kernel", booted, Unknown),
            ("port", booted, Passed),
            ("params", booted, Passed),
            ("processes", booted, Passed),
            // What is mounted is the container's own.
            ("filesystem", booted, Unknown),
        ])
    );
    let at_tree = found(tree);
    assert_eq!(at_tree.iter().filter(|row| row.2 == Unknown).count(), 10, "{at_tree:?}");
    let unbooted = found(container);
    assert_eq!(unbooted.iter().filter(|row| row.2 == Unknown).count(), 7, "{unbooted:?}");
    let by_file = ruby(site, booted, BY_FILE);
    assert_eq!(by_file, [("of-test".to_owned(), container, Passed)]);
    let mounts = site.mounts.get();
    assert_eq!(found(tree), at_tree);
    assert_eq!(site.mounts.get(), mounts, "what only looks at the tree starts no container");
}
