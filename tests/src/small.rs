use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use forge_model::Digest;

use crate::{Forgec, LocalDebian, Run, Site, busybox_base};

/// The value of the small site's secret.
pub const TOKEN: &str = "open-sesame-20250101";

const ARCHIVE_BASE: &str = "base \"small\" { archive \"bases/base.tar\"; }\n";
const DEBIAN_BASE: &str =
    "base \"small\" { debian suite=\"bookworm\" updates=#false { include \"tiny-lib\"; }; }\n";

const SITE: &str = r#"
secret "token" version=1 { env "TOKEN"; }
image "test-node" {
    base "small"
    set cluster="test" type="node"
    role "app"
    role "tool" greeting="hello"
    controls "policy"
    output "initramfs" compress="gzip" allow-secrets=#true
}
"#;

const APP: &str = r#"
role "app" {
    file "/etc/app.conf" { content "one"; }
    file "/etc/app.token" mode="0400" secret="token"
    run "data" script="data.sh" { input "data.txt"; }
}
"#;

const TOOL: &str = r#"
role "tool" {
    param "greeting" type="string"
    file "/etc/tool.conf" { content "${greeting}"; }
    run "tool" script="tool.sh" { secret "token"; }
    remove "/usr/lib/data.tmp"
}
"#;

/// What the packages of the roles bring, with a change to one of their conffiles.
const SERVICE: &str = r#"
role "service" {
    packages "tiny-service"
    file "/etc/tiny.conf" { content "level = 2"; }
    service "tiny.service" enabled=#true
}
role "extra" { packages "tiny-tool"; }
image "packaged" from="test-node" {
    set type="packaged"
    role "service"
    role "extra"
}
"#;

const POLICY: &str = r#"
profile "policy" {
    title "Policy"
    control "spec-1" impact=1.0 { file "/etc/app.conf" { mode max="0644"; }; }
    control "tree-1" impact=1.0 { file "/usr/lib/data" { exists; mode max="0644"; }; }
    control "container-1" impact=1.0 { command "cat /usr/lib/tool" { stdout includes="hello"; }; }
}
"#;

const FILES: [(&str, &str); 7] = [
    ("site.kdl", SITE),
    ("policy.kdl", POLICY),
    ("roles/app/role.kdl", APP),
    ("roles/app/data.txt", "data\n"),
    ("roles/app/data.sh", "cat /run/forge/input/data.txt > /usr/lib/data\n: > /usr/lib/data.tmp\n"),
    ("roles/tool/role.kdl", TOOL),
    ("roles/tool/tool.sh", "cat /etc/tool.conf > /usr/lib/tool\ncat /run/forge/secrets/token\n"),
];

/// A site whose image stands on one static busybox, with a store beside it: a build from nothing
/// takes well under a second.
#[derive(Debug)]
pub struct SmallSite {
    /// The project.
    pub site: Site,
    /// Its calls.
    pub forgec: Forgec,
}

impl Default for SmallSite {
    fn default() -> Self {
        Self::new()
    }
}

impl SmallSite {
    /// The whole site: files, scripts, a secret, and controls at every level but the booted one.
    pub fn new() -> Self {
        let files: Vec<_> = FILES.into_iter().chain([("base.kdl", ARCHIVE_BASE)]).collect();
        Self::with(&files)
    }

    /// The same on a base of packages, and one more image with roles that install some: from
    /// nothing, all of it takes some three seconds.
    pub fn packaged(archive: &LocalDebian) -> Self {
        let more = [("base.kdl", DEBIAN_BASE), ("service.kdl", SERVICE)];
        let files: Vec<_> = FILES.into_iter().chain(more).collect();
        let Self { site, forgec } = Self::with(&files);
        Self { site, forgec: forgec.apt(archive.etc_apt()) }
    }

    /// A site of these files over the small base, committed.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let site = Site::new(files);
        fs::create_dir_all(site.project().join("bases")).expect("a directory of the project");
        busybox_base(&site.project().join("bases/base.tar"));
        site.commit("the beginning");
        let forgec = Forgec::new(&site.project(), site.scratch()).env("TOKEN", TOKEN);
        Self { site, forgec }
    }

    /// Replaces a text in a file of the project.
    #[track_caller]
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let file = self.site.project().join(path);
        let text = fs::read_to_string(&file).expect("a file of the project");
        assert!(text.contains(old), "`{path}` does not hold `{old}`");
        fs::write(&file, text.replacen(old, new, 1)).expect("a file of the project");
    }

    /// Builds everything; it must succeed.
    #[track_caller]
    pub fn build(&self) -> Built {
        Built::of(self.forgec.run(&["build"]).expect(0))
    }

    /// The output folder's files.
    pub fn artifacts(&self) -> BTreeMap<String, Digest> {
        artifacts(self.forgec.out_dir())
    }

    /// A file of the built image, as a container of it shows it.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        self.forgec.run(&["shell", "test-node", "--", "/bin/cat", path]).expect(0).stdout
    }
}

/// What a build did.
#[derive(Debug)]
pub struct Built {
    /// Labels of the steps that were done.
    pub done: BTreeSet<String>,
    /// All that it said.
    pub run: Run,
}

impl Built {
    /// Reads it from the lines of a build's progress: `   0.06 s IMAGE: LABEL`, or
    /// `   0.06 s LABEL (N images)`, and `, same as before` after either.
    pub fn of(run: Run) -> Self {
        let done = run.stderr.lines().filter_map(step).collect();
        Self { done, run }
    }

    /// Asserts what was done, by label.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "an assertion")]
    pub fn expect(self, labels: &[&str]) -> Self {
        let wanted: BTreeSet<String> = labels.iter().map(|&label| label.to_owned()).collect();
        assert_eq!(self.done, wanted, "steps done\n{}", self.run.stderr);
        self
    }
}

fn step(line: &str) -> Option<String> {
    let (seconds, rest) = line.trim_start().split_once(" s ")?;
    seconds.parse::<f64>().ok()?;
    let rest = rest.strip_suffix(", same as before").unwrap_or(rest);
    let label = match rest.strip_suffix(" images)").and_then(|rest| rest.rsplit_once(" (")) {
        Some((label, _)) => label,
        None => rest.split_once(": ")?.1,
    };
    Some(label.to_owned())
}

/// Digests of an output folder's files, by name; links by where they lead.
pub fn artifacts(out: &Path) -> BTreeMap<String, Digest> {
    let entries = fs::read_dir(out).into_iter().flatten().flatten();
    let files = entries.map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let content = match fs::read_link(entry.path()) {
            Ok(target) => target.to_string_lossy().into_owned().into_bytes(),
            Err(_) => fs::read(entry.path()).unwrap_or_default(),
        };
        (name, Digest::of(&content))
    });
    files.collect()
}
