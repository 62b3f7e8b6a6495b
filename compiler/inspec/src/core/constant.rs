//! Calls on constants of Ruby: `Set.new`, `JSON.parse`, `Regexp.escape`.

use super::{Called, set};
use crate::interp::{Given, Machine};
use crate::pattern::escape;
use crate::stop::Stop;
use crate::value::Value;

pub(crate) fn call(
    machine: &mut Machine<'_>,
    path: &str,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let arg = args.first();
    Ok(Some(match (path.trim_start_matches("::"), name) {
        ("Set", "new" | "[]") => {
            let items = if name == "[]" {
                args.to_vec()
            } else {
                arg.cloned().unwrap_or(Value::Nil).into_items()
            };
            set::make(items.into_iter())
        }
        ("Shellwords", "escape" | "shellescape") => {
            super::string::shell_escaped(&arg.map_or("".into(), Value::text)).into()
        }
        ("Regexp", _) => return regexp(machine, name, args),
        ("Array", "new") => match args {
            [Value::Int(count), rest @ ..] => {
                let count = usize::try_from(*count).unwrap_or(0);
                machine.meter.charge(count.saturating_mul(64))?;
                vec![rest.first().cloned().unwrap_or(Value::Nil); count].into()
            }
            [other] => other.clone().into_items().into(),
            _ => Vec::new().into(),
        },
        ("Hash", "new") => {
            if !args.is_empty() || block.is_some() {
                return Err(machine.needs_ruby("a hash with a default"));
            }
            crate::map::Map::default().into()
        }
        ("Hash", "[]") => machine.send(arg.unwrap_or(&Value::Nil), "to_h", &[], None)?,
        ("String", "new") => arg.map_or("".into(), |arg| Value::Str(arg.text())),
        ("JSON", "parse") => return json(machine, args).map(Some),
        ("YAML" | "Psych", "load" | "safe_load") => {
            let text = arg.map_or("".into(), Value::text);
            crate::yaml::parse(&text).map_err(|why| machine.raise("Psych::SyntaxError", why))?
        }
        ("File", _) => return file(machine, name, args),
        ("Gem::Version", "new") => {
            crate::resources::version::version(&arg.map_or("".into(), Value::text))
        }
        ("Inspec", "resource") => Machine::resource_base(),
        ("Date" | "Time" | "DateTime", _) => {
            return super::time::of_class(machine, path.trim_start_matches("::"), name, args);
        }
        (_, "==") => return Ok(None),
        (_, "name" | "to_s") => path.into(),
        (_, "new" | "exception") if path.ends_with("Error") || path.ends_with("Exception") => {
            let message = arg.map_or_else(|| path.into(), Value::text);
            Value::Raised(std::rc::Rc::new(crate::stop::Raised {
                class: path.into(),
                message,
                at: machine.here,
            }))
        }
        _ => return of_libraries(machine, path, name, args, block),
    }))
}

/// What libraries of profiles ask for.
fn of_libraries(
    machine: &mut Machine<'_>,
    path: &str,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let arg = args.first();
    Ok(Some(match (path.trim_start_matches("::"), name) {
        ("RSpec::Matchers", "define") => {
            if let (Some(name), Some(block)) = (arg, block) {
                machine.state.matchers.insert(name.text(), block.clone());
            }
            Value::Nil
        }
        ("RSpec", "configure") => Value::Nil,
        ("FilterTable", "create") | ("FilterTable::Factory", "new") => {
            Value::Builder(std::rc::Rc::default())
        }
        ("Hashie::Mash", "new") => {
            let mut map = match arg {
                Some(Value::Hash(map)) => map.borrow().clone(),
                _ => crate::map::Map::default(),
            };
            map.by_method = true;
            map.into()
        }
        ("Struct", "new") => return machine.struct_class(args, block).map(Some),
        ("Dir", _) => return super::disk::dir(machine, name, args),
        (
            "Numeric" | "Integer" | "Float" | "Comparable",
            "method_defined?" | "instance_methods",
        ) => {
            let operators = ["<", "<=", ">", ">=", "==", "!=", "<=>", "===", "between?"];
            match arg {
                Some(asked) => operators.contains(&&*asked.text()).into(),
                None => return Err(machine.needs_ruby(format!("`{path}.{name}`"))),
            }
        }
        _ => return Ok(None),
    }))
}

fn regexp(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Called {
    let arg = args.first();
    Ok(Some(match name {
        "escape" | "quote" => escape(&arg.map_or("".into(), Value::text)).into(),
        "new" => match arg {
            Some(Value::Regex(regex)) => Value::Regex(regex.clone()),
            Some(source) => {
                let options = match args.get(1) {
                    Some(Value::Int(bits)) => {
                        let letters = [(1, "i"), (2, "x"), (4, "m")];
                        letters.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, l)| *l).collect()
                    }
                    Some(other) if other.truthy() => "i".to_owned(),
                    _ => String::new(),
                };
                Value::Regex(machine.pattern(&source.text(), &options))
            }
            None => return Ok(None),
        },
        "union" => {
            let parts = match arg {
                Some(Value::Array(items)) => items.borrow().clone(),
                _ => args.to_vec(),
            };
            let part = |part: &Value| match part {
                Value::Regex(regex) => regex.embedded(),
                other => escape(&other.text()),
            };
            let source = parts.iter().map(part).collect::<Vec<_>>().join("|");
            Value::Regex(machine.pattern(&source, ""))
        }
        "last_match" => match (machine.last_match.clone(), arg.and_then(Value::as_int)) {
            (Some(found), Some(group)) => {
                usize::try_from(group).ok().and_then(|n| found.group(n)).into()
            }
            (Some(found), None) => Value::Match(found),
            (None, _) => Value::Nil,
        },
        _ => return Ok(None),
    }))
}

fn json(machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, Stop> {
    let text = match args.first() {
        Some(Value::Str(text)) => text.clone(),
        _ => return Err(machine.raise("TypeError", "no implicit conversion into String")),
    };
    let symbols = matches!(args.get(1), Some(Value::Hash(map))
        if map.borrow().symbol("symbolize_names").is_some_and(Value::truthy));
    let parsed: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        machine.raise("JSON::ParserError", format!("unexpected token: {error}"))
    })?;
    machine.meter.charge(text.len() * 4)?;
    Ok(from_json(&parsed, symbols))
}

/// A JSON value as Ruby has it.
pub(crate) fn from_json(value: &serde_json::Value, symbols: bool) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(number.as_f64().unwrap_or(f64::INFINITY)),
        },
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => {
            items.iter().map(|item| from_json(item, symbols)).collect::<Vec<_>>().into()
        }
        serde_json::Value::Object(map) => {
            let key = |key: &String| if symbols { Value::sym(key) } else { key.as_str().into() };
            let pairs = map.iter().map(|(name, value)| (key(name), from_json(value, symbols)));
            pairs.collect::<crate::map::Map>().into()
        }
    }
}

/// `File.join` and the like, which touch no disk; what would touch it is the builder's.
fn file(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Called {
    let path = args.first().map_or("".into(), Value::text);
    let base = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Ok(Some(match name {
        "join" => {
            let parts = args.iter().flat_map(|arg| arg.clone().into_items());
            let mut out = String::new();
            for (index, part) in parts.enumerate() {
                let part = part.text();
                if index > 0 {
                    let trimmed = out.trim_end_matches('/').len();
                    out.truncate(trimmed);
                    out.push('/');
                    out.push_str(part.trim_start_matches('/'));
                } else {
                    out.push_str(&part);
                }
            }
            out.into()
        }
        "basename" => match args.get(1) {
            Some(end) => {
                let end = end.text();
                let stem = if &*end == ".*" {
                    base.rsplit_once('.').map(|(stem, _)| stem)
                } else {
                    base.strip_suffix(&*end)
                };
                stem.unwrap_or(base).into()
            }
            None => base.into(),
        },
        "dirname" => match path.trim_end_matches('/').rsplit_once('/') {
            Some(("", _)) => "/".into(),
            Some((dir, _)) => dir.into(),
            None => ".".into(),
        },
        "extname" => base
            .rsplit_once('.')
            .filter(|(stem, _)| !stem.is_empty())
            .map_or_else(String::new, |(_, ext)| format!(".{ext}"))
            .into(),
        "expand_path" if path.starts_with('/') => Value::Str(path),
        _ => return super::disk::file(machine, name, args),
    }))
}
