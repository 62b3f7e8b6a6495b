//! Programs of the image, where the target runs them.

use std::collections::BTreeMap;

use forge_model::{Answer, CommandOutput, NoAnswer};

use crate::interp::Machine;
use crate::stop::{Stop, no_answer};
use crate::value::Value;

/// Seconds that a program may take.
const TIMEOUT: u32 = 300;

/// What lines gave that were asked: one line is one answer in a run.
pub(crate) type Asked = BTreeMap<String, Answer<CommandOutput>>;

/// Runs a line, once in a run of the profile.
pub(super) fn run(machine: &mut Machine<'_>, line: &str) -> Answer<CommandOutput> {
    let known = machine.state.facts.asked.get(line).cloned();
    let answer = known.unwrap_or_else(|| machine.target.command(line, TIMEOUT));
    machine.state.facts.asked.insert(line.to_owned(), answer.clone());
    answer
}

/// A property of what a line prints: where the target runs nothing, what its files alone decide,
/// and all else is not known. None for other properties, and where no shell of the image reads the
/// line.
pub(super) fn property(
    machine: &mut Machine<'_>,
    kind: &str,
    line: &str,
    name: &str,
) -> Result<Option<Value>, Stop> {
    if !matches!(name, "stdout" | "stderr" | "exit_status") {
        return Ok(None);
    }
    let asked = line;
    let line = match kind {
        "command" => line.to_owned(),
        "bash" | "ksh" => format!("{kind} -c '{}'", line.replace('\'', r"'\''")),
        _ => return Ok(None),
    };
    let output = match run(machine, &line) {
        Ok(output) => output,
        Err(NoAnswer::Unknown(why)) => match super::shell::output(machine, asked)? {
            Some(known) => {
                let size = known.stdout.len() + known.stderr.as_ref().map_or(0, String::len);
                machine.meter.charge(size)?;
                let unknown = || Value::Unknown(why.as_str().into());
                return Ok(Some(match name {
                    "stdout" => known.stdout.into(),
                    "stderr" => known.stderr.map_or_else(unknown, Value::from),
                    _ => known.status.map_or_else(unknown, |status| Value::Int(status.into())),
                }));
            }
            None => return Ok(Some(Value::Unknown(why.into()))),
        },
        Err(failed) => return Err(no_answer(failed)),
    };
    machine.meter.charge(output.stdout.len() + output.stderr.len())?;
    Ok(Some(match name {
        "stdout" => output.stdout.into(),
        "stderr" => output.stderr.into(),
        _ => Value::Int(output.status.into()),
    }))
}
