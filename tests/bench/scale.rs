//! A site of 1,000 images, 500 roles and 10,000 files: how long `check` and `plan` take from
//! nothing, with nothing changed, and after one edit of a role that 300 images use.
//!
//! Each figure is a whole process, from its start to its end. The store is empty, and nothing
//! stays resident between two runs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const IMAGES: usize = 1_000;
const ROLES: usize = 500;
const FILES: usize = 20;
/// Images that use the role that is edited.
const SHARING: usize = 300;

/// A generated site.
pub(crate) struct Scale {
    directory: PathBuf,
    binary: PathBuf,
}

/// What was measured, and what it should be at most.
struct Row {
    name: &'static str,
    times: Vec<Duration>,
    limit: Option<f64>,
}

impl Row {
    fn median(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
    }
}

/// Writes the site into `directory` and measures `rounds` times.
pub(crate) fn run(directory: &Path, rounds: usize) {
    let scale = Scale::write(directory);
    let mut rows = Vec::new();
    for command in ["check", "plan"] {
        let [mut cold, mut warm, mut edited] = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..rounds {
            scale.forget();
            cold.push(scale.time(command));
            warm.push(scale.time(command));
            scale.edit(round);
            edited.push(scale.time(command));
        }
        let named = |what: &'static str, times, limit| Row { name: what, times, limit };
        let [nothing, unchanged, edit] = match command {
            "check" => ["check, from nothing", "check, nothing changed", "check, one role edited"],
            _ => ["plan, from nothing", "plan, nothing changed", "plan, one role edited"],
        };
        let warm = named(unchanged, warm, Some(0.250));
        let limit = 1.2 * warm.median();
        rows.push(named(nothing, cold, Some(1.0)));
        rows.push(warm);
        rows.push(named(edit, edited, Some(limit)));
    }
    println!("{IMAGES} images, {ROLES} roles, {} files; n={rounds}", ROLES * FILES);
    for row in &rows {
        let limit = row.limit.map_or(String::new(), |limit| format!("   at most {limit:.3}"));
        println!("{:24} {:.3} s{limit}", row.name, row.median());
    }
    println!("largest memory of all runs: {} MiB   at most 128", largest() >> 10);
}

impl Scale {
    fn write(directory: &Path) -> Self {
        let beside =
            std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("forgec")));
        let binary = beside
            .filter(|path| path.exists())
            .unwrap_or_else(|| panic!("build `forgec` first: cargo build --release -p forgec"));
        let scale = Self { directory: directory.to_owned(), binary };
        scale.put("forge.kdl", &project());
        let mut bytes = 0;
        for role in 0..ROLES {
            let text = role_text(role, 0);
            bytes += text.len();
            scale.put(&format!("roles/r{role:03}/role.kdl"), &text);
            for file in 0..FILES {
                scale.put(&format!("roles/r{role:03}/files/{file:02}.conf"), &content(role, file));
            }
        }
        for image in 0..IMAGES {
            let text = image_text(image);
            bytes += text.len();
            scale.put(&format!("images/{:02}/i{image:04}.kdl", image / 50), &text);
        }
        println!("{} kB of specs in {} files", bytes / 1000, ROLES + IMAGES + 1);
        scale
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.directory.join("site").join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }

    /// Throws away whatever a run has kept.
    fn forget(&self) {
        for kept in ["cache", "store"] {
            drop(std::fs::remove_dir_all(self.directory.join(kept)));
        }
    }

    /// One line of the role that many images use.
    fn edit(&self, round: usize) {
        self.put("roles/r000/role.kdl", &role_text(0, round + 1));
    }

    fn time(&self, command: &str) -> Duration {
        let start = Instant::now();
        let status = Command::new(&self.binary)
            .arg("-C")
            .arg(self.directory.join("site"))
            .arg("--store")
            .arg(self.directory.join("store"))
            .arg(command)
            .env("XDG_CACHE_HOME", self.directory.join("cache"))
            .stdout(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("{error}"));
        let took = start.elapsed();
        assert!(status.success(), "`forgec {command}` failed: {status}");
        took
    }
}

fn project() -> String {
    "base \"b\" { debian suite=\"bookworm\" variant=\"minbase\"; }\n".to_owned()
}

/// A role of 20 files and some of everything else.
fn role_text(role: usize, edition: usize) -> String {
    let mut out = format!("// What the nodes of group {role} have.\nrole \"r{role:03}\" {{\n");
    let mut line = |text: String| {
        let _ = writeln!(out, "    {text}");
    };
    line(format!("doc \"Everything that service {role} of the cluster needs on a node\""));
    line(format!("param \"port\" type=\"port\" default={} doc=\"where it listens\"", 1024 + role));
    line("param \"level\" type=\"string\" default=\"info\" doc=\"how much it says\"".to_owned());
    line("param \"cluster\" type=\"string\" doc=\"the name of the cluster\"".to_owned());
    line(format!("packages \"service-{role}\" \"service-{role}-tools\""));
    line(format!("group \"svc{role}\" gid={}", 2000 + role));
    line(format!("user \"svc{role}\" uid={} group=\"svc{role}\" system=#true", 2000 + role));
    line(format!("directory \"/var/lib/svc{role}\" owner=\"svc{role}\" group=\"svc{role}\""));
    for file in 0..FILES {
        line(format!(
            "file \"/etc/svc{role}/conf.d/{file:02}.conf\" mode=\"0644\" source=\"files/{file:02}.conf\""
        ));
    }
    line(format!("file \"/etc/svc{role}/main.conf\" {{"));
    line("    content \"\"\"".to_owned());
    line(format!("        # edition {edition}"));
    line("        listen = ${port}".to_owned());
    line("        level = ${level}".to_owned());
    line("        cluster = ${cluster}".to_owned());
    line("        \"\"\"".to_owned());
    line("}".to_owned());
    line(format!("when \"level\" is=\"debug\" {{ packages \"service-{role}-dbg\"; }}"));
    line(format!("sysctl \"net.ipv4.neigh.svc{role}.gc_thresh\" \"1024\""));
    out.push_str("}\n");
    out
}

fn content(role: usize, file: usize) -> String {
    format!("# service {role}, part {file}\nkey = \"value\"\n").repeat(75)
}

/// An image of nine roles; the first 300 share the one that is edited.
fn image_text(image: usize) -> String {
    let mut out = format!("// Node type {image}.\nimage \"c{}-i{image:04}\" {{\n", image % 7);
    out.push_str("    base \"b\"\n");
    let _ = writeln!(out, "    set cluster=\"c{}\" type=\"i{image:04}\"", image % 7);
    if image < SHARING {
        out.push_str("    role \"r000\"\n");
    }
    for turn in 0..8 {
        let role = 1 + (image * 7 + turn * 61) % (ROLES - 1);
        let _ = writeln!(out, "    role \"r{role:03}\" port={} level=\"warn\"", 3000 + turn);
    }
    let _ =
        writeln!(out, "    file \"/etc/motd\" {{ content \"image {image} of ${{cluster}}\"; }}");
    let _ = writeln!(out, "    hostname \"node-{image}\"");
    out.push_str("    output \"initramfs\" compress=\"zstd\"\n}\n");
    out
}

/// Peak memory of any run so far, in KiB.
fn largest() -> i64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss())
}
