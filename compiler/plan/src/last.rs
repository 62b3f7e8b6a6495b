//! The plan of the last run, taken over when nothing that it was made from has changed.
//!
//! A compiled project depends on what its sources answer and on nothing else. So every question that
//! compiling asks is written down with a digest of its answers, beside the plan; a later run asks the
//! same questions first. Where an answer differs, the project is compiled anew. What was answered
//! until then is not asked twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forge_model::{
    Digest, Plan, SourceEntry, SourceError, SourceNode, SourceStat, Sources, on_all_processors,
};
use serde::{Deserialize, Serialize};

/// Questions that compiling a project asked, each once, in one order.
#[derive(Default, Serialize, Deserialize)]
struct Questions {
    /// Files that were read, with how many bytes they may have.
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
    /// Over the list of spec files and all contents that were read: these change most, and asking
    /// for them is the smaller part.
    texts: Digest,
    /// Over all other answers.
    others: Digest,
}

/// Sources that remember what they were asked and what they answered.
pub(crate) struct Asked<'a> {
    sources: &'a dyn Sources,
    specs: OnceLock<Result<Vec<SourceEntry>, SourceError>>,
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
            read: Mutex::default(),
            stat: Mutex::default(),
            listed: Mutex::default(),
            trees: Mutex::default(),
        }
    }

    /// The plan of the last run, if every question has the answer that it had.
    pub(crate) fn last_plan(&self) -> Option<Plan> {
        let made_from = self.sources.recall(&name())?;
        let MadeFrom { questions, texts, others } = postcard::from_bytes(&made_from).ok()?;
        let Questions { read, stat, listed, trees } = questions;
        let now = on_all_processors(&read, |(path, most)| content(self.sources.stat(path), *most));
        if texts != over_texts(&self.specs(), now) {
            return None;
        }
        let stat = on_all_processors(&stat, |path| over_stat(&self.stat(path)));
        let listed = listed.iter().map(|path| over_list(&self.sources.list(path)));
        let trees = trees.iter().map(|path| over_tree(&self.sources.tree(path)));
        if others != over(stat.into_iter().chain(listed).chain(trees)) {
            return None;
        }
        let bytes = self.sources.last_plan()?;
        let (of, plan) = bytes.split_first_chunk::<32>()?;
        // Another run may have written one of the two meanwhile.
        if of != Digest::of(&made_from).as_bytes() {
            return None;
        }
        Plan::recall(plan)
    }

    /// Gives the plan that was made with these answers to the sources.
    pub(crate) fn keep_plan(self, plan: &Plan) {
        let texts = over_texts(&self.specs(), lock(&self.read).values().copied());
        let others = {
            let (stat, listed, trees) = (lock(&self.stat), lock(&self.listed), lock(&self.trees));
            let stat = stat.values().map(over_stat);
            over(stat.chain(listed.values().copied()).chain(trees.values().copied()))
        };
        let questions = Questions {
            read: into_keys(self.read),
            stat: into_keys(self.stat),
            listed: into_keys(self.listed),
            trees: into_keys(self.trees),
        };
        let Ok(made_from) = postcard::to_stdvec(&MadeFrom { questions, texts, others }) else {
            return;
        };
        let of = Digest::of(&made_from);
        self.sources.remember(&name(), made_from);
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
        lock(&self.read).insert((path.to_owned(), most), digest);
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
fn name() -> Digest {
    Digest::of(b"what the last plan was made from")
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
