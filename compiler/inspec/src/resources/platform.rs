//! `os`, `platform` and `virtualization`.

use std::rc::Rc;

use forge_model::{Level, NoAnswer};

use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::platform::Platform;
use crate::stop::no_answer;
use crate::value::Value;

#[derive(Debug)]
struct Os {
    kind: String,
}

/// `os` and `platform`.
pub(super) fn os(kind: &str) -> Value {
    Value::Resource(Rc::new(Os { kind: kind.to_owned() }))
}

impl Resource for Os {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn text(&self) -> String {
        match self.kind.as_str() {
            "os" => "Operating System Detection",
            _ => "Platform Detection",
        }
        .to_owned()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if machine.state.importing.is_some() && machine.state.platform == Platform::default() {
            return Ok(Some(Value::Unknown("it asks what system it is".into())));
        }
        let platform = &machine.state.platform;
        let asks_release = match (name, args) {
            ("[]", [key]) => &*key.text() == "release",
            (name, _) => matches!(name, "release" | "params" | "version" | "supported?"),
        };
        if asks_release && platform.release.is_empty() && machine.target.level() == Level::Spec {
            let why = "which release of the system it is, the spec does not say";
            return Err(no_answer(NoAnswer::Unknown(why.to_owned())));
        }
        let text = |text: &str| if text.is_empty() { Value::Nil } else { text.into() };
        let families = || Value::strings(platform.families());
        let family =
            || platform.families().first().map(String::as_str).map_or(Value::Nil, Value::from);
        Ok(Some(match (name, args) {
            ("name", []) => text(&platform.name),
            ("release", []) => text(&platform.release),
            ("family", []) => family(),
            ("arch", []) => text(&platform.arch),
            ("families", []) => families(),
            ("[]", [key]) => match &*key.text() {
                "name" => text(&platform.name),
                "release" => text(&platform.release),
                "family" => family(),
                "arch" => text(&platform.arch),
                "families" => families(),
                _ => Value::Nil,
            },
            ("params", []) => {
                let pairs = [
                    ("name", text(&platform.name)),
                    ("families", families()),
                    ("release", text(&platform.release)),
                    ("arch", text(&platform.arch)),
                ];
                pairs
                    .into_iter()
                    .map(|(key, value)| (Value::sym(key), value))
                    .collect::<Map>()
                    .into()
            }
            ("version", []) => super::version::version(&platform.release),
            ("version", [part]) => {
                let version = super::version::version(&platform.release);
                return machine.send(&version, &part.text().to_lowercase(), &[], None).map(Some);
            }
            ("platform?", [name]) => platform.is(&name.text()).into(),
            ("in_family?", [name]) => {
                platform.families().iter().any(|f| **f == *name.text()).into()
            }
            ("supported?", [supports]) => {
                platform.is_supported(&supports.clone().into_items()).into()
            }
            ("resource_id", []) => text(&platform.name),
            (
                "aix?" | "redhat?" | "debian?" | "suse?" | "bsd?" | "solaris?" | "linux?" | "unix?"
                | "windows?" | "hpux?" | "darwin?" | "fedora?" | "ubuntu?" | "centos?" | "amazon?"
                | "alpine?" | "oracle?",
                [],
            ) => platform.is(name.trim_end_matches('?')).into(),
            _ => return Ok(None),
        }))
    }

    fn responds(&self, name: &str) -> bool {
        matches!(name, "name" | "release" | "family" | "arch" | "families" | "params")
    }
}

/// An image is made for bare metal, wherever it is judged.
#[derive(Debug)]
struct Virtualization;

pub(super) fn virtualization() -> Value {
    Value::Resource(Rc::new(Virtualization))
}

impl Resource for Virtualization {
    fn kind(&self) -> &'static str {
        "virtualization"
    }

    fn text(&self) -> String {
        "Virtualization Detection".to_owned()
    }

    fn call(
        self: Rc<Self>,
        _machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        Ok(Some(match (name, args) {
            ("system" | "role", []) | ("[]", [_]) => Value::Nil,
            ("params", []) => Map::default().into(),
            ("virtual_system?" | "physical_system?" | "container?", []) => {
                (name == "physical_system?").into()
            }
            _ => return Ok(None),
        }))
    }
}
