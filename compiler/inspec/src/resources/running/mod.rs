//! What only a system that runs can answer: sockets, processes, file systems, names, rules of the
//! kernel. It is asked by the lines that `InSpec` runs there, and no tree is.

mod firewalld;
mod interface;
mod network;
mod port;
mod processes;
mod selinux;
mod system;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use forge_model::{CommandOutput, Level, NoAnswer};

use super::program;
use crate::interp::Machine;
use crate::stop::{Eval, Stop, no_answer};
use crate::value::Value;

/// What a line printed, or the value that says why nobody knows here.
type Told = Result<CommandOutput, Value>;

/// A resource of this room by its name; none for another's.
pub(super) fn make(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Option<Eval> {
    Some(match name {
        "port" => Ok(port::make(args)),
        "processes" => Ok(processes::make(args)),
        "filesystem" => Ok(system::filesystem(args)),
        "timezone" => Ok(system::timezone()),
        "sys_info" => Ok(system::sys_info()),
        "os_env" => Ok(system::environment(args)),
        "host" => Ok(network::host(args)),
        "iptables" | "ip6tables" => Ok(network::iptables(name, args)),
        "interface" => Ok(interface::make(args)),
        "selinux" => selinux::make(machine, args),
        "firewalld" => Ok(firewalld::make()),
        _ => return None,
    })
}

/// Whether a word names a resource of this room.
pub(super) fn is_running(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "port",
        "processes",
        "filesystem",
        "timezone",
        "sys_info",
        "os_env",
        "host",
        "iptables",
        "ip6tables",
        "interface",
        "selinux",
        "firewalld",
    ];
    NAMES.contains(&name)
}

/// What a line prints on a node: a container answers with the kernel, the mounts and the network of
/// the machine that judges.
pub(super) fn on_node(machine: &mut Machine<'_>, line: &str) -> Result<Told, Stop> {
    if machine.target.level() < Level::Node {
        let why = "only a node has the kernel, the mounts and the network that are asked for";
        return Ok(Err(Value::Unknown(why.into())));
    }
    tell(machine, line)
}

/// What a line prints where something runs. Targets where nothing does are asked as well: one that
/// does not know says so, and the next one is tried.
pub(super) fn tell(machine: &mut Machine<'_>, line: &str) -> Result<Told, Stop> {
    match program::run(machine, line) {
        Ok(output) => {
            machine.meter.charge(output.stdout.len() + output.stderr.len())?;
            Ok(Ok(output))
        }
        Err(NoAnswer::Unknown(why)) => Ok(Err(Value::Unknown(why.into()))),
        Err(failed) => Err(no_answer(failed)),
    }
}

/// The output of a line that has to succeed.
pub(super) fn succeeded(line: &str, output: CommandOutput) -> Result<String, Stop> {
    if output.status == 0 {
        return Ok(output.stdout);
    }
    let said = match output.stderr.trim() {
        "" => String::new(),
        said => format!(": {said}"),
    };
    Err(no_answer(NoAnswer::Failed(format!("`{line}` ends with {}{said}", output.status))))
}

/// A word as a shell reads it whole.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A value of the options that a resource is made with, `port: 22`.
fn option(args: &[Value], at: usize, name: &str) -> Option<Rc<str>> {
    let Some(Value::Hash(options)) = args.get(at) else { return None };
    let options = options.borrow();
    options.symbol(name).filter(|value| !value.is_nil()).map(Value::text)
}
