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

/// Makes a resource of its name and its arguments.
type Make = fn(&mut Machine<'_>, &str, &[Value]) -> Eval;

const RESOURCES: [(&str, Make); 12] = [
    ("port", |_, _, args| Ok(port::make(args))),
    ("processes", |_, _, args| Ok(processes::make(args))),
    ("filesystem", |_, _, args| Ok(system::filesystem(args))),
    ("timezone", |_, _, _| Ok(system::timezone())),
    ("sys_info", |_, _, _| Ok(system::sys_info())),
    ("os_env", |_, _, args| Ok(system::environment(args))),
    ("host", |_, _, args| Ok(network::host(args))),
    ("iptables", |_, name, args| Ok(network::iptables(name, args))),
    ("ip6tables", |_, name, args| Ok(network::iptables(name, args))),
    ("interface", |_, _, args| Ok(interface::make(args))),
    ("selinux", |machine, _, args| selinux::make(machine, args)),
    ("firewalld", |_, _, _| Ok(firewalld::make())),
];

/// A resource of this room by its name; none for another's.
pub(super) fn make(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Option<Eval> {
    let (_, make) = RESOURCES.iter().find(|(known, _)| *known == name)?;
    Some(make(machine, name, args))
}

/// Whether a word names a resource of this room.
pub(super) fn is_running(name: &str) -> bool {
    RESOURCES.iter().any(|(known, _)| *known == name)
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
