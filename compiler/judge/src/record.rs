use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use forge_model::{
    Account, Answer, CommandOutput, Digest, FileStat, Files, GroupRecord, InstalledPackage,
    KernelSetting, Level, ModuleState, NoAnswer, Provenance, Resource, Target, UnitState,
};
use serde::{Deserialize, Serialize};

/// A question that a target was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// [`Files::stat`].
    Stat {
        /// The path.
        path: String,
        /// The last link is followed.
        follow: bool,
    },
    /// [`Files::read`].
    Read(String),
    /// [`Files::list`].
    List(String),
    /// [`Target::package`].
    Package(String),
    /// [`Target::user`].
    User(String),
    /// [`Target::group`].
    Group(String),
    /// [`Target::unit`].
    Unit(String),
    /// [`Target::kernel_parameter`].
    KernelParameter(String),
    /// [`Target::kernel_module`].
    KernelModule(String),
    /// [`Target::command`].
    Command {
        /// The line.
        line: String,
        /// Seconds.
        timeout: u32,
    },
}

/// Everything that was asked, with a digest of each answer: absent paths, listings and missing
/// answers included. A verdict stays true for as long as the answers stay the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// In order of the questions, each once.
    pub answers: Vec<(Question, Digest)>,
}

impl Record {
    /// Over all questions and answers: what a verdict rests on.
    pub fn digest(&self) -> Digest {
        digest_of(&self.answers)
    }

    /// Adds what was asked elsewhere. Different answers to one question are both kept.
    pub fn join(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.answers.sort();
        self.answers.dedup();
    }

    /// Whether `target` would give the same answers. What a program printed rests on more than was
    /// asked for, so a record with such an answer never holds: only that a spec or a tree runs none can
    /// be told again.
    pub fn still_holds(&self, target: &dyn Target) -> bool {
        let tellable = |question: &Question| {
            !matches!(question, Question::Command { .. }) || target.level() <= Level::Tree
        };
        self.answers
            .iter()
            .all(|(question, digest)| tellable(question) && ask(target, question) == *digest)
    }

    /// True when the output of a command was asked for.
    pub fn asks_programs(&self) -> bool {
        self.answers.iter().any(|(question, _)| matches!(question, Question::Command { .. }))
    }
}

fn ask(target: &dyn Target, question: &Question) -> Digest {
    match question {
        Question::Stat { path, follow } => digest_of(&target.stat(path, *follow)),
        Question::Read(path) => digest_of_bytes(&target.read(path)),
        Question::List(path) => digest_of(&target.list(path)),
        Question::Package(name) => digest_of(&target.package(name)),
        Question::User(name) => digest_of(&target.user(name)),
        Question::Group(name) => digest_of(&target.group(name)),
        Question::Unit(name) => digest_of(&target.unit(name)),
        Question::KernelParameter(name) => digest_of(&target.kernel_parameter(name)),
        Question::KernelModule(name) => digest_of(&target.kernel_module(name)),
        Question::Command { line, timeout } => digest_of(&target.command(line, *timeout)),
    }
}

fn digest_of<T: Serialize>(answer: &T) -> Digest {
    // Plain data with text keys always has a JSON form; an empty one would match nothing.
    Digest::of(&serde_json::to_vec(answer).unwrap_or_default())
}

/// As [`digest_of`], without a JSON form of every byte.
fn digest_of_bytes(answer: &Answer<Option<Vec<u8>>>) -> Digest {
    digest_of(&answer.as_ref().map(|bytes| bytes.as_deref().map(Digest::of)))
}

/// A target that records what it is asked.
pub struct Recording<'a> {
    target: &'a dyn Target,
    answers: RefCell<BTreeMap<Question, Digest>>,
    unanswered: RefCell<BTreeSet<Question>>,
}

impl std::fmt::Debug for Recording<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("answers", &self.answers).finish_non_exhaustive()
    }
}

impl<'a> Recording<'a> {
    /// Records what `target` is asked from now on.
    pub fn new(target: &'a dyn Target) -> Self {
        Self { target, answers: RefCell::default(), unanswered: RefCell::default() }
    }

    /// Questions that the target could not know the answer to.
    pub fn unanswered(&self) -> BTreeSet<Question> {
        self.unanswered.borrow().clone()
    }

    /// What was asked.
    pub fn finish(self) -> Record {
        Record { answers: self.answers.into_inner().into_iter().collect() }
    }

    fn note<T: Serialize>(&self, question: Question, answer: Answer<T>) -> Answer<T> {
        let digest = digest_of(&answer);
        if matches!(answer, Err(NoAnswer::Unknown(_))) {
            self.unanswered.borrow_mut().insert(question.clone());
        }
        self.answers.borrow_mut().insert(question, digest);
        answer
    }
}

impl Files for Recording<'_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        let question = Question::Stat { path: path.to_owned(), follow };
        self.note(question, self.target.stat(path, follow))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        let answer = self.target.read(path);
        let digest = digest_of_bytes(&answer);
        self.answers.borrow_mut().insert(Question::Read(path.to_owned()), digest);
        answer
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        self.note(Question::List(path.to_owned()), self.target.list(path))
    }
}

impl Target for Recording<'_> {
    fn level(&self) -> Level {
        self.target.level()
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.note(Question::Package(name.to_owned()), self.target.package(name))
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        self.note(Question::User(name.to_owned()), self.target.user(name))
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.note(Question::Group(name.to_owned()), self.target.group(name))
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        self.note(Question::Unit(name.to_owned()), self.target.unit(name))
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        let question = Question::KernelParameter(name.to_owned());
        self.note(question, self.target.kernel_parameter(name))
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.note(Question::KernelModule(name.to_owned()), self.target.kernel_module(name))
    }

    fn command(&self, line: &str, timeout: u32) -> Answer<CommandOutput> {
        let question = Question::Command { line: line.to_owned(), timeout };
        self.note(question, self.target.command(line, timeout))
    }

    /// Not recorded: it changes no verdict.
    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        self.target.provenance(resource, evidence)
    }
}
