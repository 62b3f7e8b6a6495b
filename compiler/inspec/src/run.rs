//! What a run knows beside the values of its profile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use forge_model::Resource as Asked;

use crate::class::Class;
use crate::control::Control;
use crate::inputs::Inputs;
use crate::platform::Platform;
use crate::scope::Closure;
use crate::value::Value;
use crate::waivers::Waivers;

/// The state of a run.
#[derive(Default)]
pub(crate) struct State {
    /// The profile that is being loaded.
    pub(crate) profile: Rc<str>,
    /// `@x`, by the number of its context.
    pub(crate) variables: BTreeMap<(u64, Rc<str>), Value>,
    /// `RSpec::Matchers.define` of libraries.
    pub(crate) matchers: BTreeMap<Rc<str>, Rc<Closure>>,
    /// What time it is, in seconds since 1970, where somebody says so.
    pub(crate) now: Option<i64>,
    /// `def` outside of classes.
    pub(crate) functions: BTreeMap<Rc<str>, Rc<Closure>>,
    /// Resources of the profile's libraries.
    pub(crate) libraries: BTreeMap<Rc<str>, Rc<Class>>,
    /// Libraries that could not be read, and why.
    pub(crate) broken_libraries: BTreeMap<Rc<str>, String>,
    pub(crate) in_singleton: RefCell<bool>,
    pub(crate) inputs: Inputs,
    pub(crate) waivers: Waivers,
    pub(crate) platform: Platform,
    /// Controls of the profile that is being loaded.
    pub(crate) controls: Vec<Rc<Control>>,
    /// Controls of profiles that were loaded before it, by their profile.
    pub(crate) loaded: BTreeMap<Rc<str>, Vec<Rc<Control>>>,
    /// Only these controls are wanted; all, when there are none.
    pub(crate) wanted: Vec<String>,
    /// `files/` of the profile.
    pub(crate) profile_files: BTreeMap<String, Vec<u8>>,
    /// Statements outside of controls that rest on something unknown, and why.
    pub(crate) unknown_in_file: Vec<(crate::syntax::At, String)>,
    /// A `describe.one` runs: nothing there is skipped for its resource.
    pub(crate) in_one: bool,
    pub(crate) note: Note,
    /// The profile is imported: nothing is asked, and what would be is noted.
    pub(crate) importing: Option<Vec<crate::import::Expected>>,
    pub(crate) facts: crate::resources::Facts,
}

/// What is noted while an example runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    /// The last matcher in words.
    pub(crate) words: Option<String>,
    /// The last matcher was negated, and asked for something else than an absence.
    pub(crate) negative: bool,
    /// What was asked about is absent.
    pub(crate) absent: bool,
    /// What the answer rests on.
    pub(crate) evidence: Option<String>,
    /// What was looked at, for whoever asks who made it.
    pub(crate) about: Option<Asked>,
    /// An answer that only a running system could give was taken from the files, and why.
    pub(crate) only_running: Option<String>,
    /// An example runs, and no body of a control.
    pub(crate) in_example: bool,
    /// Why a pass would rest on what is not known.
    pub(crate) no_pass: Option<&'static str>,
}

impl State {
    pub(crate) fn is_wanted(&self, id: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == id)
    }
}
