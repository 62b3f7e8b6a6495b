//! Versions that compare as those of gems: `os.version`, `Gem::Version.new`.

use std::rc::Rc;

use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::matchers::Version;
use crate::value::Value;

/// A version.
#[derive(Debug)]
struct VersionValue {
    text: Rc<str>,
}

/// The version that a text has.
pub(crate) fn version(text: &str) -> Value {
    Value::Resource(Rc::new(VersionValue { text: text.into() }))
}

impl VersionValue {
    fn part(&self, at: usize) -> Value {
        let base = self.text.split('+').next().unwrap_or_default();
        match base.trim().splitn(3, '.').nth(at) {
            Some(part) => Value::Int(crate::core::string::leading_int(part, 10)),
            None => Value::Nil,
        }
    }
}

impl Resource for VersionValue {
    fn kind(&self) -> &'static str {
        "Gem::Version"
    }

    fn text(&self) -> String {
        self.text.to_string()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        Ok(Some(match (name, args) {
            ("major", []) => self.part(0),
            ("minor", []) => self.part(1),
            ("patch", []) => self.part(2),
            ("build", []) => self.text.split_once('+').map(|(_, build)| build).into(),
            ("full" | "version", []) => Value::Str(self.text.clone()),
            ("segments", []) => {
                let parts = self.text.split('.');
                let number = |part: &str| Value::Int(crate::core::string::leading_int(part, 10));
                parts.map(number).collect::<Vec<_>>().into()
            }
            ("<" | "<=" | ">" | ">=" | "==" | "!=" | "<=>" | "eql?", [other]) => {
                let other = other.text();
                let (Some(own), Some(other)) = (Version::parse(&self.text), Version::parse(&other))
                else {
                    let why = format!("Malformed version number string {other}");
                    return Err(machine.raise("ArgumentError", why));
                };
                let order = own.compare(&other);
                match name {
                    "<=>" => Value::Int(order as i64),
                    "eql?" => order.is_eq().into(),
                    operator => crate::matchers::ordered(operator, order).into(),
                }
            }
            _ => return Ok(None),
        }))
    }
}
