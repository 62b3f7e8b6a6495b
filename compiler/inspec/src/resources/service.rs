//! `service`, `kernel_parameter` and `kernel_module`.

use std::rc::Rc;

use forge_model::{Level, ModuleState, Resource as Asked, Stated, UnitState};

use super::unit_file::unit_file;
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

/// Whether it is a script of the older kind, for which systemd makes a unit.
fn is_script(state: &UnitState) -> bool {
    state.evidence.as_deref().is_some_and(|path| path.starts_with("/etc/init.d/"))
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
                match (state.masked, state.installed) {
                    (Some(true), _) => Value::Bool(false),
                    (_, Some(false)) if self.may_be_generated(machine) => generated(),
                    (_, installed) => known(installed, "whether it is installed"),
                }
            }
            "enabled?" => self.is_enabled(machine)?,
            "running?" => {
                let state = self.state(machine)?;
                match (state.running, state.installed, state.masked) {
                    (Some(running), _, _) => running.into(),
                    (None, _, Some(true)) => Value::Bool(false),
                    (None, Some(false), _) if self.may_be_generated(machine) => generated(),
                    (None, Some(false), _) => Value::Bool(false),
                    _ => Value::Unknown(NOT_STARTED.into()),
                }
            }
            "params" => return self.params(machine).map(Some),
            "resource_id" => Value::Str(self.name.clone()),
            "type" => "systemd".into(),
            "name" => return self.property(machine, "Id"),
            "description" => return self.property(machine, "Description"),
            "startname" => return self.property(machine, "User"),
            "runlevels" => Value::Unknown("run levels are not read".into()),
            "startmode" => Value::Nil,
            "monitored_by?" if !args.is_empty() => Value::Unknown(NOT_STARTED.into()),
            _ => return Ok(None),
        }))
    }
}

/// Kinds of units that generators make from other files, and systemd from what it finds.
const GENERATED: [&str; 6] = ["mount", "automount", "swap", "device", "scope", "slice"];

fn generated() -> Value {
    Value::Unknown("systemd makes such units when the system starts".into())
}

impl Service {
    /// Whether a unit without a file may still be there when the system has started.
    fn may_be_generated(&self, machine: &Machine<'_>) -> bool {
        let unit = self.unit();
        let ending = unit.rsplit_once('.').map(|(_, ending)| ending);
        machine.target.level() < Level::Booted && ending.is_some_and(|e| GENERATED.contains(&e))
    }

    /// Whether `systemctl is-enabled` ends with 0: it does for what is static or another name, too.
    fn is_enabled(&self, machine: &mut Machine<'_>) -> Result<Value, Stop> {
        let level = machine.target.level();
        if !matches!(&*self.kind, "service" | "systemd_service") {
            return Ok(known(self.state(machine)?.enabled, "whether it is enabled"));
        }
        if level >= Level::Booted {
            let line = format!("systemctl is-enabled {} --quiet", running::quoted(&self.unit()));
            if let Ok(output) = running::tell(machine, &line)? {
                // A shell's own words for a program that is not there.
                if output.status >= 126 {
                    return running::succeeded(&line, output).map(Value::from);
                }
                return Ok((output.status == 0).into());
            }
        }
        let state = self.state(machine)?;
        if level == Level::Spec {
            return Ok(match (state.enabled, state.masked, state.installed) {
                (Some(true), ..) => Value::Bool(true),
                (_, Some(true), _) | (_, _, Some(false)) => Value::Bool(false),
                _ => Value::Unknown("what is not enabled may be static".into()),
            });
        }
        let file = unit_file(machine, &self.unit())?;
        // `systemctl` ends with 0 for every alias. Measured where no manager runs, InSpec has one as
        // not enabled: so whether a boot starts it decides here, and systemd itself where it runs.
        if file.state == Some("alias") {
            return Ok(known(state.enabled, "whether it is enabled"));
        }
        if file.state.is_some() {
            machine.note_evidence(file.evidence.clone());
            return Ok(file.is_enabled().into());
        }
        Ok(match state.installed {
            Some(true) => known(state.enabled, "whether it is enabled"),
            _ if self.may_be_generated(machine) => generated(),
            _ => Value::Bool(false),
        })
    }

    /// A property as `systemctl show` has it.
    fn property(&self, machine: &mut Machine<'_>, name: &str) -> Called {
        let params = self.params(machine)?;
        machine.send(&params, "[]", &[name.into()], None).map(Some)
    }

    /// What `systemctl show` says where it can be asked, else what the files alone decide of it.
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
        let file = unit_file(machine, &self.unit())?;
        let own = match file.state {
            // The manager knows one unit, whatever it was asked for.
            Some("alias") => unit_file(machine, &file.id)?.state,
            state => state,
        };
        let script = file.state.is_none() && is_script(&state);
        if file.state.is_none() && !script && self.may_be_generated(machine) {
            return Ok(generated());
        }
        let (load, enabled) = match own {
            Some("masked") => ("masked", "masked"),
            Some(state) => ("loaded", state),
            None if script => ("loaded", "generated"),
            None => ("not-found", ""),
        };
        map.insert("LoadState".into(), load.into());
        map.insert("UnitFileState".into(), enabled.into());
        map.insert("Id".into(), file.id.as_str().into());
        if !script {
            let text = |value: Option<&str>, absent: &str| match value.filter(|v| !v.is_empty()) {
                Some(value) if value.contains('%') => {
                    Value::Unknown("what stands for `%` is not known here".into())
                }
                value => value.unwrap_or(absent).into(),
            };
            map.insert("Description".into(), text(file.get("Unit", "Description"), &file.id));
            let by_systemd = file.get("Service", "User").is_none_or(str::is_empty)
                && file.get("Service", "DynamicUser").is_some_and(|v| v != "no");
            let user = match file.id.rsplit_once('.').map(|(_, ending)| ending) {
                Some("service") if by_systemd => {
                    Value::Unknown("systemd makes the user when the service starts".into())
                }
                Some("service") => text(file.get("Service", "User"), ""),
                Some("target" | "timer" | "path") => Value::Nil,
                _ => Value::Unknown(NOT_STARTED.into()),
            };
            map.insert("User".into(), user);
        }
        Ok(Value::Resource(Rc::new(Properties { of: self.text(), known: map })))
    }
}

/// The kind of a list of which not everything is known.
pub(crate) const PROPERTIES: &str = "properties of a unit";

/// The properties of a unit that nothing has started: those that its files decide. All others have
/// a value as well, and the manager alone knows which.
#[derive(Debug)]
struct Properties {
    of: String,
    known: Map,
}

impl Resource for Properties {
    fn kind(&self) -> &'static str {
        PROPERTIES
    }

    fn text(&self) -> String {
        format!("{} params", self.of)
    }

    fn call(
        self: Rc<Self>,
        _machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if super::is_of_every_resource(name) {
            return Ok(None);
        }
        let key = match (name, args) {
            ("[]" | "fetch" | "dig", [key]) => key.text(),
            (_, []) => name.into(),
            _ => "".into(),
        };
        let known = self.known.text(&key).cloned();
        Ok(Some(known.unwrap_or_else(|| Value::Unknown(NOT_STARTED.into()))))
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

impl KernelParameter {
    /// What nothing sets has the kernel's default, which a tree does not know. A check that names a
    /// value fails, as where there is no kernel; nothing passes, and nothing else rests on it.
    fn unset(&self, machine: &mut Machine<'_>) -> Value {
        const WHY: &str = "nothing sets it, and only a node knows the kernel's default";
        if machine.target.level() == Level::Node {
            return Value::Nil;
        }
        if machine.state.note.in_example {
            machine.state.note.no_pass = Some(WHY);
            return Value::Nil;
        }
        Value::Unknown(WHY.into())
    }
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
                    return Ok(Some(self.unset(machine)));
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

    /// Whether `InSpec` finds it among what `modprobe --showconfig` prints: names have `_` there, and it
    /// looks for the name as it is given, followed by a program of `/bin` or `/sbin`.
    fn is_shown(&self, machine: &mut Machine<'_>, stated: &Stated) -> Result<bool, Stop> {
        let place = stated.evidence.as_deref().and_then(|place| place.rsplit_once(':'));
        let Some((path, line)) = place.filter(|_| stated.holds) else { return Ok(stated.holds) };
        if self.name.contains('-') {
            return Ok(false);
        }
        let text = machine.read_text(path)?.unwrap_or_default();
        let skipped = line.parse::<usize>().unwrap_or(1).saturating_sub(1);
        let rest = text.lines().skip(skipped).collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let mut words = rest.lines().next().unwrap_or_default().split_whitespace();
        let (word, name) = (words.next(), words.next().unwrap_or_default());
        let named = name.replace('-', "_") == *self.name;
        let program = words.next().unwrap_or_default();
        let program = ["/bin/true", "/bin/false", "/sbin/true", "/sbin/false"]
            .iter()
            .any(|known| program.starts_with(known));
        Ok(named && (word != Some("install") || program))
    }

    fn shown(
        &self,
        machine: &mut Machine<'_>,
        stated: Option<Stated>,
        what: &str,
    ) -> Result<Value, Stop> {
        if let Some(found) = &stated
            && !self.is_shown(machine, found)?
        {
            machine.note_evidence(found.evidence.clone());
            return Ok(Value::Bool(false));
        }
        Ok(Self::stated(machine, stated, what))
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
            "disabled?" => self.shown(machine, disabled, "whether it is disabled")?,
            "blacklisted?" => match self.shown(machine, disabled, "whether it is disabled")? {
                Value::Bool(true) => Value::Bool(true),
                unknown @ Value::Unknown(_) if holds(&blacklisted) != Some(true) => unknown,
                _ => self.shown(machine, blacklisted, "whether it is blacklisted")?,
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
