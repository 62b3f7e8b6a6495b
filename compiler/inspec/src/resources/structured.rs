//! `json`, `yaml`, `ini`, `toml`, `csv` and `xml`.

use std::rc::Rc;

use super::config::{Config, Lookup};
use super::config_kinds::{ini, read};
use super::documents;
use crate::interp::Machine;
use crate::map::Map;
use crate::stop::{Eval, Halt, Stop};
use crate::value::Value;

/// `json(path)`, `json(content: text)`, `json(command: line)`.
pub(super) fn make(machine: &mut Machine<'_>, name: &'static str, args: &[Value]) -> Eval {
    let base = match name {
        "json" => "JSON",
        "yaml" => "YAML",
        "toml" => "TOML",
        "csv" => "CSV",
        "xml" => "XML",
        _ => "INI",
    };
    let mut config = Config {
        kind: name,
        text: format!("{base} content"),
        params: Map::default().into(),
        content: None,
        lookup: match name {
            "csv" if args.get(1).is_none_or(Value::truthy) => Lookup::Column,
            "xml" => Lookup::XPath,
            _ => Lookup::Path,
        },
        skipped: None,
        failed: None,
        path: None,
    };
    let text = match args.first() {
        Some(Value::Hash(options)) => {
            let options = options.borrow();
            if let Some(line) = options.symbol("command") {
                let line = line.text();
                config.text = format!("{base} from command: {line}");
                match super::program::property(machine, "command", &line, "stdout")? {
                    Some(Value::Str(text)) if text.is_empty() => {
                        config.failed = Some(format!("No {base} output from the command"));
                        None
                    }
                    Some(Value::Str(text)) => Some(text),
                    Some(Value::Unknown(why)) => return Ok(Value::Unknown(why)),
                    _ => None,
                }
            } else if let Some(content) = options.symbol("content") {
                Some(content.text())
            } else {
                let why = "must specify a file, command, or raw content";
                config.failed = Some(format!("No {base} content; {why}"));
                None
            }
        }
        Some(path) => {
            let path = path.text();
            config.text = format!("{base} {path}");
            config.path = Some(path.clone());
            match read(machine, &path, false)? {
                Ok(text) => Some(text),
                Err(why) => {
                    config.skipped = Some(why);
                    None
                }
            }
        }
        None => None,
    };
    if let Some(text) = text {
        let with_headers = config.lookup == Lookup::Column;
        match parse(machine, name, &text, with_headers) {
            Ok(params) => config.params = params,
            Err(stop) => match *stop {
                Halt::Raise(raised) => {
                    config.failed = Some(format!("Unable to parse {base}: {}", raised.message));
                }
                other => return Err(Box::new(other)),
            },
        }
        config.content = Some(text);
    }
    Ok(Value::Resource(Rc::new(config)))
}

fn parse(
    machine: &mut Machine<'_>,
    name: &str,
    text: &Rc<str>,
    with_headers: bool,
) -> Result<Value, Stop> {
    machine.meter.charge(text.len() * 4)?;
    let failed = |why: String| machine.raise("Inspec::Exceptions::ResourceFailed", why);
    let text_value = [Value::Str(text.clone())];
    match name {
        "json" => machine.send(&Value::Const("JSON".into()), "parse", &text_value, None),
        "yaml" => machine.send(&Value::Const("YAML".into()), "load", &text_value, None),
        "toml" => documents::toml(text).map_err(failed),
        "csv" => documents::csv(text, with_headers).map_err(failed),
        "xml" if text.trim().is_empty() => Ok(Value::Nil),
        "xml" => documents::xml(text).map(|_| Value::Nil).map_err(failed),
        _ => ini(machine, text),
    }
}
