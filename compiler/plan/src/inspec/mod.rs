//! Profiles of `InSpec`: what their directories hold, as far as that is known without running them.

mod at_spec;

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, SourceMap, codes};
use forge_inspec::outline::{self, Ids, MANIFESTS, Manifest};
use forge_model::{
    InspecInput, InspecProfile, InspecSkip, Origin, Shared, SourceError, SourceFile, Sources,
    Waiver, on_all_processors,
};
use forge_spec::ResolvedInspec;
use serde_json::Value as Json;

/// Profiles that need profiles that need profiles.
const MAX_DEPENDS: usize = 10;
/// The largest profile that is read, with those that it needs: the largest public one has 13 MB.
const MAX_FILES: usize = 50_000;
const MAX_BYTES: u64 = 256 << 20;
/// The largest file of controls that is looked at for their ids.
const MAX_FILE: u64 = 16 << 20;

pub(crate) use self::at_spec::{SpecRuns, violations};

/// Profiles by their names.
pub(crate) type Profiles = BTreeMap<String, Shared<InspecProfile>>;

/// Looks at every declared profile. One with a mistake is left out.
pub(crate) fn load_all(
    declared: &[ResolvedInspec],
    sources: &dyn Sources,
    map: &SourceMap,
) -> (Profiles, Vec<Diagnostic>) {
    let loaded = on_all_processors(declared, |profile| load(profile, sources, map));
    let (mut profiles, mut findings) = (Profiles::new(), Vec::new());
    for loaded in loaded {
        match loaded {
            Ok(profile) => {
                profiles.insert(profile.name.clone(), profile.into());
            }
            Err(found) => findings.extend(found),
        }
    }
    (profiles, findings)
}

/// A profile without the controls that waivers of an image keep from being judged.
pub(crate) fn without_waived(
    profile: &Shared<InspecProfile>,
    waivers: &[Waiver],
) -> Shared<InspecProfile> {
    let own = waivers.iter().filter(|waiver| !waiver.run && waiver.profile == profile.name);
    let skip = |waiver: &Waiver| InspecSkip {
        control: waiver.control.clone(),
        because: waiver.because.clone(),
        origin: waiver.origin.clone(),
    };
    let known = |skip: &InspecSkip| profile.skips.iter().any(|one| one.control == skip.control);
    let more: Vec<_> = own.map(skip).filter(|skip| !known(skip)).collect();
    if more.is_empty() {
        return profile.clone();
    }
    let skips = profile.skips.iter().cloned().chain(more).collect();
    InspecProfile { skips, ..(**profile).clone() }.into()
}

fn load(
    declared: &ResolvedInspec,
    sources: &dyn Sources,
    map: &SourceMap,
) -> Result<InspecProfile, Vec<Diagnostic>> {
    let directory = &declared.directory;
    let finding = |why: String| vec![found(why, &directory.origin, map)];
    let mut held = Held::new(sources);
    held.directory(&directory.value, &mut Vec::new()).map_err(finding)?;
    let mut found = Vec::new();
    let (ids, texts) = held.texts().map_err(finding)?;
    for skip in &declared.skips {
        if !ids.makes_some && !ids.written.contains(&skip.control) {
            let why = format!("profile `{}` has no control `{}`", declared.name, skip.control);
            let finding = self::found(why, &skip.origin, map);
            found.push(match near(&skip.control, &ids.written) {
                Some(near) => {
                    let finding = finding.help(format!("is `{near}` meant?"));
                    match finding.span() {
                        Some(span) => finding.offer_word(map, span, &skip.control, near),
                        None => finding,
                    }
                }
                None => finding,
            });
        }
    }
    for waiver in &declared.waivers {
        found.extend(unknown(waiver, &ids.written, ids.makes_some, map));
    }
    let mut inputs = Vec::new();
    for input in &declared.inputs {
        let known = held.inputs.get(&input.name);
        if known.is_none() && !texts.iter().any(|text| outline::mentions(text, &input.name)) {
            let why = format!("profile `{}` has no input `{}`", declared.name, input.name);
            let names: Vec<_> = held.inputs.keys().map(|name| format!("`{name}`")).collect();
            let help = (!names.is_empty()).then(|| format!("its inputs are {}", names.join(", ")));
            found.push(self::found(why, &input.origin, map).maybe_help(help));
            continue;
        }
        match typed(input, known.and_then(Option::as_deref)) {
            Ok(value) => inputs.push(InspecInput { value, ..input.clone() }),
            Err(why) => found.push(self::found(why, &input.origin, map)),
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    Ok(InspecProfile {
        name: declared.name.clone(),
        directory: directory.value.clone(),
        files: held.files.into_values().collect(),
        inputs,
        skips: declared.skips.clone(),
        level: declared.level,
        interpreter: outline::VERSION.to_owned(),
        controls: ids.written.into_iter().collect(),
        makes_ids: ids.makes_some,
        origin: declared.origin.clone(),
    })
}

fn found(why: String, origin: &Origin, map: &SourceMap) -> Diagnostic {
    let finding = Diagnostic::error(codes::CONTROL_INSPEC, why);
    match map.span_at(&origin.file, origin.line, origin.column) {
        Some(span) => finding.at(span, "declared here"),
        None => finding,
    }
}

/// That a waiver is of no control of the profile, as far as its files tell.
pub(crate) fn unknown<'a>(
    waiver: &Waiver,
    ids: impl IntoIterator<Item = &'a String> + Clone,
    makes_ids: bool,
    map: &SourceMap,
) -> Option<Diagnostic> {
    if makes_ids || ids.clone().into_iter().any(|id| *id == waiver.control) {
        return None;
    }
    let why = format!("profile `{}`: there is no control `{}`", waiver.profile, waiver.control);
    let near = near(&waiver.control, ids);
    let found = Diagnostic::error(codes::CONTROL_WAIVER, why)
        .maybe_help(near.map(|near| format!("is `{near}` meant?")));
    let Origin { file, line, column } = &waiver.origin;
    let Some(span) = map.span_at(file, *line, *column) else { return Some(found) };
    let found = found.at(span, "waived here");
    Some(match near {
        Some(near) => found.offer_word(map, span, &waiver.control, near),
        None => found,
    })
}

/// Ids that begin as a mistyped one does.
fn near<'a>(id: &str, ids: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    let common = |other: &str| other.chars().zip(id.chars()).take_while(|(a, b)| a == b).count();
    let best = ids.into_iter().max_by_key(|other| common(other))?;
    (common(best) > 0).then_some(best.as_str())
}

/// The value as the type in `inspec.yml` has it.
fn typed(input: &InspecInput, ty: Option<&str>) -> Result<Json, String> {
    let (name, value) = (&input.name, &input.value);
    let wrong =
        |wanted: &str| Err(format!("`inspec.yml` says that the input `{name}` is {wanted}"));
    match (ty.map(str::to_ascii_lowercase).as_deref(), value) {
        (Some("array"), Json::Array(_)) => Ok(value.clone()),
        (Some("array"), one) => Ok(Json::Array(vec![one.clone()])),
        (Some("string" | "regexp"), other) if !other.is_string() => wrong("a text"),
        (Some("numeric"), other) if !other.is_number() => wrong("a number"),
        (Some("boolean"), other) if !other.is_boolean() => wrong("a truth value"),
        (Some("hash"), _) => wrong("a table of names and values, which no `input` can give"),
        _ => Ok(value.clone()),
    }
}

/// What profiles hold, one and those that it needs.
struct Held<'a> {
    sources: &'a dyn Sources,
    files: BTreeMap<String, SourceFile>,
    /// Files that declare controls, and other files of Ruby.
    ruby: BTreeMap<String, bool>,
    inputs: BTreeMap<String, Option<String>>,
    done: BTreeSet<String>,
    bytes: u64,
}

impl<'a> Held<'a> {
    fn new(sources: &'a dyn Sources) -> Self {
        Self {
            sources,
            files: BTreeMap::new(),
            ruby: BTreeMap::new(),
            inputs: BTreeMap::new(),
            done: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// Adds the files of a directory, and those of the profiles that it needs.
    fn directory(&mut self, directory: &str, stack: &mut Vec<String>) -> Result<(), String> {
        if stack.iter().any(|open| open == directory) || stack.len() >= MAX_DEPENDS {
            let way = stack.join("` needs `");
            return Err(format!("profiles need each other: `{way}` needs `{directory}`"));
        }
        if !self.done.insert(directory.to_owned()) {
            return Ok(());
        }
        let failed = |path: &str, error: &SourceError| format!("`{path}`: {error}");
        let entries = self.sources.list(directory).map_err(|error| failed(directory, &error))?;
        let prefix = format!("{directory}/");
        let mut manifest = None;
        for entry in entries {
            let Some(inside) = entry.path.strip_prefix(&prefix) else { continue };
            if !outline::is_part(inside) {
                continue;
            }
            let stat = self.sources.stat(&entry.path).map_err(|why| failed(&entry.path, &why))?;
            self.bytes += stat.size;
            if self.files.len() >= MAX_FILES || self.bytes > MAX_BYTES {
                let most = MAX_BYTES >> 20;
                return Err(format!(
                    "`{directory}`: a profile has at most {MAX_FILES} files and {most} MiB"
                ));
            }
            if manifest.is_none() && MANIFESTS.contains(&inside) {
                manifest = Some(entry.path.clone());
            }
            if inside.ends_with(".rb") {
                self.ruby.insert(entry.path.clone(), outline::declares_controls(inside));
            }
            let (path, digest, size) = (entry.path.clone(), stat.digest, stat.size);
            let file = SourceFile { path, digest, size, executable: stat.executable };
            self.files.insert(entry.path, file);
        }
        let manifest = manifest.ok_or_else(|| {
            format!("`{directory}` is no profile of InSpec: it has no `inspec.yml`")
        })?;
        let text = self.text(&manifest)?;
        let read = Manifest::parse(&text).map_err(|why| format!("`{manifest}`: {why}"))?;
        for (name, ty) in read.inputs {
            self.inputs.entry(name).or_insert(ty);
        }
        stack.push(directory.to_owned());
        for (name, path) in read.depends {
            self.dependency(&manifest, directory, &name, path.as_deref(), stack)?;
        }
        stack.pop();
        Ok(())
    }

    fn dependency(
        &mut self,
        manifest: &str,
        directory: &str,
        name: &str,
        path: Option<&str>,
        stack: &mut Vec<String>,
    ) -> Result<(), String> {
        let Some(path) = path else {
            return Err(format!(
                "`{manifest}` needs the profile `{name}` from elsewhere: copy it into the project \
                 and give its `path`"
            ));
        };
        let other = outline::dependency(directory, path);
        if other.starts_with(['/', '.']) {
            return Err(format!(
                "`{manifest}` needs the profile `{name}` at `{path}`, which is not in the project"
            ));
        }
        self.directory(&other, stack).map_err(|why| match self.sources.list(&other) {
            Err(SourceError::NotFound) => {
                format!("`{manifest}` needs the profile `{name}`: there is no directory `{other}`")
            }
            _ => why,
        })
    }

    fn text(&self, path: &str) -> Result<String, String> {
        let bytes = self.sources.read_at_most(path, MAX_FILE);
        let bytes = bytes.map_err(|error| format!("`{path}`: {error}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The ids of the controls, and the texts of all files of Ruby.
    fn texts(&self) -> Result<(Ids, Vec<String>), String> {
        let (mut ids, mut texts) = (Ids::default(), Vec::new());
        for (path, declares) in &self.ruby {
            let text = self.text(path)?;
            if *declares {
                ids.add(&text);
            }
            texts.push(text);
        }
        Ok((ids, texts))
    }
}
