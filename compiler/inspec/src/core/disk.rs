//! `File` and `Dir` where they look at a disk. A profile that runs on the system itself sees that
//! system's disk, so the target's files answer; nothing is written anywhere.

use super::Called;
use crate::interp::Machine;
use crate::stop::Stop;
use crate::value::Value;

/// Calls on `File` that read.
pub(super) fn file(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Called {
    let path = args.first().map_or("".into(), Value::text);
    let stat = |machine: &mut Machine<'_>, follow: bool| {
        if path.starts_with('/') {
            machine.answer(machine.target.stat(&crate::resources::normal(&path), follow))
        } else {
            Err(machine.needs_ruby(format!("`File.{name}` of a path of the builder")))
        }
    };
    let is = |machine: &mut Machine<'_>, kind: &str| -> Called {
        let found = stat(machine, true)?;
        Ok(Some(found.is_some_and(|found| found.kind == kind).into()))
    };
    Ok(Some(match name {
        "exist?" | "exists?" => stat(machine, true)?.is_some().into(),
        "file?" => return is(machine, "file"),
        "directory?" => return is(machine, "directory"),
        "symlink?" => stat(machine, false)?.is_some_and(|found| found.kind == "symlink").into(),
        // Profiles are run by root, who reads and writes everything.
        "readable?" | "writable?" => stat(machine, true)?.is_some().into(),
        "executable?" => stat(machine, true)?
            .is_some_and(|found| found.kind == "directory" || found.mode & 0o111 != 0)
            .into(),
        "zero?" | "empty?" => stat(machine, true)?
            .is_some_and(|found| found.kind == "file" && found.size == Some(0))
            .into(),
        "size" => match stat(machine, true)?.and_then(|found| found.size) {
            Some(size) => Value::int(usize::try_from(size).unwrap_or(usize::MAX)),
            None => return Err(no_such(machine, &path)),
        },
        "read" | "readlines" | "foreach" if args.len() == 1 => {
            let _found = stat(machine, true)?;
            let Some(text) = machine.read_text(&crate::resources::normal(&path))? else {
                return Err(no_such(machine, &path));
            };
            if name == "read" { text.into() } else { Value::strings(text.split_inclusive('\n')) }
        }
        _ => return Err(machine.needs_ruby(format!("`File.{name}`, a file of the builder"))),
    }))
}

fn no_such(machine: &Machine<'_>, path: &str) -> Stop {
    machine.raise("Errno::ENOENT", format!("No such file or directory @ rb_sysopen - {path}"))
}

/// Calls on `Dir`.
pub(super) fn dir(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Called {
    let path = args.first().map_or("".into(), Value::text);
    if !path.starts_with('/') || args.len() != 1 {
        return Err(machine.needs_ruby(format!("`Dir.{name}` of a path of the builder")));
    }
    let place = crate::resources::normal(&path);
    Ok(Some(match name {
        "exist?" | "exists?" => {
            let found = machine.answer(machine.target.stat(&place, true))?;
            found.is_some_and(|found| found.kind == "directory").into()
        }
        "glob" | "[]" => Value::strings(crate::resources::glob(machine, &path)?),
        "children" | "entries" | "each_child" => {
            match machine.answer(machine.target.list(&place))? {
                Some(names) if name == "entries" => {
                    Value::strings([".", ".."].into_iter().chain(names.iter().map(String::as_str)))
                }
                Some(names) => Value::strings(&names),
                None => return Err(no_such(machine, &path)),
            }
        }
        "empty?" => {
            let names = machine.answer(machine.target.list(&place))?;
            names.is_some_and(|names| names.is_empty()).into()
        }
        _ => return Err(machine.needs_ruby(format!("`Dir.{name}`"))),
    }))
}
