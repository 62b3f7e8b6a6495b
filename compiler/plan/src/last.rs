//! The plan of the last run, taken over where nothing that it was made from has changed.
//!
//! A compiled project depends on what its sources answer and on nothing else. So every question that
//! compiling asks is written down with a digest of its answers, beside the plan; a later run asks the
//! same questions first. Where all answers are the same, so is the plan. Where nothing but spec files
//! differs, images are taken over that none of these files is for. Otherwise the project is compiled
//! anew. What was answered until then is not asked twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forge_model::{
    Digest, LIBRARY, NodeId, Plan, SourceEntry, SourceError, SourceNode, SourceStat, Sources,
    on_all_processors,
};
use forge_spec::Record;
use serde::{Deserialize, Serialize};

use crate::builder::LastPlan;
use crate::graph::Placed;

/// Questions that compiling a project asked, each once, in one order.
#[derive(Default, Serialize, Deserialize)]
struct Questions {
    /// Spec files that were read, with how many bytes they may have.
    texts: Vec<(String, u64)>,
    /// Other files that were read, likewise.
    read: Vec<(String, u64)>,
    /// Files that were asked for their digest.
    stat: Vec<String>,
    /// Directories that were listed.
    listed: Vec<String>,
    /// Directories whose trees were listed.
    trees: Vec<String>,
}

/// What a plan was made from. It stands apart from the plan, which is large: that is read only when it
/// is taken over, and names by a digest what it was made from.
#[derive(Serialize, Deserialize)]
struct MadeFrom {
    questions: Questions,
    /// Over the list of spec files and their contents.
    texts: Digest,
    /// Over all other answers.
    others: Digest,
    /// Of the images, which stand apart too: they are read only when spec files have changed.
    images: Option<Digest>,
}

/// What is kept of the images beside the plan.
#[derive(Serialize, Deserialize)]
struct Images {
    record: Record,
    /// The steps of each image in its own order, in the order of the images.
    steps: Vec<Vec<NodeId>>,
}

/// What the last run left.
pub(crate) enum Last {
    /// Nothing that is of use.
    Nothing,
    /// A plan that is still right.
    Same(Plan),
    /// What images were made from: everything but spec files is as it was.
    Images(LastImages),
}

/// The images of the last run.
pub(crate) struct LastImages {
    /// What they were made from.
    pub(crate) record: Record,
    steps: Vec<Vec<NodeId>>,
    /// What their plan was made from.
    of: Digest,
}

/// Sources that remember what they were asked and what they answered.
pub(crate) struct Asked<'a> {
    sources: &'a dyn Sources,
    specs: OnceLock<Result<Vec<SourceEntry>, SourceError>>,
    texts: Mutex<BTreeMap<(String, u64), Digest>>,
    read: Mutex<BTreeMap<(String, u64), Digest>>,
    stat: Mutex<BTreeMap<String, Result<SourceStat, SourceError>>>,
    listed: Mutex<BTreeMap<String, Digest>>,
    trees: Mutex<BTreeMap<String, Digest>>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(sources: &'a dyn Sources) -> Self {
        Self {
            sources,
            specs: OnceLock::new(),
            texts: Mutex::default(),
            read: Mutex::default(),
            stat: Mutex::default(),
            listed: Mutex::default(),
            trees: Mutex::default(),
        }
    }

    /// What the last run left, by the answers that its questions have now.
    pub(crate) fn last(&self) -> Last {
        self.left().unwrap_or(Last::Nothing)
    }

    fn left(&self) -> Option<Last> {
        let made_from = self.sources.recall(&made_from())?;
        let of = Digest::of(&made_from);
        let MadeFrom { questions, texts, others, images } =
            postcard::from_bytes(&made_from).ok()?;
        let Questions { texts: spec_files, read, stat, listed, trees } = questions;
        let contents = |(path, most): &(String, u64)| content(self.sources.stat(path), *most);
        let spec_files = on_all_processors(&spec_files, contents);
        let same = texts == over_texts(&self.specs(), spec_files);
        let Some(images) = images.filter(|_| !same) else {
            let same = same && others == self.others(&read, &stat, &listed, &trees);
            return same.then(|| self.plan_of(of)).flatten().map(Last::Same);
        };
        if others != self.others(&read, &stat, &listed, &trees) {
            return None;
        }
        let kept = self.sources.recall(&made_images())?;
        if Digest::of(&kept) != images {
            return None;
        }
        let Images { record, steps } = postcard::from_bytes(&kept).ok()?;
        Some(Last::Images(LastImages { record, steps, of }))
    }

    /// The plan of the last run's images; none where another run has written another one since.
    pub(crate) fn plan_of_images<'b>(&self, images: &'b LastImages) -> Option<LastPlan<'b>> {
        Some(LastPlan::new(self.plan_of(images.of)?, &images.steps))
    }

    /// Over the answers that all questions other than for spec files have now.
    fn others(
        &self,
        read: &[(String, u64)],
        stat: &[String],
        listed: &[String],
        trees: &[String],
    ) -> Digest {
        let now = on_all_processors(read, |(path, most)| content(self.sources.stat(path), *most));
        lock(&self.read).extend(read.iter().cloned().zip(now));
        on_all_processors(stat, |path| drop(self.stat(path)));
        for path in listed {
            drop(self.list(path));
        }
        for path in trees {
            drop(self.tree(path));
        }
        self.over_others()
    }

    /// Over all answers so far, other than to questions for spec files.
    fn over_others(&self) -> Digest {
        let read = lock(&self.read);
        let (stat, listed, trees) = (lock(&self.stat), lock(&self.listed), lock(&self.trees));
        let read = read.values().copied();
        let others = read.chain(stat.values().map(over_stat));
        over(others.chain(listed.values().copied()).chain(trees.values().copied()))
    }

    /// Whether a file is a spec file.
    fn is_spec(&self, path: &str) -> bool {
        if path.strip_prefix(LIBRARY).is_some_and(|rest| rest.starts_with('/')) {
            return path.ends_with(".kdl");
        }
        let Some(Ok(specs)) = self.specs.get() else { return false };
        specs.binary_search_by(|spec| (*spec.path).cmp(path)).is_ok()
    }

    /// The kept plan that was made from this.
    fn plan_of(&self, made_from: Digest) -> Option<Plan> {
        let bytes = self.sources.last_plan()?;
        let (of, plan) = bytes.split_first_chunk::<32>()?;
        // Another run may have written one of the two meanwhile.
        if of != made_from.as_bytes() {
            return None;
        }
        Plan::recall(plan)
    }

    /// Gives the plan that was made with these answers to the sources, with what its images were made
    /// from where they may be taken over by themselves.
    pub(crate) fn keep_plan(self, plan: &Plan, record: Option<Record>, placed: Vec<Placed>) {
        let steps = placed.into_iter().map(|image| image.numbers).collect();
        let images = record.and_then(|record| postcard::to_stdvec(&Images { record, steps }).ok());
        let images = images.map(|images| {
            let digest = Digest::of(&images);
            self.sources.remember(&made_images(), images);
            digest
        });
        let texts = over_texts(&self.specs(), lock(&self.texts).values().copied());
        let others = self.over_others();
        let questions = Questions {
            texts: into_keys(self.texts),
            read: into_keys(self.read),
            stat: into_keys(self.stat),
            listed: into_keys(self.listed),
            trees: into_keys(self.trees),
        };
        let Ok(bytes) = postcard::to_stdvec(&MadeFrom { questions, texts, others, images }) else {
            return;
        };
        let of = Digest::of(&bytes);
        self.sources.remember(&made_from(), bytes);
        self.sources.keep_plan(&|out| {
            out.write_all(of.as_bytes())?;
            plan.keep(out)
        });
    }
}

impl Sources for Asked<'_> {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        self.specs.get_or_init(|| self.sources.specs()).clone()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.read_at_most(path, u64::MAX)
    }

    fn read_at_most(&self, path: &str, most: u64) -> Result<Arc<[u8]>, SourceError> {
        let answer = match most {
            u64::MAX => self.sources.read(path),
            most => self.sources.read_at_most(path, most),
        };
        let digest = answer.as_deref().map_or_else(refusal, Digest::of);
        let question = (path.to_owned(), most);
        let of_specs = most != u64::MAX && self.is_spec(path);
        // Specs come first. Who reads one once more reads it for something else, as a template.
        if !of_specs || lock(&self.texts).insert(question.clone(), digest).is_some() {
            lock(&self.read).insert(question, digest);
        }
        answer
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        if let Some(known) = lock(&self.stat).get(path) {
            return known.clone();
        }
        let answer = self.sources.stat(path);
        lock(&self.stat).insert(path.to_owned(), answer.clone());
        answer
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let answer = self.sources.list(directory);
        lock(&self.listed).insert(directory.to_owned(), over_list(&answer));
        answer
    }

    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        let answer = self.sources.tree(directory);
        lock(&self.trees).insert(directory.to_owned(), over_tree(&answer));
        answer
    }

    fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        self.sources.recall(of)
    }

    fn remember(&self, of: &Digest, made: Vec<u8>) {
        self.sources.remember(of, made);
    }
}

/// What the last plan was made from is remembered under this.
fn made_from() -> Digest {
    Digest::of(b"what the last plan was made from")
}

/// What its images were made from is remembered under this.
fn made_images() -> Digest {
    Digest::of(b"what the images of the last plan were made from")
}

/// What reading a file of this state answers.
fn content(stat: Result<SourceStat, SourceError>, most: u64) -> Digest {
    match stat {
        Ok(stat) if stat.size > most => refusal(&SourceError::TooLarge(most)),
        Ok(stat) => stat.digest,
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &SourceError) -> Digest {
    Digest::of(format!("{error:?}").as_bytes())
}

fn over_texts(
    specs: &Result<Vec<SourceEntry>, SourceError>,
    contents: impl IntoIterator<Item = Digest>,
) -> Digest {
    over([over_list(specs)].into_iter().chain(contents))
}

fn over_stat(answer: &Result<SourceStat, SourceError>) -> Digest {
    match answer {
        // The size follows from the content.
        Ok(SourceStat { digest, size: _, executable: false }) => *digest,
        Ok(SourceStat { digest, size: _, executable: true }) => {
            Digest::of(&[digest.as_bytes(), &b"executable"[..]].concat())
        }
        Err(error) => refusal(error),
    }
}

fn over_list(answer: &Result<Vec<SourceEntry>, SourceError>) -> Digest {
    let line = |SourceEntry { path, executable }: &SourceEntry| format!("{path}\0{executable}\0");
    match answer {
        Ok(entries) => Digest::of(entries.iter().map(line).collect::<String>().as_bytes()),
        Err(error) => refusal(error),
    }
}

fn over_tree(answer: &Result<Vec<SourceNode>, SourceError>) -> Digest {
    let line = |SourceNode { path, target }: &SourceNode| format!("{path}\0{target:?}\0");
    match answer {
        Ok(nodes) => Digest::of(nodes.iter().map(line).collect::<String>().as_bytes()),
        Err(error) => refusal(error),
    }
}

fn over(digests: impl IntoIterator<Item = Digest>) -> Digest {
    let digests: Vec<u8> = digests.into_iter().flat_map(|one| *one.as_bytes()).collect();
    Digest::of(&digests)
}

fn into_keys<K, V>(map: Mutex<BTreeMap<K, V>>) -> Vec<K> {
    map.into_inner().unwrap_or_else(PoisonError::into_inner).into_keys().collect()
}

/// What is under these locks is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
