//! `forgec doctor`: what the host lacks, and on Debian, getting it.

use std::path::Path;

use forge_report::{HostCheck, HostReport, doctor_json, doctor_text};
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
    let programs = TOOLS.iter().map(|tool| HostCheck {
        name: tool.program.to_owned(),
        package: Some(tool.package.to_owned()),
        purpose: tool.purpose.to_owned(),
        required: tool.required,
        present: !missing.iter().any(|gone| gone.program == tool.program),
    });
    let checks = programs.chain(host_checks(ctx)).collect();
    let report = HostReport::new(checks, store_notes(ctx.store_dir()));
    ui.out(&if ui.json() { doctor_json(&report) } else { doctor_text(&report) });
    if report.ready {
        return Ok(Exit::Done);
    }
    let help = "run `forgec doctor --install` as root, or install the packages named above";
    let lacks = report.lacks();
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

fn host_checks(ctx: &Ctx) -> Vec<HostCheck> {
    let root = nix::unistd::geteuid().is_root();
    let overlay = std::fs::read_to_string("/proc/filesystems")
        .is_ok_and(|text| text.lines().any(|line| line.ends_with("\toverlay")));
    let module = Path::new("/lib/modules").exists();
    let cgroup = Path::new("/sys/fs/cgroup").is_dir();
    let store = ctx.store_dir();
    let writable = forge_sys::host::is_writable(store);
    let check = |name: &str, purpose: &str, present: bool| HostCheck {
        name: name.to_owned(),
        package: None,
        purpose: purpose.to_owned(),
        required: true,
        present,
    };
    vec![
        check("root", "builds mount file systems and change owners", root),
        check("overlayfs in the kernel", "layers", overlay || module),
        check("/sys/fs/cgroup", "one cgroup for each container", cgroup),
        check(&store.display().to_string(), "the store can be written", writable),
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
