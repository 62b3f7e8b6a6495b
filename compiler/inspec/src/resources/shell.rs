//! The few command lines whose output the files of a tree decide: `cat` and `ls` of paths.

use forge_model::CommandOutput;

use super::glob::{glob, is_pattern};
use crate::interp::Machine;
use crate::stop::Stop;

/// The output of a line, when the tree decides it.
pub(super) fn output(machine: &mut Machine<'_>, line: &str) -> Result<Option<CommandOutput>, Stop> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:*?[] ".contains(c);
    if !line.chars().all(plain) {
        return Ok(None);
    }
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let Some(program @ ("cat" | "ls")) = words.next() else { return Ok(None) };
    let mut paths = Vec::new();
    for word in words {
        if word.starts_with('-') || (!word.starts_with('/') && is_pattern(word)) {
            return Ok(None);
        }
        let found = if is_pattern(word) { glob(machine, word)? } else { Vec::new() };
        // A pattern that fits nothing stays as it is.
        if found.is_empty() { paths.push(word.to_owned()) } else { paths.extend(found) }
    }
    if paths.is_empty() || !super::walk::program_exists(machine, program)? {
        return Ok(None);
    }
    if paths.iter().any(|path| super::file::only_running(&super::file::normal(path)).is_some()) {
        return Ok(None);
    }
    if program == "cat" { cat(machine, &paths).map(Some) } else { ls(machine, paths) }
}

fn nothing() -> CommandOutput {
    CommandOutput { status: 0, stdout: String::new(), stderr: String::new() }
}

fn missing(output: &mut CommandOutput, program: &str, path: &str) {
    let (says, status) = match program {
        "ls" => (format!("ls: cannot access '{path}'"), 2),
        _ => (format!("{program}: {path}"), 1),
    };
    output.stderr.push_str(&format!("{says}: No such file or directory\n"));
    output.status = status;
}

fn cat(machine: &mut Machine<'_>, paths: &[String]) -> Result<CommandOutput, Stop> {
    let mut output = nothing();
    for path in paths {
        // A relative path is one of whoever runs it, and a system starts in `/`.
        let place = super::file::normal(&format!("/{path}"));
        match machine.answer(machine.target.stat(&place, true))? {
            None => missing(&mut output, "cat", path),
            Some(stat) if stat.kind == "directory" => {
                output.stderr.push_str(&format!("cat: {path}: Is a directory\n"));
                output.status = 1;
            }
            Some(_) => {
                output.stdout.push_str(&machine.read_text(&place)?.unwrap_or_default());
            }
        }
    }
    Ok(output)
}

/// Files alone: a directory is listed in columns and orders of its own.
fn ls(machine: &mut Machine<'_>, mut paths: Vec<String>) -> Result<Option<CommandOutput>, Stop> {
    let mut output = nothing();
    paths.sort();
    for path in &paths {
        let place = super::file::normal(&format!("/{path}"));
        match machine.answer(machine.target.stat(&place, true))? {
            Some(stat) if stat.kind == "directory" => return Ok(None),
            Some(_) => output.stdout.push_str(&format!("{path}\n")),
            None => match machine.answer(machine.target.stat(&place, false))? {
                Some(_) => output.stdout.push_str(&format!("{path}\n")),
                None => missing(&mut output, "ls", path),
            },
        }
    }
    Ok(Some(output))
}
