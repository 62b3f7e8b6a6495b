//! Controls of a tree by forge, by testinfra and by `oscap-chroot`: the same questions, asked in turn.
//!
//! ```text
//! bench controls [--rounds N] [--tree DIR] [--profile DIR]… [--testinfra PYTEST] [--oscap oscap-chroot]
//! ```
//!
//! Files of a Debian tree, as many as there are controls, are asked for their presence, owner,
//! group and mode. The answers are those of the tree, so all checks pass: a tool that passes fewer is a
//! failure of the bench. Packages are left out, since `oscap-chroot` cannot ask dpkg's record of a tree
//! (`dpkginfo_init has failed`). Profiles that are named are measured alone.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// Controls of linux-baseline, of cis-dil-benchmark and of a STIG.
const SIZES: [usize; 3] = [59, 237, 450];

struct Options {
    rounds: usize,
    tree: Option<PathBuf>,
    profiles: Vec<PathBuf>,
    testinfra: Option<PathBuf>,
    oscap: Option<PathBuf>,
}

fn options(mut arguments: impl Iterator<Item = String>) -> Options {
    let mut options =
        Options { rounds: 5, tree: None, profiles: Vec::new(), testinfra: None, oscap: None };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("`{argument}` takes a value"));
        match argument.as_str() {
            "--rounds" => options.rounds = value.parse().unwrap_or_else(|_| panic!("a number")),
            "--tree" => options.tree = Some(value.into()),
            "--profile" => options.profiles.push(value.into()),
            "--testinfra" => options.testinfra = Some(value.into()),
            "--oscap" => options.oscap = Some(value.into()),
            _ => panic!("unknown option `{argument}`"),
        }
    }
    options
}

/// A file, and what is asked of it.
struct Check {
    path: String,
    mode: u32,
}

pub(crate) fn run(arguments: impl Iterator<Item = String>) {
    let options = options(arguments);
    let scratch = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let tree = options.tree.clone().unwrap_or_else(|| {
        let tree = scratch.path().join("tree");
        let made = Command::new("mmdebstrap")
            .args([
                "--quiet",
                "--variant=minbase",
                "--include=openssh-server,cron,rsyslog",
                "bookworm",
            ])
            .arg(&tree)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "mmdebstrap makes a tree");
        tree
    });
    let checks = checks(&tree);
    for size in SIZES {
        let checks = &checks[..size.min(checks.len())];
        let directory = scratch.path().join(size.to_string());
        write(&directory, checks);
        compare(&options, &directory, &tree, checks.len());
    }
    for profile in &options.profiles {
        let times = (0..options.rounds).map(|_| forge(profile, &tree).1).collect();
        println!("{}: n={} forge {:.3} s", profile.display(), options.rounds, median(times));
    }
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    let others = options.testinfra.is_some() || options.oscap.is_some() || options.tree.is_none();
    if !others {
        println!("largest memory of forge: {} MiB", most / 1024);
    }
}

/// Files of root in a tree, in the order of their names.
fn checks(tree: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut open: Vec<PathBuf> = ["etc", "usr/lib/systemd", "usr/bin", "var/lib/dpkg/info"]
        .map(|name| tree.join(name))
        .into();
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{error}"));
        for entry in entries.flatten() {
            let (path, Ok(found)) = (entry.path(), entry.metadata()) else { continue };
            if found.is_dir() {
                open.push(path);
            } else if found.is_file() && (found.uid(), found.gid()) == (0, 0) {
                let inside = path.strip_prefix(tree).unwrap_or_else(|error| panic!("{error}"));
                let path = format!("/{}", inside.display());
                checks.push(Check { path, mode: found.mode() & 0o7777 });
            }
        }
    }
    checks.sort_by(|a, b| a.path.cmp(&b.path));
    checks
}

/// The same checks for all three.
fn write(directory: &Path, checks: &[Check]) {
    let profile = directory.join("profile/controls");
    fs::create_dir_all(&profile).unwrap_or_else(|error| panic!("{error}"));
    let (mut ruby, mut python) = (String::new(), String::from("import pytest\n\nFILES = [\n"));
    for (at, Check { path, mode }) in checks.iter().enumerate() {
        ruby += &format!(
            "control 'c{at}' do\n  impact 0.7\n  describe file('{path}') do\n    it {{ should \
             exist }}\n    it {{ should be_owned_by 'root' }}\n    it {{ should be_grouped_into \
             'root' }}\n    its('mode') {{ should cmp '{mode:05o}' }}\n  end\nend\n"
        );
        python += &format!("    ({path:?}, 0o{mode:o}),\n");
    }
    python += "]\n\n\n@pytest.mark.parametrize('path,mode', FILES)\n\
               def test_file(host, path, mode):\n    f = host.file(path)\n    assert f.exists\n    \
               assert f.user == 'root'\n    assert f.group == 'root'\n    assert f.mode == mode\n";
    for (path, text) in [
        ("profile/controls/all.rb", ruby),
        ("profile/inspec.yml", "name: bench\n".to_owned()),
        ("test_all.py", python),
        ("oval.xml", oval(checks)),
    ] {
        fs::write(directory.join(path), text).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Bits of a mode, as OVAL names them.
const BITS: [(&str, u32); 12] = [
    ("suid", 0o4000),
    ("sgid", 0o2000),
    ("sticky", 0o1000),
    ("uread", 0o400),
    ("uwrite", 0o200),
    ("uexec", 0o100),
    ("gread", 0o40),
    ("gwrite", 0o20),
    ("gexec", 0o10),
    ("oread", 0o4),
    ("owrite", 0o2),
    ("oexec", 0o1),
];

/// The checks as OVAL has them: a definition for each, of a test, an object and a state.
fn oval(checks: &[Check]) -> String {
    const UNIX: &str = "xmlns=\"http://oval.mitre.org/XMLSchema/oval-definitions-5#unix\"";
    let (mut definitions, mut tests) = (String::new(), String::new());
    let (mut objects, mut states) = (String::new(), String::new());
    for (at, Check { path, mode }) in checks.iter().enumerate() {
        let at = at + 1;
        definitions += &format!(
            "<definition class=\"compliance\" id=\"oval:f:def:{at}\" version=\"1\"><metadata>\
             <title>c{at}</title><description>c{at}</description></metadata><criteria><criterion \
             test_ref=\"oval:f:tst:{at}\"/></criteria></definition>\n"
        );
        tests += &format!(
            "<file_test {UNIX} id=\"oval:f:tst:{at}\" version=\"1\" check=\"all\" \
             comment=\"c\"><object object_ref=\"oval:f:obj:{at}\"/><state \
             state_ref=\"oval:f:ste:{at}\"/></file_test>\n"
        );
        objects += &format!(
            "<file_object {UNIX} id=\"oval:f:obj:{at}\" version=\"1\"><filepath>{path}\
             </filepath></file_object>\n"
        );
        let bit = |(name, bit): (&str, u32)| {
            format!("<{name} datatype=\"boolean\">{}</{name}>", mode & bit != 0)
        };
        let bits = BITS.map(bit).concat();
        states += &format!(
            "<file_state {UNIX} id=\"oval:f:ste:{at}\" version=\"1\"><group_id \
             datatype=\"int\">0</group_id><user_id datatype=\"int\">0</user_id>{bits}\
             </file_state>\n"
        );
    }
    format!(
        "<oval_definitions xmlns=\"http://oval.mitre.org/XMLSchema/oval-definitions-5\" \
         xmlns:oval=\"http://oval.mitre.org/XMLSchema/oval-common-5\"><generator>\
         <oval:schema_version>5.10</oval:schema_version><oval:timestamp>2026-01-01T00:00:00\
         </oval:timestamp></generator><definitions>\n{definitions}</definitions><tests>\n{tests}\
         </tests><objects>\n{objects}</objects><states>\n{states}</states></oval_definitions>\n"
    )
}

fn compare(options: &Options, directory: &Path, tree: &Path, checks: usize) {
    let (mut own, mut testinfra, mut oscap) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (output, took) = forge(&directory.join("profile"), tree);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        own.push(took);
        if let Some(pytest) = &options.testinfra {
            let mut command = Command::new(pytest);
            command
                .args(["-q", "-p", "no:cacheprovider", "--hosts"])
                .arg(format!("chroot://{}", tree.file_name().unwrap_or_default().display()))
                .arg(directory.join("test_all.py"))
                // It knows a tree by one name alone.
                .current_dir(tree.parent().unwrap_or(Path::new("/")));
            let (output, took) = timed(&mut command);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains(&format!("{checks} passed")), "testinfra: {said}");
            testinfra.push(took);
        }
        if let Some(program) = &options.oscap {
            let mut command = Command::new(program);
            command.arg(tree).args(["oval", "eval"]).arg(directory.join("oval.xml"));
            let (output, took) = timed(&mut command);
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(said.matches(": true").count(), checks, "oscap-chroot: {said}");
            oscap.push(took);
        }
    }
    let own = median(own);
    let mut line = format!("{checks} controls: n={} forge {own:.3} s", options.rounds);
    for (name, times) in [("testinfra", testinfra), ("oscap-chroot", oscap)] {
        if !times.is_empty() {
            let other = median(times);
            line += &format!("   {name} {other:.3} s ({:.4})", own / other);
        }
    }
    println!("{line}");
}

fn forge(profile: &Path, tree: &Path) -> (Output, Duration) {
    let binary = std::env::current_exe().expect("this program").with_file_name("forgec");
    let mut command = Command::new(binary);
    command.args(["controls", "run", "--format", "json-min", "--inspec"]).arg(profile);
    timed(command.arg("--tree").arg(tree))
}

fn timed(command: &mut Command) -> (Output, Duration) {
    let start = Instant::now();
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    (output, start.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
