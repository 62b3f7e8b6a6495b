//! `grub_conf`: the menu of the boot loader, as it would be chosen from.

use std::rc::Rc;

use super::config::{Config, Lookup};
use super::config_kinds::{parse_lists, read};
use crate::interp::Machine;
use crate::map::Map;
use crate::stop::{Eval, Stop};
use crate::value::Value;

const DEFAULTS: &str = "/etc/default/grub";
const SAVED: &str = "/boot/grub2/grubenv";

/// `grub_conf(path, kernel)`.
pub(super) fn make(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let platform = machine.state.platform.clone();
    let release: f64 =
        platform.release.split('.').next().and_then(|r| r.parse().ok()).unwrap_or(0.0);
    let is = |family: &str| platform.family == family || platform.name == family;
    let (path, legacy) = if is("redhat") || is("fedora") {
        if release < 7.0 { ("/etc/grub.conf", true) } else { ("/boot/grub2/grub.cfg", false) }
    } else if is("debian") {
        ("/boot/grub/grub.cfg", false)
    } else if is("amazon") {
        ("/etc/grub.conf", true)
    } else {
        ("", false)
    };
    let path = super::text_arg(args).unwrap_or_else(|| path.into());
    let mut config = Config {
        kind: "grub_conf",
        text: "Grub Config".to_owned(),
        params: Map::default().into(),
        content: None,
        lookup: Lookup::Plain,
        skipped: None,
        failed: None,
        path: Some(path.clone()),
    };
    let kernel = args.get(1).map_or("default".into(), Value::text);
    if path.is_empty() {
        let name = &platform.name;
        config.skipped =
            Some(format!("The `grub_conf` resource is not yet supported on the target OS {name}."));
    } else if legacy {
        return Err(machine.needs_ruby("the menu of the first GRUB"));
    } else {
        match read(machine, &path, false)? {
            Ok(menu) => match read(machine, DEFAULTS, false)? {
                Ok(defaults) => config.params = params(machine, &menu, &defaults, &kernel)?,
                Err(why) => config.skipped = Some(why),
            },
            Err(why) => config.skipped = Some(why),
        }
    }
    Ok(Value::Resource(Rc::new(config)))
}

/// The settings of `/etc/default/grub`, and over them the entry that is booted.
fn params(machine: &mut Machine<'_>, menu: &str, defaults: &str, kernel: &str) -> Eval {
    let mut params = settings(machine, defaults)?;
    let entries = entries(machine, menu)?;
    let named = |name: &str| {
        entries.iter().find(|entry| entry.text("name").is_some_and(|n| &*n.text() == name))
    };
    let chosen = if kernel == "default" {
        match params.text("GRUB_DEFAULT").map(Value::text) {
            Some(saved) if &*saved == "saved" => {
                let text = machine.read_text(SAVED)?.unwrap_or_default();
                let saved = settings(machine, &text)?.text("saved_entry").map(Value::text);
                saved.and_then(|saved| named(&saved)).or_else(|| entries.first())
            }
            Some(number) => {
                let at = crate::core::string::leading_int(&number, 10);
                let at = if at < 0 { at + i64::try_from(entries.len()).unwrap_or(0) } else { at };
                usize::try_from(at).ok().and_then(|at| entries.get(at))
            }
            None => entries.first(),
        }
    } else {
        named(kernel)
    };
    if chosen.is_none() && !entries.is_empty() {
        // InSpec merges what it found, and found nothing.
        return Err(machine.raise("TypeError", "no implicit conversion of nil into Hash"));
    }
    for (key, value) in chosen.into_iter().flat_map(Map::iter) {
        params.insert(key.clone(), value.clone());
    }
    Ok(params.into())
}

/// Settings, one value of several alone.
fn settings(machine: &mut Machine<'_>, text: &str) -> Result<Map, Stop> {
    let Value::Hash(parsed) = parse_lists(machine, text)? else { return Ok(Map::default()) };
    let single = |value: &Value| match value {
        Value::Array(items) => match items.borrow().as_slice() {
            [only] => only.clone(),
            _ => value.clone(),
        },
        other => other.clone(),
    };
    let map = parsed.borrow().iter().map(|(key, value)| (key.clone(), single(value))).collect();
    Ok(map)
}

/// The entries of a menu that stand at a line's begin.
fn entries(machine: &mut Machine<'_>, menu: &str) -> Result<Vec<Map>, Stop> {
    let title = machine.pattern(r#"(?:^|\s+).*menuentry\s*['|"](.*)['|"]\s*--"#, "");
    let mut entries = Vec::new();
    let lines: Vec<&str> = menu.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let begins =
            line.strip_prefix("menuentry").is_some_and(|rest| rest.starts_with([' ', '\t']));
        if !begins {
            continue;
        }
        machine.meter.steps(1 + (line.len() / 64) as u64)?;
        let bad = |why: String| machine.raise("RegexpError", why);
        let groups = title.find(line, 0).map_err(bad)?;
        let name = groups.and_then(|groups| groups.get(1).copied().flatten());
        let Some(name) = name.and_then(|(from, to)| line.get(from..to)) else {
            let why = format!("Failed to extract menuentry name from {line}");
            return Err(machine.raise("Inspec::Exceptions::ResourceFailed", why));
        };
        let mut entry = Map::default();
        let mut modules = Vec::new();
        entry.insert("name".into(), name.into());
        for line in lines.iter().skip(index + 1).take_while(|line| line.trim() != "}") {
            machine.meter.step()?;
            let second = line.split_whitespace().nth(1);
            if line.contains("initrd") {
                entry.insert("initrd".into(), second.into());
            } else if line.contains("linux") {
                entry.insert("kernel".into(), Value::strings(line.split_whitespace()));
            } else if line.contains("set root=") {
                let root = line.split('=').nth(1).unwrap_or_default().replace('\'', "");
                entry.insert("root".into(), root.into());
            } else if line.contains("insmod") {
                modules.push(second.into());
            }
        }
        entry.insert("insmod".into(), modules.into());
        entries.push(entry);
    }
    Ok(entries)
}
