//! Loads a profile and those that it needs, and runs its controls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use forge_model::{
    ControlGroup, ControlReport, ProfileReport, ProfileStatus, Status, Target, Verdict,
};

use crate::context::{Context, FileContext, Include, Refusal};
use crate::control::Control;
use crate::inputs::{Inputs, Priority};
use crate::interp::Machine;
use crate::limits::Limits;
use crate::metadata::{Dependency, Metadata};
use crate::outline::{clean, declares_controls, dependency as directory_of};
use crate::platform::Platform;
use crate::run::State;
use crate::scope::{Frame, Scope};
use crate::stop::{Eval, Stop, no_answer};
use crate::syntax::{At, parse};
use crate::value::Value;
use crate::waivers::Waivers;
use crate::yaml;

/// Where profiles are read from.
pub trait ProfileSource {
    /// The files below a profile's directory, by their paths in it, or why they cannot be read.
    fn read(&self, directory: &str) -> Result<BTreeMap<String, Vec<u8>>, String>;
}

/// How a profile is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the profile may use.
    pub limits: Limits,
    /// What `os` answers; what the target's files say, unless given.
    pub platform: Option<Platform>,
    /// Inputs of the command line: name and value as YAML writes it.
    pub inputs: Vec<(String, String)>,
    /// Texts of files of inputs, YAML.
    pub input_files: Vec<String>,
    /// Controls that are not run, or whose failures are known.
    pub waivers: Waivers,
    /// Only these controls; all, when there are none.
    pub controls: Vec<String>,
    /// What `Date.today` and `Time.now` are, in seconds since 1970; not known, unless given.
    pub now: Option<i64>,
}

/// Profiles that need profiles that need profiles.
const MAX_DEPENDS: usize = 10;

/// A profile that was run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What became of it.
    pub report: ProfileReport,
    /// Ids of all its controls, wanted or not.
    pub known_controls: Vec<String>,
}

/// Runs the profile of a directory over a target.
///
/// # Errors
///
/// Why the profile cannot be loaded at all: no `inspec.yml`, inputs that cannot be read. What is
/// wrong with one of its files or controls is a result in the report.
pub fn run(
    directory: &str,
    source: &dyn ProfileSource,
    target: &dyn Target,
    options: &Options,
) -> Result<Run, String> {
    let platform = match &options.platform {
        Some(platform) => platform.clone(),
        None => Platform::detect(target).map_err(|error| error.to_string())?,
    };
    let mut state = State {
        platform,
        waivers: options.waivers.clone(),
        wanted: options.controls.clone(),
        now: options.now,
        ..State::default()
    };
    outside_inputs(&mut state.inputs, options)?;
    let machine = Machine::new(target, options.limits, state);
    Loader { machine, source }.run(directory)
}

/// A profile whose controls are read, not run.
pub(crate) struct ForImport<'t> {
    pub(crate) machine: Machine<'t>,
    pub(crate) metadata: Metadata,
    pub(crate) controls: Vec<Rc<Control>>,
    /// What is wrong with a file, or unknown in it, and where.
    pub(crate) broken: Vec<(String, At)>,
}

/// Loads a profile to be imported, over a target that answers nothing.
pub(crate) fn load_for_import<'t>(
    directory: &str,
    source: &'t dyn ProfileSource,
    target: &'t dyn Target,
    options: &Options,
) -> Result<ForImport<'t>, String> {
    let mut state = State {
        platform: options.platform.clone().unwrap_or_default(),
        importing: Some(Vec::new()),
        ..State::default()
    };
    outside_inputs(&mut state.inputs, options)?;
    let mut loader = Loader { machine: Machine::new(target, options.limits, state), source };
    let Loaded { metadata, controls, broken, .. } = loader.load(directory, &mut Vec::new())?;
    let broken = broken.into_iter().map(|(_, _, why, at)| (why, at)).collect();
    Ok(ForImport { machine: loader.machine, metadata, controls, broken })
}

fn outside_inputs(inputs: &mut Inputs, options: &Options) -> Result<(), String> {
    for text in &options.input_files {
        let Value::Hash(map) = yaml::parse(text)? else {
            return Err("a file of inputs has a value for each name".to_owned());
        };
        for (name, value) in map.borrow().iter() {
            inputs.set_outside(&name.text(), value.clone(), Priority::FILE);
        }
    }
    for (name, text) in &options.inputs {
        let value = yaml::parse(text).unwrap_or_else(|_| text.as_str().into());
        inputs.set_outside(name, value, Priority::COMMAND_LINE);
    }
    Ok(())
}

struct Loader<'t> {
    machine: Machine<'t>,
    source: &'t dyn ProfileSource,
}

/// A profile that was loaded.
struct Loaded {
    metadata: Metadata,
    controls: Vec<Rc<Control>>,
    /// File, title, and the controls that it declares.
    groups: Vec<ControlGroup>,
    /// What is wrong with a file: its name, status and message, and where.
    broken: Vec<(String, Status, String, At)>,
    digest: String,
    skipped: Option<String>,
}

impl Loader<'_> {
    fn run(mut self, directory: &str) -> Result<Run, String> {
        let loaded = self.load(directory, &mut Vec::new())?;
        let mut controls = Vec::new();
        for control in &loaded.controls {
            if !self.machine.state.is_wanted(&control.name) {
                continue;
            }
            self.machine.meter.refill();
            let verdict = self.machine.verdict(control);
            controls.push(self.report(control, verdict));
        }
        for (file, status, message, at) in &loaded.broken {
            controls.push(self.broken(&loaded.metadata.name, file, *status, message, *at));
        }
        let text = |key: &str| loaded.metadata.text(key);
        let status = match &loaded.skipped {
            Some(why) => ProfileStatus::Skipped(why.clone()),
            None => ProfileStatus::Loaded,
        };
        let known_controls = loaded.controls.iter().map(|one| one.name.to_string()).collect();
        let report = ProfileReport {
            title: text("title"),
            version: text("version"),
            summary: text("summary"),
            maintainer: text("maintainer"),
            copyright: text("copyright"),
            copyright_email: text("copyright_email"),
            license: text("license"),
            sha256: loaded.digest,
            supports: loaded.metadata.supports.iter().map(json).collect(),
            inputs: self.inputs(&loaded.metadata.name),
            name: loaded.metadata.name,
            status,
            groups: loaded.groups,
            controls,
            platform: (
                self.machine.state.platform.name.clone(),
                self.machine.state.platform.release.clone(),
            ),
        };
        Ok(Run { report, known_controls })
    }

    fn load(&mut self, directory: &str, stack: &mut Vec<String>) -> Result<Loaded, String> {
        let place = clean(directory);
        if stack.contains(&place) || stack.len() >= MAX_DEPENDS {
            let way = stack.join(" -> ");
            return Err(format!("the profile `{place}` includes itself: {way} -> {place}"));
        }
        let files = self.source.read(&place)?;
        let metadata = files.get("inspec.yml").or_else(|| files.get("inspec.yaml"));
        let Some(bytes) = metadata else {
            return Err(format!("`{place}` is no profile: it has no `inspec.yml`"));
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let metadata =
            Metadata::parse(&text).map_err(|why| format!("`{place}/inspec.yml`: {why}"))?;
        let profile: Rc<str> = metadata.name.as_str().into();
        self.declare_inputs(&profile, &metadata);
        let mut broken = Vec::new();
        stack.push(place.clone());
        for dependency in &metadata.depends {
            if let Err(why) = self.depend(&place, dependency, stack) {
                let at = At { file: self.number(), line: 1 };
                broken.push((format!("{place}/inspec.yml"), Status::Error, why, at));
            }
        }
        stack.pop();
        let mut loaded = Loaded {
            controls: Vec::new(),
            groups: Vec::new(),
            broken,
            digest: digest(&files),
            skipped: None,
            metadata,
        };
        let platform = &self.machine.state.platform;
        let importing = self.machine.state.importing.is_some();
        if !importing && !platform.is_supported(&loaded.metadata.supports) {
            let (name, release) = (&platform.name, &platform.release);
            loaded.skipped = Some(format!(
                "Skipping profile: '{profile}' on unsupported platform: '{name}/{release}'."
            ));
            return Ok(loaded);
        }
        self.machine.state.profile = profile;
        self.machine.state.profile_files = files
            .iter()
            .filter_map(|(path, bytes)| {
                Some((path.strip_prefix("files/")?.to_owned(), bytes.clone()))
            })
            .collect();
        self.libraries(&place, &files);
        self.controls(&place, &files, &mut loaded);
        Ok(loaded)
    }

    fn number(&self) -> u32 {
        u32::try_from(self.machine.files.len()).unwrap_or(u32::MAX)
    }

    fn depend(
        &mut self,
        place: &str,
        dependency: &Dependency,
        stack: &mut Vec<String>,
    ) -> Result<(), String> {
        let name = &dependency.name;
        let Some(path) = &dependency.path else {
            return Err(format!(
                "the profile `{name}` is needed, and is not given by a `path`: put it beside this one"
            ));
        };
        let loaded = self.load(&directory_of(place, path), stack)?;
        if let Some((_, _, why, _)) = loaded.broken.first() {
            return Err(format!("the profile `{name}`: {why}"));
        }
        self.machine.state.loaded.insert(name.as_str().into(), loaded.controls);
        Ok(())
    }

    fn declare_inputs(&mut self, profile: &Rc<str>, metadata: &Metadata) {
        let inputs = &mut self.machine.state.inputs;
        for input in &metadata.inputs {
            let Value::Hash(map) = input else { continue };
            let map = map.borrow();
            let Some(name) = map.text("name").map(Value::text) else { continue };
            // An input of a profile that this one includes.
            let other: Option<Rc<str>> = map.text("profile").map(Value::text);
            let (of, mut priority) = match &other {
                Some(other) => (other, Priority::WRAPPER),
                None => (profile, Priority::METADATA),
            };
            if let Some(given) = map.text("priority").and_then(Value::as_int) {
                priority = Priority(given);
            }
            for option in ["description", "type", "required", "sensitive"] {
                if let Some(value) = map.text(option) {
                    inputs.describe(of, &name, option, value.clone());
                }
            }
            let value = map.text("value").or(map.text("default"));
            match value {
                Some(value) if !(value.is_nil() && map.text("value").is_none()) => {
                    inputs.set(of, &name, value.clone(), priority);
                }
                _ => inputs.describe(of, &name, "name", name.as_ref().into()),
            }
        }
    }

    /// Reads and evaluates the libraries. One may need another that comes after it by its name, so
    /// what fails is tried again when all are read.
    fn libraries(&mut self, place: &str, files: &BTreeMap<String, Vec<u8>>) {
        let mut open: Vec<(String, &Vec<u8>)> = files
            .iter()
            .filter(|(path, _)| path.starts_with("libraries/") && path.ends_with(".rb"))
            .map(|(path, bytes)| (format!("{place}/{path}"), bytes))
            .collect();
        for last in [false, true] {
            let mut failed = Vec::new();
            for (name, bytes) in open {
                if let Err(why) = self.evaluate(&name, bytes) {
                    if last {
                        self.note_broken_library(bytes, &why.1);
                    }
                    failed.push((name, bytes));
                }
            }
            open = failed;
        }
    }

    /// Resources that a library would have defined need Ruby, by the names that its text gives.
    fn note_broken_library(&mut self, bytes: &[u8], why: &str) {
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines() {
            let Some(rest) = line.trim().strip_prefix("name") else { continue };
            let name = rest.trim().trim_matches(['(', ')', '\'', '"', ' ']);
            let word = !name.is_empty()
                && rest.starts_with([' ', '('])
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if word && !self.machine.state.libraries.contains_key(name) {
                self.machine.state.broken_libraries.insert(name.into(), why.to_owned());
            }
        }
    }

    fn controls(&mut self, place: &str, files: &BTreeMap<String, Vec<u8>>, loaded: &mut Loaded) {
        let wanted = files.iter().filter(|(path, _)| declares_controls(path));
        for (path, bytes) in wanted {
            let before = self.machine.state.controls.len();
            let name = format!("{place}/{path}");
            let at = At { file: self.number(), line: 1 };
            if let Err((status, why)) = self.evaluate(&name, bytes) {
                loaded.broken.push((name, status, why, at));
            }
            for (at, why) in std::mem::take(&mut self.machine.state.unknown_in_file) {
                let name = self.machine.place(at);
                loaded.broken.push((name, Status::NotKnownHere, why, at));
            }
            let new = self.machine.state.controls.get(before..).unwrap_or_default();
            loaded.groups.push(ControlGroup {
                id: path.clone(),
                title: None,
                controls: new.iter().map(|control| control.name.to_string()).collect(),
            });
        }
        loaded.controls = std::mem::take(&mut self.machine.state.controls);
    }

    fn evaluate(&mut self, name: &str, bytes: &[u8]) -> Result<(), (Status, String)> {
        let number = self.number();
        let file = Rc::new(parse(name, bytes, number));
        self.machine.files.push(file.clone());
        let program = match &file.program {
            Ok(program) => program.clone(),
            Err((why, line)) => return Err((Status::Error, format!("{why} ({name}:{line})"))),
        };
        let id = self.machine.frame_id();
        let context = FileContext { id, skip: RefCell::default(), conditions: RefCell::default() };
        let frame = Frame {
            me: Value::Context(Context::File(Rc::new(context))),
            scope: Rc::new(Scope::default()),
            block: None,
            id,
            call: 0,
            method: None,
        };
        self.machine.meter.refill();
        self.machine.meter.depth = 0;
        let result: Eval = self.machine.eval(&program, &frame);
        match result {
            Ok(_) => Ok(()),
            Err(stop) => Err(self.machine.stopped(&stop)),
        }
    }

    fn report(&self, control: &Control, verdict: Verdict) -> ControlReport {
        let descriptions = control.descriptions.borrow();
        let default = descriptions.iter().find(|(label, _)| &**label == "default");
        let tags = control.tags.borrow();
        let tag = |(key, value): (&Value, &Value)| (key.text().to_string(), json(value));
        ControlReport {
            desc: default.map(|(_, text)| text.to_string()),
            descriptions: descriptions
                .iter()
                .map(|(label, text)| (label.to_string(), text.to_string()))
                .collect(),
            refs: control.refs.borrow().iter().map(json).collect(),
            tags: tags.iter().map(tag).collect(),
            code: control.code.to_string(),
            waiver: self.machine.state.waivers.data(&control.name),
            verdict,
        }
    }

    /// A file that cannot be read whole is a result of its own.
    fn broken(
        &self,
        profile: &str,
        file: &str,
        status: Status,
        message: &str,
        at: At,
    ) -> ControlReport {
        let name: Rc<str> = format!("(file {file})").into();
        let control = Control::new(0, &name, &profile.into(), at, "".into());
        let origin = self.machine.origin(at);
        let result = forge_model::CheckResult {
            text: format!("Control Source Code Error {file} "),
            status,
            message: Some(message.to_owned()),
            evidence: None,
            vacuous: false,
            origin: origin.clone(),
            provenance: None,
            exception: Some("ProfileLoadError".to_owned()),
        };
        let verdict = Verdict {
            control: name.to_string(),
            profile: profile.to_owned(),
            title: "What could not be read".to_owned(),
            impact: 0.5,
            level: self.machine.target.level(),
            status,
            results: vec![result],
            origin,
            waiver: None,
        };
        self.report(&control, verdict)
    }

    fn inputs(&self, profile: &str) -> Vec<serde_json::Value> {
        let profile: Rc<str> = profile.into();
        let inputs = &self.machine.state.inputs;
        let input = |(name, input): (&str, &crate::inputs::Input)| {
            let mut options = serde_json::Map::new();
            for (key, value) in &input.options {
                if key != "name" {
                    options.insert(key.clone(), json(value));
                }
            }
            let sensitive = input.options.get("sensitive").is_some_and(Value::truthy);
            let value = match inputs.get(&profile, name) {
                Some(_) if sensitive => "***".into(),
                Some(value) => json(&value),
                None => serde_json::Value::Null,
            };
            options.insert("value".to_owned(), value);
            serde_json::json!({ "name": name, "options": options })
        };
        inputs.of(&profile).map(input).collect()
    }
}

/// Over the names and contents of all files.
fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    crate::resources::walk::hex(&hasher.finalize())
}

/// A value in JSON.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Array(items) => items.borrow().iter().map(json).collect(),
        Value::Set(_) => value.clone().into_items().iter().map(json).collect(),
        Value::Hash(map) => {
            let pairs = map.borrow();
            let pair = |(key, value): (&Value, &Value)| (key.text().to_string(), json(value));
            pairs.iter().map(pair).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.text().as_ref().into(),
    }
}

impl Machine<'_> {
    /// `include_controls` and `require_controls`.
    pub(crate) fn include_controls(&mut self, include: &Rc<Include>) -> Result<(), Stop> {
        let Some(controls) = self.state.loaded.get(&include.profile).cloned() else {
            let why =
                format!("Cannot load '{}' since it is not listed as a dependency", include.profile);
            return Err(self.raise("RuntimeError", why));
        };
        let (named, skipped) = (include.named.borrow(), include.skipped.borrow());
        for control in controls {
            let wanted = !include.only_named || named.contains(&control.name);
            if !wanted || skipped.contains(&control.name) {
                continue;
            }
            for changed in include.changed.borrow().iter() {
                if changed.name == control.name {
                    control.merge(changed);
                }
            }
            let of_file = include.file.conditions.borrow();
            control.conditions.borrow_mut().extend(of_file.iter().cloned());
            if let Some(Refusal { message }) = include.file.skip.borrow().clone() {
                *control.skip.borrow_mut() =
                    Some(crate::control::Skip { holds: true, message, unknown: None });
            }
            self.state.controls.push(control);
        }
        Ok(())
    }

    /// `inspec.profile.file(name)`.
    pub(crate) fn profile_file(&mut self, args: &[Value]) -> Eval {
        let name = args.first().map_or("".into(), Value::text);
        if let Some(bytes) = self.state.profile_files.get(&*name) {
            Ok(String::from_utf8_lossy(bytes).into_owned().into())
        } else {
            let why = format!("the profile has no file `{name}` in `files`");
            Err(no_answer(forge_model::NoAnswer::Failed(why)))
        }
    }

    pub(crate) fn profile_files(&self) -> Value {
        Value::strings(self.state.profile_files.keys())
    }
}
