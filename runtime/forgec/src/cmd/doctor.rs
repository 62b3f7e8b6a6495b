//! `forgec doctor`: what the host lacks, and on Debian, getting it.

use std::path::Path;

use forge_sys::process::Command;

use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Say what the host lacks.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install what is missing, with apt-get
    #[arg(long)]
    pub(crate) install: bool,
}

/// A program of the host, the Debian package that brings it, and what it is for.
struct Tool {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
    required: bool,
}

const TOOLS: &[Tool] = &[
    tool("systemd-nspawn", "systemd-container", "package and script steps, boot tests"),
    tool("mmdebstrap", "mmdebstrap", "the base of an image"),
    tool("apt-get", "apt", "package lists and downloads"),
    tool("unshare", "util-linux", "private namespaces"),
    tool("nsenter", "util-linux", "commands in booted containers"),
    tool("git", "git", "revisions of a project"),
    Tool {
        required: false,
        ..tool("qemu-system-x86_64", "qemu-system-x86", "`forgec boot --qemu`")
    },
];

const fn tool(program: &'static str, package: &'static str, purpose: &'static str) -> Tool {
    Tool { program, package, purpose, required: true }
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let mut missing = missing_tools();
    if args.install && !missing.is_empty() {
        install(ui, &missing)?;
        missing = missing_tools();
    }
    let mut lacks = 0;
    for tool in TOOLS {
        let absent = missing.iter().any(|gone| gone.program == tool.program);
        let state = match (absent, tool.required) {
            (false, _) => "ok     ",
            (true, true) => "MISSING",
            (true, false) => "absent ",
        };
        lacks += usize::from(absent && tool.required);
        ui.out(&format!("{state}  {} ({}): {}", tool.program, tool.package, tool.purpose));
    }
    for finding in host_findings(ctx) {
        let state = if finding.good { "ok     " } else { "MISSING" };
        lacks += usize::from(!finding.good);
        ui.out(&format!("{state}  {}", finding.text));
    }
    for note in store_notes(ctx.store_dir()) {
        ui.out(&format!("note     {note}"));
    }
    if lacks == 0 {
        return Ok(Exit::Done);
    }
    let help = "run `forgec doctor --install` as root, or install the packages named above";
    Err(CmdError::environment(format!("{lacks} of what a build needs is missing")).help(help))
}

fn missing_tools() -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| forge_sys::host::find_program(tool.program).is_none()).collect()
}

fn install(ui: &Ui, missing: &[&Tool]) -> Result<(), CmdError> {
    let mut packages: Vec<_> = missing.iter().map(|tool| tool.package).collect();
    packages.sort_unstable();
    packages.dedup();
    ui.note(&format!("installing {}", packages.join(" ")));
    let apt = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .run()
            .map_err(|error| CmdError::environment(format!("`apt-get` did not start: {error}")))
    };
    let _lists = apt(&["update", "-q"])?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(packages);
    let output = apt(&arguments)?;
    if output.success() {
        return Ok(());
    }
    Err(CmdError::environment("`apt-get install` failed")
        .help(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

struct Finding {
    good: bool,
    text: String,
}

fn host_findings(ctx: &Ctx) -> Vec<Finding> {
    let root = nix::unistd::geteuid().is_root();
    let overlay = std::fs::read_to_string("/proc/filesystems")
        .is_ok_and(|text| text.lines().any(|line| line.ends_with("\toverlay")));
    let module = Path::new("/lib/modules").exists();
    let cgroup = Path::new("/sys/fs/cgroup").is_dir();
    let store = ctx.store_dir();
    let writable = forge_sys::host::is_writable(store);
    vec![
        Finding {
            good: root,
            text: "root: builds mount file systems and change owners".to_owned(),
        },
        Finding { good: overlay || module, text: "overlayfs in the kernel: layers".to_owned() },
        Finding { good: cgroup, text: "/sys/fs/cgroup: one cgroup for each container".to_owned() },
        Finding { good: writable, text: format!("{}: the store can be written", store.display()) },
    ]
}

fn store_notes(store: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    let existing = store.ancestors().find(|dir| dir.is_dir());
    if let Some(directory) = existing
        && root_may_probe()
        && !forge_sys::overlay::probe(directory)
    {
        notes.push(format!(
            "{} cannot hold overlay uppers (it lies on overlayfs or a network file system): steps \
             use a tmpfs instead",
            store.display()
        ));
    }
    notes
}

fn root_may_probe() -> bool {
    nix::unistd::geteuid().is_root()
}
