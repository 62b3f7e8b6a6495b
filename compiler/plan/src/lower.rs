//! What stands on what: the phases of an image.
//!
//! First what brings programs, part by part: base, kernel, then each role in the order in which
//! the image names them: its repositories, early accounts and files, packages. Then, over all parts
//! in the same order: accounts, files, units, run, remove, secrets, stamp; each part's share is a
//! layer of its own. Nothing of a later role lies below an earlier role's packages, so images with
//! the same first roles share those layers. Scripts may ask for another place ([`StepPlace`]).

use std::collections::BTreeMap;
use std::mem::take;

use forge_diag::{Diagnostic, SourceMap, codes};
use forge_model::{
    Action, Base, Change, ChangeKind, Changes, Control, DeclaredPath, EdgeRole, Fetch, Image,
    ImagePath, InspecProfile, Level, Located, NodeId, Origin, Pack, PackageSources, Packages,
    Protected, Resolve, Run, SecretFile, SecretReference, Secrets, Shared, SourceFile, Stamp,
    Unpack, User, Verdict, Verify,
};
use forge_spec::{BaseKind, ItemKind, Part, Phase, ResolvedImage, StepPlace};

use crate::graph::{Handle, Steps};
use crate::items::{ImageChanges, PartChanges, delivered};
use crate::packaging::{Packaging, Settings};

/// What the phases cannot do, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowerError {
    /// One line.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// Where.
    pub origin: Origin,
}

/// The path that a change declares.
fn declared(change: &Change) -> Option<DeclaredPath> {
    let path = match &change.what {
        ChangeKind::User(User { name, home, keys, .. }) if !keys.is_empty() => {
            forge_spec::keys_file(name, home.as_deref())?
        }
        what => what.path()?.clone(),
    };
    Some(DeclaredPath { path, origin: change.origin.clone() })
}

/// What is known of an image beside what its spec resolves to: from the spec alone, and from files
/// of the project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Results of controls.
    pub verdicts: Vec<Verdict>,
    /// Needs that only the built image can tell of.
    pub open: Vec<Shared<Control>>,
    /// The profiles of `InSpec` that it is judged by.
    pub inspec: Vec<Shared<InspecProfile>>,
}

/// An image whose nodes are numbered as its own steps are.
#[derive(Debug)]
pub(crate) struct ImageSteps {
    pub(crate) image: Image,
    pub(crate) steps: Steps,
}

/// The steps of one image. `changes` are those of its parts, and go into the steps as they are.
pub(crate) fn image_steps(
    image: &ResolvedImage,
    mut changes: ImageChanges,
    known: Known,
) -> Result<ImageSteps, LowerError> {
    let mut lowering = ImageLowering {
        steps: Steps::default(),
        image,
        layers: Vec::new(),
        installed: None,
        packaging: Packaging::default(),
        fetched: BTreeMap::new(),
        protects: protects(image, &changes),
        declared: BTreeMap::new(),
        nothing: Protected::default(),
    };
    lowering.all(&mut changes.0)?;
    let image = lowering.finish(known);
    Ok(ImageSteps { image, steps: lowering.steps })
}

/// Whether a step of an image has to be told what it may not touch.
fn protects(image: &ResolvedImage, changes: &ImageChanges) -> bool {
    let mut items = image.parts.iter().flat_map(|part| &part.items);
    items.any(|item| matches!(item.kind, ItemKind::Run { .. }))
        || changes.0.iter().any(|part| !part.remove.is_empty())
}

struct ImageLowering<'a> {
    steps: Steps,
    image: &'a ResolvedImage,
    /// Layers so far, from the bottom up.
    layers: Vec<Handle>,
    /// The last resolved list: it stands on all before it.
    installed: Option<Handle>,
    /// What the parts so far say of sources and versions.
    packaging: Packaging,
    /// Files that are fetched, by their hash.
    fetched: BTreeMap<String, Handle>,
    /// Paths that the layers so far declare, and where: each at its first place.
    declared: BTreeMap<ImagePath, Origin>,
    /// Whether a step has to be told of them.
    protects: bool,
    /// What a step is told that may change anything.
    nothing: Protected,
}

/// What one package step asks for.
struct Wanted<'a> {
    names: Vec<Located<String>>,
    files: Vec<Located<SourceFile>>,
    recommends: bool,
    settings: Settings,
    origin: &'a Origin,
}

impl ImageLowering<'_> {
    /// All steps but those that need the finished tree.
    fn all(&mut self, changes: &mut [PartChanges]) -> Result<(), LowerError> {
        // Before everything else: what cannot be had ends a build at its beginning.
        self.fetches();
        self.base();
        self.kernel()?;
        let parts = &self.image.parts;
        for (part, changes) in parts.iter().zip(&mut *changes) {
            self.changes(part, Phase::Repositories, take(&mut changes.repositories));
            self.changes(part, Phase::EarlyAccounts, take(&mut changes.early_accounts));
            self.changes(part, Phase::EarlyFiles, take(&mut changes.early_files));
            self.runs(part, StepPlace::Before(Phase::Packages));
            self.packages(part)?;
            self.runs(part, StepPlace::AfterPackages);
        }
        self.all_runs(StepPlace::Before(Phase::Accounts));
        for (part, changes) in parts.iter().zip(&mut *changes) {
            self.changes(part, Phase::Accounts, take(&mut changes.accounts));
        }
        self.all_runs(StepPlace::Before(Phase::Unpack));
        self.unpacks();
        self.all_runs(StepPlace::Before(Phase::Files));
        for (part, changes) in parts.iter().zip(&mut *changes) {
            self.changes(part, Phase::Files, take(&mut changes.files));
        }
        self.all_runs(StepPlace::Before(Phase::Units));
        for (part, changes) in parts.iter().zip(&mut *changes) {
            self.changes(part, Phase::Units, take(&mut changes.units));
        }
        for place in [StepPlace::Before(Phase::Run), StepPlace::Usual] {
            self.all_runs(place);
        }
        self.all_runs(StepPlace::Before(Phase::Remove));
        let (declared, nothing) = (self.protected(), self.nothing.clone());
        for (part, changes) in parts.iter().zip(&mut *changes) {
            let protected = if changes.remove_overrides { &nothing } else { &declared };
            self.file_layer(part, Phase::Remove, take(&mut changes.remove), protected);
        }
        self.all_runs(StepPlace::Before(Phase::Secrets));
        Ok(())
    }

    fn push(&mut self, label: String, action: Action, list: Option<Handle>, origins: Vec<Origin>) {
        let mut inputs = Vec::new();
        inputs.extend(list.map(|list| (list, EdgeRole::List)));
        inputs.extend(self.layers.last().map(|below| (*below, EdgeRole::Lower)));
        let layer = self.steps.add(label, action, inputs, origins);
        self.layers.push(layer);
    }

    fn fetches(&mut self) {
        let items = self.image.parts.iter().flat_map(|part| &part.items);
        let sources = items.flat_map(|item| match &item.kind {
            ItemKind::Unpack { source, .. } => std::slice::from_ref(source),
            ItemKind::Run { fetched, .. } => fetched.as_slice(),
            _ => &[],
        });
        for source in sources {
            if self.fetched.contains_key(&source.sha256) {
                continue;
            }
            let (label, origins) = (format!("fetch {}", source.name), vec![source.origin.clone()]);
            let action = Action::Fetch(Box::new(source.clone()));
            let handle = self.steps.add(label, action, Vec::new(), origins);
            self.fetched.insert(source.sha256.clone(), handle);
        }
    }

    fn unpacks(&mut self) {
        for part in &self.image.parts {
            for item in &part.items {
                let ItemKind::Unpack { source, into, strip, owner, group, setuid } = &item.kind
                else {
                    continue;
                };
                let unpack = Unpack {
                    source: source.name.clone(),
                    into: into.clone(),
                    strip: *strip,
                    owner: owner.clone(),
                    group: group.clone(),
                    setuid: *setuid,
                    overrides: item.overrides,
                    origin: item.origin.clone(),
                };
                let label = format!("{}/{} {}", part.name, Phase::Unpack.name(), source.name);
                let sources = std::slice::from_ref(source);
                self.push_with(
                    label,
                    Action::Unpack(Box::new(unpack)),
                    sources,
                    item.origin.clone(),
                );
            }
        }
    }

    /// A layer that uses fetched files.
    fn push_with(&mut self, label: String, action: Action, sources: &[Fetch], origin: Origin) {
        let fetched = sources.iter().filter_map(|source| self.fetched.get(&source.sha256));
        let mut inputs: Vec<_> = fetched.map(|handle| (*handle, EdgeRole::Source)).collect();
        inputs.extend(self.layers.last().map(|below| (*below, EdgeRole::Lower)));
        let layer = self.steps.add(label, action, inputs, vec![origin]);
        self.layers.push(layer);
    }

    fn base(&mut self) {
        let base = &self.image.base;
        let arch = base.arch.clone();
        let origins = vec![base.origin.clone()];
        let label = format!("base {}", base.name);
        let (action, list) = match &base.kind {
            BaseKind::Debian { sources, include, exclude_paths } => {
                let resolve = Resolve {
                    arch: arch.clone(),
                    sources: sources.clone(),
                    repositories: Vec::new(),
                    pins: Vec::new(),
                    holds: Vec::new(),
                    base: true,
                    names: include.clone(),
                    files: Vec::new(),
                    recommends: false,
                };
                let list = self.resolve(label.clone(), resolve, origins.clone());
                let (sources, exclude_paths) = (sources.clone(), exclude_paths.clone());
                (Base::Debian { arch, sources, exclude_paths }, Some(list))
            }
            BaseKind::Archive { source } => (Base::Archive { arch, source: source.clone() }, None),
            BaseKind::Tree { directory, files } => {
                let (directory, files) = (directory.clone(), files.clone());
                (Base::Tree { arch, directory, files }, None)
            }
        };
        self.push(label, Action::Base(Box::new(action)), list, origins);
    }

    fn resolve(&mut self, label: String, resolve: Resolve, origins: Vec<Origin>) -> Handle {
        let inputs: Vec<_> =
            self.installed.iter().map(|before| (*before, EdgeRole::Installed)).collect();
        let label = format!("{label}, package list");
        let action = Action::Resolve(Box::new(resolve));
        let list = self.steps.add(label, action, inputs, origins);
        self.installed = Some(list);
        list
    }

    fn sources(&self, origin: &Origin) -> Result<PackageSources, LowerError> {
        match &self.image.base.kind {
            BaseKind::Debian { sources, .. } => Ok(sources.clone()),
            BaseKind::Archive { .. } | BaseKind::Tree { .. } => Err(LowerError {
                message: format!(
                    "image `{}` asks for packages, but its base `{}` has no package sources",
                    self.image.name, self.image.base.name
                ),
                help: "use a `debian` base, or put the packages into the base".to_owned(),
                origin: origin.clone(),
            }),
        }
    }

    fn kernel(&mut self) -> Result<(), LowerError> {
        let Some(kernel) = &self.image.kernel else { return Ok(()) };
        let origin = kernel.package.origin.clone();
        let wanted = Wanted {
            names: vec![kernel.package.clone()],
            files: Vec::new(),
            recommends: false,
            settings: Settings::default(),
            origin: &origin,
        };
        self.install("kernel".to_owned(), wanted)
    }

    fn packages(&mut self, part: &Part) -> Result<(), LowerError> {
        let mut settings = self.packaging.add(part);
        let mut steps = Vec::new();
        for recommends in [false, true] {
            let wanted = || part.packages.iter().filter(|node| node.recommends == recommends);
            let names: Vec<_> = wanted().flat_map(|node| node.names.iter().cloned()).collect();
            let files: Vec<_> = wanted().flat_map(|node| node.files.iter().cloned()).collect();
            if !names.is_empty() || !files.is_empty() {
                steps.push((names, files, recommends));
            }
        }
        if steps.is_empty() && settings.origin().is_some() {
            steps.push((Vec::new(), Vec::new(), false));
        }
        let last = steps.len().saturating_sub(1);
        for (index, (names, files, recommends)) in steps.into_iter().enumerate() {
            // Questions are answered before the first packages, holds set after the last.
            let step = Settings {
                answers: take(&mut settings.answers),
                holds: if index == last { take(&mut settings.holds) } else { Vec::new() },
            };
            let places = names.iter().map(|name| &name.origin);
            let places = places.chain(files.iter().map(|file| &file.origin)).chain(step.origin());
            let origin = places.into_iter().next().unwrap_or(&part.origin).clone();
            let suffix = match (names.is_empty() && files.is_empty(), recommends) {
                (true, _) => "package settings",
                (false, false) => "packages",
                (false, true) => "packages, with recommended",
            };
            let wanted = Wanted { names, files, recommends, settings: step, origin: &origin };
            self.install(format!("{}/{suffix}", part.name), wanted)?;
        }
        Ok(())
    }

    fn install(&mut self, label: String, wanted: Wanted<'_>) -> Result<(), LowerError> {
        let Wanted { names, files, recommends, settings, origin } = wanted;
        let Settings { answers, holds } = settings;
        let arch = self.image.base.arch.clone();
        let sources = self.sources(origin)?;
        let mut origins: Vec<_> = names.iter().map(|name| name.origin.clone()).collect();
        origins.extend(files.iter().map(|file| file.origin.clone()));
        if origins.is_empty() {
            origins.push(origin.clone());
        }
        let Packaging { repositories, pins, holds: held } = self.packaging.clone();
        let resolve = Resolve {
            arch: arch.clone(),
            sources,
            repositories,
            pins,
            holds: held,
            base: false,
            names: names.clone(),
            files,
            recommends,
        };
        let list = self.resolve(label.clone(), resolve, origins.clone());
        let packages = Packages { arch, names, answers, holds };
        self.push(label, Action::Packages(Box::new(packages)), Some(list), origins);
        Ok(())
    }

    fn changes(&mut self, part: &Part, phase: Phase, changes: Vec<Shared<Change>>) {
        let paths = changes.iter().filter(|_| self.protects).filter_map(|change| declared(change));
        for DeclaredPath { path, origin } in paths {
            let first = self.declared.entry(path).or_insert_with(|| origin.clone());
            if origin < *first {
                *first = origin;
            }
        }
        self.file_layer(part, phase, changes, &self.nothing.clone());
    }

    /// What the next step may not change.
    fn protected(&self) -> Protected {
        let declared = self.declared.iter();
        let declared = declared
            .map(|(path, origin)| DeclaredPath { path: path.clone(), origin: origin.clone() });
        declared.collect::<Vec<_>>().into()
    }

    fn file_layer(
        &mut self,
        part: &Part,
        phase: Phase,
        changes: Vec<Shared<Change>>,
        protected: &Protected,
    ) {
        if changes.is_empty() {
            return;
        }
        let origins = changes.first().map(|change| change.origin.clone()).into_iter().collect();
        let action = Action::Changes(Changes { changes, protected: protected.clone() });
        self.push(format!("{}/{}", part.name, phase.name()), action, None, origins);
    }

    /// The scripts of all parts that stand at a place.
    fn all_runs(&mut self, at: StepPlace) {
        for part in &self.image.parts {
            self.runs(part, at);
        }
    }

    fn runs(&mut self, part: &Part, at: StepPlace) {
        for item in &part.items {
            let ItemKind::Run { name, script, inputs, fetched, environment, secrets, place } =
                &item.kind
            else {
                continue;
            };
            if *place != at {
                continue;
            }
            let run = Run {
                name: name.clone(),
                script: script.clone(),
                inputs: inputs.clone(),
                fetched: fetched.iter().map(|source| source.name.clone()).collect(),
                environment: environment.clone(),
                secrets: secrets.clone(),
                protected: if item.overrides { self.nothing.clone() } else { self.protected() },
                origin: item.origin.clone(),
            };
            let label = format!("{}/{} {name}", part.name, Phase::Run.name());
            self.push_with(label, Action::Run(Box::new(run)), fetched, item.origin.clone());
        }
    }

    fn secret_files(&self) -> Vec<SecretFile> {
        let files = delivered(self.image).filter_map(|item| match item.kind.clone() {
            ItemKind::SecretFile { path, secret, mode, owner, group } => {
                let origin = item.origin.clone();
                Some(SecretFile { path, mode, owner, group, secret, origin })
            }
            _ => None,
        });
        files.collect()
    }

    fn finish(&mut self, known: Known) -> Image {
        let image = self.image;
        let tree: Vec<_> = self.layers.clone();
        let files = self.secret_files();
        let delivered: Vec<SecretReference> =
            files.iter().map(|file| file.secret.clone()).collect();
        let secrets = (!files.is_empty()).then(|| {
            let origins = files.iter().map(|file| file.origin.clone()).collect();
            self.push(
                Phase::Secrets.name().to_owned(),
                Action::Secrets(Secrets { files }),
                None,
                origins,
            );
            self.layers.len() - 1
        });
        let verdicts = self.verdicts(known.open, known.inspec);
        self.stamp(delivered);
        let pack = self.pack(&verdicts, secrets.is_some());
        let ids = |handles: &[Handle]| handles.iter().map(|handle| handle.local()).collect();
        let layers: Vec<NodeId> = ids(&self.layers);
        Image {
            name: image.name.clone(),
            cluster: image.cluster.clone(),
            image_type: image.image_type.clone(),
            arch: image.base.arch.clone(),
            origin: image.origin.clone(),
            tree: ids(&tree),
            secrets: secrets.map(|index| layers[index]),
            stamp: layers[layers.len() - 1],
            layers,
            verdicts: ids(&verdicts),
            pack: pack.map(Handle::local),
            cmdline: image.kernel.as_ref().and_then(|kernel| kernel.cmdline.clone()),
            output: image.output.as_ref().map(|output| output.value.clone()),
            expect_failed: image.expect_failed.clone(),
            spec_verdicts: known.verdicts,
            waivers: image.waivers.clone(),
        }
    }

    /// One node for each level at which controls of this image are judged, and one for all profiles
    /// of `InSpec`. They look at all layers but the stamp, so that a new name does not test an old
    /// tree again.
    fn verdicts(
        &mut self,
        open: Vec<Shared<Control>>,
        inspec: Vec<Shared<InspecProfile>>,
    ) -> Vec<Handle> {
        let image = self.image;
        let controls = || image.profiles.iter().flat_map(|profile| &profile.controls);
        let mut handles = Vec::new();
        // What items need is asked first, and in a node of its own: another control asks nothing
        // of it again.
        if !open.is_empty() {
            let judged = self.judging(Level::Tree);
            handles.push(self.verdict("requirements", Verify { controls: open, ..judged }));
        }
        for level in [Level::Tree, Level::Container, Level::Booted] {
            let judged: Vec<_> = controls()
                .filter(|control| forge_judge::level_of(control) == level)
                .cloned()
                .collect();
            let booted = level == Level::Booted;
            let expect_failed = if booted { image.expect_failed.clone() } else { Vec::new() };
            if judged.is_empty() && expect_failed.is_empty() {
                continue;
            }
            let label = format!("controls, {}", level.name());
            let judged = Verify { controls: judged, expect_failed, ..self.judging(level) };
            handles.push(self.verdict(&label, judged));
        }
        if let Some(level) = inspec.iter().map(|profile| profile.level).max() {
            let judged = Verify { inspec, ..self.judging(level) };
            handles.push(self.verdict("controls, inspec", judged));
        }
        handles
    }

    fn judging(&self, level: Level) -> Verify {
        Verify {
            image: self.image.name.clone(),
            level,
            controls: Vec::new(),
            inspec: Vec::new(),
            expect_failed: Vec::new(),
        }
    }

    fn verdict(&mut self, label: &str, action: Verify) -> Handle {
        let controls = action.controls.iter().map(|one| &one.origin);
        let profiles = action.inspec.iter().map(|one| &one.origin);
        let mut origins: Vec<_> = controls.chain(profiles).cloned().collect();
        origins.push(self.image.origin.clone());
        let below = self.layers.last().map(|below| (*below, EdgeRole::Lower));
        let inputs: Vec<_> = below.into_iter().collect();
        self.steps.add(label.to_owned(), Action::Verify(Box::new(action)), inputs, origins)
    }

    fn stamp(&mut self, secrets: Vec<SecretReference>) {
        let image = self.image;
        let stamp = Stamp {
            image: image.name.clone(),
            cluster: image.cluster.clone(),
            image_type: image.image_type.clone(),
            cmdline: image.kernel.as_ref().and_then(|kernel| kernel.cmdline.clone()),
            output: image.output.as_ref().map(|output| output.value.clone()),
            secrets,
            origin: image.origin.clone(),
        };
        let origins = vec![image.origin.clone()];
        self.push(Phase::Stamp.name().to_owned(), Action::Stamp(Box::new(stamp)), None, origins);
    }

    fn pack(&mut self, verdicts: &[Handle], holds_secrets: bool) -> Option<Handle> {
        let image = self.image;
        let output = image.output.as_ref()?;
        let pack = Pack {
            image: image.name.clone(),
            cluster: image.cluster.clone(),
            image_type: image.image_type.clone(),
            arch: image.base.arch.clone(),
            output: output.value.clone(),
            holds_secrets,
            origin: output.origin.clone(),
        };
        let mut inputs: Vec<_> =
            self.layers.last().map(|top| (*top, EdgeRole::Lower)).into_iter().collect();
        inputs.extend(verdicts.iter().map(|verdict| (*verdict, EdgeRole::Verdict)));
        let origins = vec![output.origin.clone()];
        let action = Action::Pack(Box::new(pack));
        Some(self.steps.add("pack".to_owned(), action, inputs, origins))
    }
}

impl LowerError {
    /// The mistake with its label.
    pub fn diagnostic(&self, map: &SourceMap) -> Diagnostic {
        let Origin { file, line, column } = &self.origin;
        let diagnostic =
            Diagnostic::error(codes::PLAN_GRAPH, self.message.clone()).help(self.help.clone());
        match map.span_at(file, *line, *column) {
            Some(span) => diagnostic.at(span, "asked for here"),
            None => diagnostic,
        }
    }
}
