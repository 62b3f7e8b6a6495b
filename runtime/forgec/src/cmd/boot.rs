//! `forgec boot`: an image booted in a volatile container, or packed in QEMU.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_model::Image;
use forge_sys::process::Command;
use forge_sys::sandbox::{Entered, Inside};

use crate::container::console_log;
use crate::ctx::{Compiled, Ctx, image};
use crate::exit::{CmdError, Exit};
use crate::runner::PackBlob;
use crate::state::ImageState;
use crate::ui::Ui;
use crate::verdicts;

/// Time for QEMU, which emulates the processor.
const QEMU_TIMEOUT: Duration = Duration::from_mins(10);

/// Boot an image in a volatile container, and say how its units are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, built before
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Boot the packed image with its kernel in QEMU instead, by software emulation
    #[arg(long)]
    pub(crate) qemu: bool,

    /// Words added to the kernel's command line, such as `systemd.hostname=n1`
    #[arg(long, value_name = "WORDS", requires = "qemu")]
    pub(crate) append: Option<String>,

    /// The name that the machine's network gives it, by DHCP
    #[arg(long, value_name = "NAME", requires = "qemu")]
    pub(crate) hostname: Option<String>,

    /// A command to run in the machine of `--qemu` once it is up
    #[arg(last = true, value_name = "COMMAND", requires = "qemu")]
    pub(crate) command: Vec<String>,
}

/// What a boot in QEMU has beside the image.
#[derive(Debug, Default)]
pub(crate) struct Machine<'a> {
    /// Words added to the kernel's command line.
    pub(crate) append: &'a str,
    /// The name that its network gives it.
    pub(crate) hostname: Option<&'a str>,
    /// A command to run once it is up.
    pub(crate) command: &'a [String],
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let image = image(&compiled.plan, &args.image)?;
    let inside = match crate::work::enter(ctx, &compiled.root, &existing(ctx))? {
        Entered::Outside(code) => return Ok(Exit::Passed(code)),
        Entered::Inside(inside) => inside,
    };
    if args.qemu {
        let append = args.append.as_deref().unwrap_or_default();
        let hostname = args.hostname.as_deref();
        if let Some(name) = hostname.filter(|name| !is_hostname(name)) {
            return Err(CmdError::usage(format!("`{name}` is no name of a host")));
        }
        let machine = Machine { append, hostname, command: &args.command };
        qemu(ui, ctx, image, &inside, &machine)
    } else {
        container(ui, ctx, &compiled, image, &inside)
    }
}

/// Letters, digits, `-` and `.`: QEMU would take what stands behind a comma for another option.
fn is_hostname(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(good)
}

/// The output folder, where there is one.
fn existing(ctx: &Ctx) -> Vec<std::path::PathBuf> {
    let out = ctx.out_dir();
    if out.is_dir() { vec![out] } else { Vec::new() }
}

/// Boots an image in a container, waits until it is up, and judges its units.
pub(crate) fn container(
    ui: &Ui,
    ctx: &Ctx,
    compiled: &Compiled,
    image: &Image,
    inside: &Inside,
) -> Result<Exit, CmdError> {
    let store = Arc::new(ctx.store_to_read()?);
    let digests = ImageState::digests(&store, &image.name)?;
    let context = crate::work::reading_context(&store, compiled)?;
    let stack = context.stack(&digests).map_err(|error| CmdError::environment(error.message))?;
    let log = console_log(&store, &image.name);
    let started = Instant::now();
    let report = verdicts::boot(&stack, image, &context, inside, &log)
        .map_err(|error| CmdError::environment(error.message))?;
    let seconds = started.elapsed().as_secs_f64();
    if report.failures.is_empty() {
        let state = &report.state;
        let known = if report.expected.is_empty() {
            String::new()
        } else {
            format!(", since {} fails as expected", report.expected.join(", "))
        };
        ui.note(&format!("{} booted in a container: {state}{known} ({seconds:.1} s)", image.name));
        return Ok(Exit::Done);
    }
    for failure in &report.failures {
        ui.err(&format!("{}: {}", image.name, failure.message));
        for line in &failure.log {
            ui.err(&format!("    | {line}"));
        }
    }
    Err(CmdError::user(format!("{} did not come up as it should", image.name))
        .help(format!("its console: {}", log.display())))
}

/// Boots the packed image with its kernel, as a node would, until its init says how it is.
pub(crate) fn qemu(
    ui: &Ui,
    ctx: &Ctx,
    image: &Image,
    inside: &Inside,
    machine: &Machine<'_>,
) -> Result<Exit, CmdError> {
    let store = ctx.store_to_read()?;
    let state =
        ImageState::read(&store, &image.name).ok_or_else(|| ImageState::unbuilt(&image.name))?;
    let packed = state.steps.iter().find(|step| step.kind == "pack");
    let blob = packed.and_then(|step| PackBlob::read(&store, &step.output));
    let blob = blob.ok_or_else(|| {
        CmdError::user(format!("image `{}` is not packed", image.name))
            .help("give it an `output` node, and build it")
    })?;
    let out = ctx.out_dir();
    let archive = out.join(format!("{}.cpio.{}", blob.name, blob.compression.extension()));
    let kernel = out.join(format!("vmlinuz-{}", blob.name));
    let probe = probe_archive(&inside.work, machine.command)?;
    let log = store.directory().join("logs").join(format!("qemu-{}.log", image.name));
    let started = Instant::now();
    let cmdline =
        [image.cmdline.as_deref().unwrap_or_default(), machine.append, "console=ttyS0 panic=-1"];
    let boot = Boot { archive: &archive, probe: &probe, kernel: &kernel, log: &log };
    let answer = boot.run(&cmdline.join(" "), machine.hostname)?;
    for line in &answer.output {
        ui.out(line);
    }
    let seconds = started.elapsed().as_secs_f64();
    let expected: Vec<_> = image.expect_failed.iter().map(|one| one.unit.as_str()).collect();
    let unexpected: Vec<_> =
        answer.failed.iter().filter(|unit| !expected.contains(&unit.as_str())).collect();
    let good = answer.state == "running" || (answer.state == "degraded" && unexpected.is_empty());
    if good && answer.whole {
        if answer.code != 0 {
            let headline = format!("the command ended with {} in {}", answer.code, blob.name);
            return Err(CmdError::user(headline));
        }
        ui.note(&format!(
            "{} booted in QEMU: {} ({seconds:.0} s, emulated)",
            blob.name, answer.state
        ));
        return Ok(Exit::Done);
    }
    let why = if answer.whole {
        format!("`{}`, failed units: {:?}", answer.state, answer.failed)
    } else {
        "the archive was not unpacked whole".to_owned()
    };
    Err(CmdError::user(format!("{} did not come up in QEMU: {why}", blob.name))
        .help(format!("its console: {}", log.display())))
}

/// What the probe unit prints on the console.
struct Answer {
    state: String,
    failed: Vec<String>,
    /// The last entry of the archive is there.
    whole: bool,
    /// What the command printed.
    output: Vec<String>,
    /// How it ended.
    code: i32,
}

/// A second initrd with one unit that says on the console how the boot went, and powers off. The
/// kernel unpacks both into the same tree, so the image itself stays as it is.
fn probe_archive(work: &Path, command: &[String]) -> Result<std::path::PathBuf, CmdError> {
    let failed = |error: std::io::Error| CmdError::environment(error.to_string());
    let unit = "[Unit]\nDescription=Boot probe\nAfter=multi-user.target\n\
         [Service]\nType=simple\nStandardOutput=tty\nTTYPath=/dev/console\n\
         ExecStart=/bin/sh /etc/forge-probe\n";
    let command: Vec<_> = command.iter().map(|word| quote(word)).collect();
    let script = PROBE.replace("@COMMAND@", &command.join(" "));
    let path = work.join("probe.cpio");
    let mut archive = forge_artifact::SmallArchive::default();
    let unit_path = "etc/systemd/system/forge-probe.service";
    let wants = "etc/systemd/system/default.target.wants";
    archive.file(unit_path, 0o644, unit.as_bytes());
    archive.file("etc/forge-probe", 0o644, script.as_bytes());
    archive.directory(wants, 0o755);
    archive.link(&format!("{wants}/forge-probe.service"), &format!("/{unit_path}"));
    std::fs::write(&path, archive.finish()).map_err(failed)?;
    Ok(path)
}

/// Prints each line of the command's output with a mark, since the kernel writes on the same
/// console, then how the boot went.
const PROBE: &str = r#"state=$(systemctl is-system-running --wait || true)
{ true; @COMMAND@
echo "FORGE-CODE $?"; } 2>&1 | while IFS= read -r line; do printf 'FORGE-OUT %s\n' "$line"; done
failed=$(systemctl list-units --failed --plain --no-legend | while read unit rest; do
    printf '%s ' "$unit"
done)
end=partial
[ -e /zzz-forge-end ] && end=whole
echo "FORGE-BOOT state=$state end=$end failed=$failed."
systemctl poweroff
"#;

/// A word as the shell takes it whole.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The files of a boot.
struct Boot<'a> {
    archive: &'a Path,
    probe: &'a Path,
    kernel: &'a Path,
    log: &'a Path,
}

impl Boot<'_> {
    fn run(&self, cmdline: &str, hostname: Option<&str>) -> Result<Answer, CmdError> {
        let Self { archive, probe, kernel, log } = *self;
        let failed = |error: std::io::Error| CmdError::environment(error.to_string());
        // One initrd: the kernel takes archives one after another, each compressed as it likes.
        let joined = probe.with_extension("initrd");
        let mut bytes = std::fs::read(archive).map_err(failed)?;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let unpacked_guess = bytes.len();
        bytes.extend(std::fs::read(probe).map_err(failed)?);
        std::fs::write(&joined, &bytes).map_err(failed)?;
        drop(bytes);
        // rootfs takes half of the memory, and gzip gives about a third.
        let memory = (unpacked_guess / (1 << 20)) * 9 + 512;
        std::fs::remove_file(log).ok();
        let memory = memory.to_string();
        let name = hostname.map(|name| format!(",hostname={name}")).unwrap_or_default();
        let nic = format!("user,restrict=on,model=virtio-net-pci{name}");
        let kernel = kernel.display().to_string();
        let initrd = joined.display().to_string();
        let output = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", &memory])
            .args(["-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"])
            // An address comes by DHCP, as on a network of nodes; nothing beyond it is reached.
            .args(["-nic", &nic])
            .args(["-kernel", &kernel, "-initrd", &initrd, "-append", cmdline])
            .log(log)
            .limit(16 << 20)
            .timeout(QEMU_TIMEOUT)
            // Shutting down tells nothing more, and an emulated machine may hang there for ever.
            .until("FORGE-BOOT state=")
            .run()
            .map_err(|error| {
                CmdError::environment(error.to_string()).help(format!(
                    "its console: {}; `forgec doctor` names what is missing",
                    log.display()
                ))
            })?;
        std::fs::remove_file(&joined).ok();
        let text = String::from_utf8_lossy(&output.stdout);
        let line =
            text.lines().find_map(|line| line.split("FORGE-BOOT ").nth(1)).ok_or_else(|| {
                CmdError::user("the packed image did not come up in QEMU")
                    .help(format!("its console: {}", log.display()))
            })?;
        let field = |name: &str| {
            line.split(name)
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next())
                .unwrap_or_default()
        };
        let units = line.split("failed=").nth(1).unwrap_or_default().trim_end_matches(['.', '\r']);
        let mut output: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once("FORGE-OUT ").map(|(_, printed)| printed))
            .map(|line| line.trim_end_matches('\r').to_owned())
            .collect();
        let code = output.pop_if(|line| line.starts_with("FORGE-CODE "));
        let code = code.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(1);
        Ok(Answer {
            output,
            code,
            state: field("state=").to_owned(),
            failed: units.split_whitespace().map(str::to_owned).collect(),
            whole: field("end=") == "whole",
        })
    }
}
