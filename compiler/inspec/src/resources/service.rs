//! `service`, `kernel_parameter` and `kernel_module`.

use std::rc::Rc;

use forge_model::{Level, ModuleState, Resource as Asked, Stated, UnitState};

use super::{Called, Resource, running};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::Stop;
use crate::value::Value;

#[derive(Debug)]
struct Service {
    kind: String,
    name: Rc<str>,
}

/// `service(name)`.
pub(super) fn make(kind: &str, name: &str) -> Value {
    Value::Resource(Rc::new(Service { kind: kind.to_owned(), name: name.into() }))
}

/// Endings of unit names.
const UNITS: [&str; 11] = [
    "service",
    "socket",
    "target",
    "mount",
    "automount",
    "timer",
    "path",
    "slice",
    "scope",
    "device",
    "swap",
];

impl Service {
    fn unit(&self) -> String {
        let ending = self.name.rsplit_once('.').map(|(_, ending)| ending);
        match ending {
            Some(ending) if UNITS.contains(&ending) => self.name.to_string(),
            _ => format!("{}.service", self.name),
        }
    }

    fn state(&self, machine: &mut Machine<'_>) -> Result<UnitState, Stop> {
        machine.state.note.about = Some(Asked::Service { name: self.unit() });
        let state = machine.answer(machine.target.unit(&self.unit()))?;
        machine.note_evidence(state.evidence.clone());
        if state.installed == Some(false) {
            machine.note_absent();
        }
        Ok(state)
    }
}

fn known(value: Option<bool>, what: &str) -> Value {
    value.map_or_else(|| Value::Unknown(format!("{what} is not known here").into()), Value::Bool)
}

/// Why nobody knows here whether something runs.
const NOT_STARTED: &str = "nothing is started in a tree";

impl Resource for Service {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        let plain = !self.name.contains('.');
        let name = if plain { self.name.to_string() } else { self.unit() };
        Some(forge_model::Resource::Service { name })
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn text(&self) -> String {
        format!("Service {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        Ok(Some(match name {
            "installed?" => {
                let state = self.state(machine)?;
                // A masked unit is not loaded.
                let masked = state.masked == Some(true);
                if masked {
                    Value::Bool(false)
                } else {
                    known(state.installed, "whether it is installed")
                }
            }
            "enabled?" => known(self.state(machine)?.enabled, "whether it is enabled"),
            "running?" => {
                let state = self.state(machine)?;
                match (state.running, state.installed, state.masked) {
                    (Some(running), _, _) => running.into(),
                    (None, _, Some(true)) | (None, Some(false), _) => Value::Bool(false),
                    _ => Value::Unknown(NOT_STARTED.into()),
                }
            }
            "params" => return self.params(machine).map(Some),
            "name" | "resource_id" => Value::Str(self.name.clone()),
            "type" => "systemd".into(),
            "description" => {
                let text = self.unit_file(machine)?.unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix("Description="));
                line.map(str::to_owned).into()
            }
            "runlevels" => Value::Unknown("run levels are not read".into()),
            "startmode" | "startname" => Value::Nil,
            "monitored_by?" if !args.is_empty() => Value::Unknown(NOT_STARTED.into()),
            _ => return Ok(None),
        }))
    }
}

impl Service {
    fn unit_file(&self, machine: &mut Machine<'_>) -> Result<Option<String>, Stop> {
        for directory in [
            "/etc/systemd/system",
            "/usr/local/lib/systemd/system",
            "/usr/lib/systemd/system",
            "/lib/systemd/system",
        ] {
            let text = machine.read_text(&format!("{directory}/{}", self.unit()))?;
            if text.is_some() {
                return Ok(text);
            }
        }
        Ok(None)
    }

    /// The properties that files alone decide, as `systemctl show` names them; all of them where it
    /// can be asked.
    fn params(&self, machine: &mut Machine<'_>) -> Result<Value, Stop> {
        let state = self.state(machine)?;
        let mut map = Map::default();
        map.by_method = true;
        let line = format!("systemctl show --no-pager --all {}", running::quoted(&self.unit()));
        if let Ok(output) = running::tell(machine, &line)? {
            for property in running::succeeded(&line, output)?.lines() {
                if let Some((key, value)) = property.split_once('=') {
                    map.insert(key.into(), value.into());
                }
            }
            return Ok(map.into());
        }
        let (installed, masked) = (state.installed == Some(true), state.masked == Some(true));
        let load = match (masked, installed) {
            (true, _) => "masked",
            (false, true) => "loaded",
            (false, false) => "not-found",
        };
        let enabled = match (masked, state.enabled, installed) {
            (true, _, _) => "masked",
            (_, Some(true), _) => "enabled",
            (_, Some(false), true) => "disabled",
            _ => "",
        };
        map.insert("LoadState".into(), load.into());
        map.insert("UnitFileState".into(), enabled.into());
        map.insert("Id".into(), self.unit().into());
        if let Some(text) = self.unit_file(machine)? {
            for line in text.lines() {
                if let Some((key, value)) = line.split_once('=')
                    && !key.starts_with('#')
                {
                    map.insert(key.trim().into(), value.trim().into());
                }
            }
        }
        if let Some(path) = &state.evidence {
            map.insert("FragmentPath".into(), path.as_str().into());
        }
        for live in ["ActiveState", "SubState", "MainPID"] {
            map.insert(live.into(), Value::Unknown(NOT_STARTED.into()));
        }
        Ok(map.into())
    }
}

#[derive(Debug)]
struct KernelParameter {
    name: Rc<str>,
}

/// `kernel_parameter(name)`: the value that is configured.
pub(super) fn kernel_parameter(name: &str) -> Value {
    Value::Resource(Rc::new(KernelParameter { name: name.into() }))
}

impl Resource for KernelParameter {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        Some(forge_model::Resource::KernelParameter { name: self.name.to_string() })
    }

    fn kind(&self) -> &'static str {
        "kernel_parameter"
    }

    fn text(&self) -> String {
        format!("Kernel Parameter {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        match name {
            "value" => {
                let found = machine.answer(machine.target.kernel_parameter(&self.name))?;
                let Some(found) = found else {
                    machine.note_absent();
                    return Ok(Some(Value::Nil));
                };
                machine.note_evidence(Some(found.evidence));
                let digits =
                    !found.value.is_empty() && found.value.bytes().all(|b| b.is_ascii_digit());
                Ok(Some(match found.value.parse() {
                    Ok(number) if digits => Value::Int(number),
                    _ => found.value.into(),
                }))
            }
            "resource_id" => Ok(Some(Value::Str(self.name.clone()))),
            _ => Ok(None),
        }
    }
}

#[derive(Debug)]
struct KernelModule {
    name: Rc<str>,
}

/// `kernel_module(name)`.
pub(super) fn kernel_module(name: &str) -> Value {
    Value::Resource(Rc::new(KernelModule { name: name.into() }))
}

impl KernelModule {
    /// Whether the kernel of a node has it now. A module's name has `_` there, however it is spelt.
    fn is_loaded(&self, machine: &mut Machine<'_>) -> Result<bool, Stop> {
        const TABLE: &str = "/proc/modules";
        // A kernel that takes no modules has no such file.
        let text = machine.read_text(TABLE)?.unwrap_or_default();
        machine.note_evidence(Some(TABLE.to_owned()));
        let name = self.name.replace('-', "_");
        Ok(text.lines().any(|line| line.split(' ').next() == Some(&*name)))
    }

    fn stated(machine: &mut Machine<'_>, stated: Option<Stated>, what: &str) -> Value {
        match stated {
            Some(stated) => {
                machine.note_evidence(stated.evidence);
                stated.holds.into()
            }
            None => Value::Unknown(format!("{what} is not known here").into()),
        }
    }
}

impl Resource for KernelModule {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        Some(forge_model::Resource::KernelModule { name: self.name.to_string() })
    }

    fn kind(&self) -> &'static str {
        "kernel_module"
    }

    fn text(&self) -> String {
        format!("Kernel Module {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if !matches!(name, "loaded?" | "disabled?" | "blacklisted?" | "version") {
            return Ok((name == "resource_id").then(|| Value::Str(self.name.clone())));
        }
        let ModuleState { exists, disabled, blacklisted } =
            machine.answer(machine.target.kernel_module(&self.name))?;
        let holds = |stated: &Option<Stated>| stated.as_ref().map(|stated| stated.holds);
        Ok(Some(match name {
            "loaded?" if machine.target.level() == Level::Node => self.is_loaded(machine)?.into(),
            // What no kernel of the image has, or modprobe refuses, is not loaded.
            "loaded?" => match (holds(&exists), holds(&disabled)) {
                (Some(false), _) | (_, Some(true)) => Value::Bool(false),
                _ => Value::Unknown("only a running system knows what is loaded".into()),
            },
            "disabled?" => Self::stated(machine, disabled, "whether it is disabled"),
            "blacklisted?" => match holds(&disabled) {
                Some(true) => Self::stated(machine, disabled, ""),
                _ => Self::stated(machine, blacklisted, "whether it is blacklisted"),
            },
            _ => {
                let line = format!("modinfo -F version {}", running::quoted(&self.name));
                match running::on_node(machine, &line)? {
                    Ok(output) if output.status == 0 => output.stdout.replace('\n', "").into(),
                    Ok(_) => Value::Nil,
                    Err(unknown) => unknown,
                }
            }
        }))
    }
}
