//! `json`, `yaml`, `ini`, `toml` and `grub_conf`.

use std::rc::Rc;

use super::config::{Config, Lookup};
use super::config_kinds::{ini, read};
use crate::interp::Machine;
use crate::map::Map;
use crate::stop::{Eval, Halt, Stop};
use crate::value::Value;

/// `json(path)`, `json(content: text)`, `json(command: line)`.
pub(super) fn make(machine: &mut Machine<'_>, name: &'static str, args: &[Value]) -> Eval {
    let base = match name {
        "json" => "JSON",
        "yaml" => "YAML",
        _ => "INI",
    };
    let mut config = Config {
        kind: name,
        text: format!("{base} content"),
        params: Map::default().into(),
        content: None,
        lookup: Lookup::Path,
        skipped: None,
        path: None,
    };
    let text = match args.first() {
        Some(Value::Hash(options)) => {
            let options = options.borrow();
            if let Some(line) = options.symbol("command") {
                let line = line.text();
                config.text = format!("{base} from command: {line}");
                match super::program::property(machine, "command", &line, "stdout")? {
                    Some(Value::Str(text)) => Some(text),
                    Some(Value::Unknown(why)) => return Ok(Value::Unknown(why)),
                    _ => None,
                }
            } else {
                options.symbol("content").map(Value::text)
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
        match parse(machine, name, &text) {
            Ok(params) => config.params = params,
            Err(stop) => match *stop {
                Halt::Raise(raised) => {
                    config.skipped = Some(format!("Unable to parse {base}: {}", raised.message));
                }
                other => return Err(Box::new(other)),
            },
        }
        config.content = Some(text);
    }
    Ok(Value::Resource(Rc::new(config)))
}

fn parse(machine: &mut Machine<'_>, name: &str, text: &Rc<str>) -> Result<Value, Stop> {
    let text_value = [Value::Str(text.clone())];
    match name {
        "json" => machine.send(&Value::Const("JSON".into()), "parse", &text_value, None),
        "yaml" => machine.send(&Value::Const("YAML".into()), "load", &text_value, None),
        _ => ini(machine, text),
    }
}
