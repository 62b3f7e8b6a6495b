//! What images were made from, so that the next run can tell which of them are as they were.
//!
//! An image is made from its own node, from those of the images that it is made from, and from the
//! roles that it uses. What else is declared (bases, profiles, secrets, …) and everything that stands in
//! no spec counts for all images: where some of that has changed, none is as it was.

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{FileId, SourceMap, Span};
use forge_model::Digest;
use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::node::image::ImageDecl;
use crate::project::Project;

/// Runs of which images stand beside each other in one plan.
const RUNS: usize = 6;

/// What the images of a project were made from. Only a project that nothing was to be said of has one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// All spec files, those of the library included, in the order of their paths.
    files: Vec<SpecFile>,
    /// Names of roles, in their order.
    roles: Vec<String>,
    /// In the order of their names.
    images: Vec<RecordedImage>,
    /// What all images come to, at most.
    spent: u64,
}

/// One spec file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SpecFile {
    path: String,
    text: Digest,
    /// It declares images and roles alone.
    apart: bool,
}

/// One image. Files and roles are numbers in the lists of the record, images in this list.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecordedImage {
    name: String,
    /// The files of its nodes and of its roles.
    files: Vec<u32>,
    /// The roles that it uses.
    roles: Vec<u32>,
    /// Items and uses of roles that may override others, by file and bytes, and whether they did.
    overrides: Vec<(u32, u32, u32, bool)>,
    /// What is said of it hangs on more than its files.
    of_all: bool,
    /// How many runs before that of the record made it, each counted that some image is left of.
    age: u32,
    /// Earlier images, of which it takes steps over that say other places than its own would.
    after: Vec<u32>,
}

/// What was met while one image was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) name: String,
    /// Names of the roles that it uses.
    pub(crate) roles: BTreeSet<String>,
    /// Items and roles that may override others, and whether they did.
    pub(crate) overrides: BTreeMap<Span, bool>,
    /// What is said of it hangs on roles that it does not use.
    pub(crate) of_all: bool,
}

/// The spec files of a run, in the order of their paths, with their places in its map.
pub(crate) struct Files(Vec<(SpecFile, FileId)>);

impl Files {
    /// The files of a map that nothing but spec files was added to.
    pub(crate) fn of(project: &Project, map: &SourceMap) -> Self {
        let shared: BTreeSet<FileId> = project.for_all_images().collect();
        let file = |id: FileId| {
            let (path, text) = (map.path(id).to_string(), Digest::of(map.text(id).as_bytes()));
            (SpecFile { path, text, apart: !shared.contains(&id) }, id)
        };
        let mut files: Vec<_> = map.files().map(file).collect();
        files.sort_by(|one, other| one.0.path.cmp(&other.0.path));
        Self(files)
    }

    fn id(&self, path: &str) -> Option<FileId> {
        let at = self.0.binary_search_by(|(file, _)| file.path.as_str().cmp(path)).ok()?;
        self.0.get(at).map(|(_, id)| *id)
    }
}

impl Record {
    /// The record of a run, in which some images may be as they were in an earlier one.
    pub(crate) fn new(
        (project, files): (&Project, &Files),
        traces: &[Trace],
        (before, unchanged): (Option<&Self>, &BTreeSet<String>),
        budget: &Budget,
    ) -> Self {
        let numbers: BTreeMap<FileId, u32> = files.0.iter().map(|(_, id)| *id).zip(0..).collect();
        let roles: Vec<String> = project.roles.keys().cloned().collect();
        let by_name: BTreeMap<&String, u32> = project.roles.keys().zip(0..).collect();
        let image = |trace: &Trace| {
            let own = chain(project, &trace.name).map(|image| image.head.file);
            let used = trace.roles.iter().filter_map(|name| project.roles.get(name));
            let of_files = own.chain(used.map(|role| role.head.file));
            let of_files: BTreeSet<u32> =
                of_files.filter_map(|id| numbers.get(&id).copied()).collect();
            let place = |(span, does): (&Span, &bool)| {
                Some((*numbers.get(&span.file)?, span.start, span.end, *does))
            };
            let roles = trace.roles.iter().filter_map(|name| by_name.get(name).copied());
            RecordedImage {
                name: trace.name.clone(),
                files: of_files.into_iter().collect(),
                roles: roles.collect(),
                overrides: trace.overrides.iter().filter_map(place).collect(),
                of_all: trace.of_all,
                age: 0,
                after: Vec::new(),
            }
        };
        let mut record = Self {
            files: files.0.iter().map(|(file, _)| file.clone()).collect(),
            roles,
            images: traces.iter().map(image).collect(),
            spent: budget.spent(),
        };
        if let Some(before) = before {
            record.follow_as(before, unchanged);
        }
        record
    }

    /// Images that are as they were are one run older, and follow what they followed.
    fn follow_as(&mut self, before: &Self, unchanged: &BTreeSet<String>) {
        let now: BTreeMap<String, u32> =
            self.images.iter().map(|image| image.name.clone()).zip(0..).collect();
        let numbers: Vec<Option<u32>> =
            before.images.iter().map(|image| now.get(&image.name).copied()).collect();
        let same = || before.images.iter().filter(|image| unchanged.contains(&image.name));
        let ages: BTreeSet<u32> = same().map(|image| image.age).collect();
        let ages: BTreeMap<u32, u32> = ages.into_iter().zip(1..).collect();
        for image in same() {
            let age = ages.get(&image.age).copied().unwrap_or_default();
            let after = image.after.iter().filter_map(|at| *numbers.get(*at as usize)?).collect();
            let at = now.get(&image.name).and_then(|at| self.images.get_mut(*at as usize));
            if let Some(image) = at {
                image.after = after;
                image.age = age;
            }
        }
    }

    /// The images that are as they were, by their places in the record, with what was met while they
    /// were made.
    ///
    /// What many steps have in common is held once among the images that were made by one run. So that
    /// copies do not add up, images of [`RUNS`] runs stand beside each other at most.
    pub(crate) fn unchanged(&self, project: &Project, now: &Files) -> BTreeMap<String, Trace> {
        let Some(changed) = self.changed(now) else { return BTreeMap::new() };
        let ids: Vec<Option<FileId>> = self.files.iter().map(|file| now.id(&file.path)).collect();
        let mut same: BTreeMap<usize, Trace> = BTreeMap::new();
        for (index, image) in self.images.iter().enumerate() {
            let stands = !image.of_all
                && project.images.contains_key(&image.name)
                && !image.files.iter().any(|file| changed.contains(file))
                && image.after.iter().all(|other| same.contains_key(&(*other as usize)));
            if let Some(trace) = stands.then(|| self.trace(image, &ids)).flatten() {
                same.insert(index, trace);
            }
        }
        let ages = same.keys().filter_map(|index| self.images.get(*index)).map(|image| image.age);
        if ages.collect::<BTreeSet<u32>>().len() >= RUNS {
            return BTreeMap::new();
        }
        same.into_values().map(|trace| (trace.name.clone(), trace)).collect()
    }

    /// The files whose texts have changed, by number; none where more than images and roles has, or
    /// may have.
    fn changed(&self, now: &Files) -> Option<BTreeSet<u32>> {
        let before: BTreeMap<&str, (u32, &SpecFile)> =
            self.files.iter().zip(0..).map(|(file, at)| (file.path.as_str(), (at, file))).collect();
        let mut gone = before.clone();
        let mut changed = BTreeSet::new();
        for (file, _) in &now.0 {
            let known = gone.remove(file.path.as_str());
            if let Some((at, known)) = known.filter(|(_, known)| *known != file) {
                changed.insert(at);
                if !known.apart {
                    return None;
                }
            }
            if known.is_none_or(|(_, known)| known != file) && !file.apart {
                return None;
            }
        }
        if gone.values().any(|(_, file)| !file.apart) {
            return None;
        }
        changed.extend(gone.values().map(|(at, _)| *at));
        Some(changed)
    }

    fn trace(&self, image: &RecordedImage, ids: &[Option<FileId>]) -> Option<Trace> {
        let role = |number: &u32| self.roles.get(*number as usize).cloned();
        let place = |(file, start, end, does): &(u32, u32, u32, bool)| {
            let file = (*ids.get(*file as usize)?)?;
            Some((Span { file, start: *start, end: *end }, *does))
        };
        Some(Trace {
            name: image.name.clone(),
            roles: image.roles.iter().map(role).collect::<Option<_>>()?,
            overrides: image.overrides.iter().map(place).collect::<Option<_>>()?,
            of_all: false,
        })
    }

    /// What all images come to, at most.
    pub(crate) fn spent(&self) -> u64 {
        self.spent
    }

    /// Notes which earlier images each image takes steps over from that say other places than its own
    /// would: it is as it was only where they are. Both are numbers in the order of the images.
    pub fn follow<'a>(&mut self, after: impl IntoIterator<Item = &'a BTreeSet<u32>>) {
        for (image, after) in self.images.iter_mut().zip(after) {
            image.after.extend(after);
            image.after.sort_unstable();
            image.after.dedup();
        }
    }
}

/// An image and those that it is made from. Without a cycle: that would be reported.
fn chain<'a>(project: &'a Project, name: &str) -> impl Iterator<Item = &'a ImageDecl> {
    let above = |image: &&'a ImageDecl| project.images.get(&image.from.as_ref()?.value);
    std::iter::successors(project.images.get(name), above)
}
