//! Controls as their bodies declare them, before they are run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::context::Refusal;
use crate::map::Map;
use crate::scope::Closure;
use crate::stop::Halt;
use crate::syntax::At;
use crate::value::Value;

/// A control.
#[derive(Debug)]
pub(crate) struct Control {
    /// Tells controls apart.
    pub(crate) id: u64,
    pub(crate) name: Rc<str>,
    pub(crate) profile: Rc<str>,
    pub(crate) at: At,
    pub(crate) code: Rc<str>,
    pub(crate) impact: Cell<Option<f64>>,
    /// `only_applicable_if` fixed the impact at 0.
    pub(crate) impact_is_fixed: Cell<bool>,
    pub(crate) title: RefCell<Option<Rc<str>>>,
    /// The label, `default` for `desc` alone.
    pub(crate) descriptions: RefCell<Vec<(Rc<str>, Rc<str>)>>,
    pub(crate) refs: RefCell<Vec<Value>>,
    pub(crate) tags: RefCell<Map>,
    pub(crate) checks: RefCell<Vec<Check>>,
    pub(crate) skip: RefCell<Option<Skip>>,
    /// `only_applicable_if` that does not hold.
    pub(crate) not_applicable: RefCell<Option<Refusal>>,
    /// An input without a value that the body asked for.
    pub(crate) missing_input: RefCell<Option<Rc<str>>>,
    /// Its `only_if`s, where the profile is imported: there they are read, not asked.
    pub(crate) conditions: RefCell<Vec<Condition>>,
}

/// An `only_if` that is read.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) block: Rc<Closure>,
    /// Where it does not hold, the control has another impact.
    pub(crate) changes_impact: bool,
}

/// Why a control is not run.
#[derive(Clone, Debug)]
pub(crate) struct Skip {
    pub(crate) holds: bool,
    pub(crate) message: Option<Rc<str>>,
    /// Whether it holds is not known, for this reason.
    pub(crate) unknown: Option<Rc<str>>,
}

/// Something that a control asks.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Describe {
        values: Vec<Value>,
        block: Option<Rc<Closure>>,
        at: At,
    },
    One(Vec<Check>),
    /// `expect(x).to y`, beside of `it`.
    Expect {
        value: Value,
        negated: bool,
        matcher: Value,
        at: At,
    },
    /// The body ended here, for this reason.
    Broken {
        why: Rc<Halt>,
        at: At,
    },
}

impl Control {
    pub(crate) fn new(id: u64, name: &Rc<str>, profile: &Rc<str>, at: At, code: Rc<str>) -> Self {
        Self {
            id,
            name: name.clone(),
            profile: profile.clone(),
            at,
            code,
            impact: Cell::new(None),
            impact_is_fixed: Cell::new(false),
            title: RefCell::default(),
            descriptions: RefCell::default(),
            refs: RefCell::default(),
            tags: RefCell::default(),
            checks: RefCell::default(),
            skip: RefCell::default(),
            not_applicable: RefCell::default(),
            missing_input: RefCell::default(),
            conditions: RefCell::default(),
        }
    }

    pub(crate) fn describe(&self, label: &str, text: &str) {
        let text: Rc<str> = unindent(text).into();
        let mut descriptions = self.descriptions.borrow_mut();
        match descriptions.iter_mut().find(|(known, _)| **known == *label) {
            Some((_, old)) => *old = text,
            None => descriptions.push((label.into(), text)),
        }
    }

    /// Takes over what another declaration of the same control says: whatever it says wins, and its
    /// checks take the place of all others.
    pub(crate) fn merge(&self, other: &Self) {
        if let Some(impact) = other.impact.get() {
            self.impact.set(Some(impact));
        }
        if let Some(title) = other.title.borrow().clone() {
            *self.title.borrow_mut() = Some(title);
        }
        for (label, text) in other.descriptions.borrow().iter() {
            self.describe(label, text);
        }
        for (key, value) in other.tags.borrow().iter() {
            self.tags.borrow_mut().insert(key.clone(), value.clone());
        }
        self.refs.borrow_mut().extend(other.refs.borrow().iter().cloned());
        if !other.checks.borrow().is_empty() {
            self.checks.borrow_mut().clone_from(&other.checks.borrow());
        }
        if !other.conditions.borrow().is_empty() {
            self.conditions.borrow_mut().clone_from(&other.conditions.borrow());
        }
        if let Some(skip) = other.skip.borrow().clone() {
            *self.skip.borrow_mut() = Some(skip);
        }
    }
}

/// A text without the indentation that all its lines have.
fn unindent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    let least = filled.map(indent).min().unwrap_or(0);
    let blank = |c: char| c == ' ' || c == '\t';
    let cut = |line: &str| -> String {
        let leading = line.chars().take_while(|c| blank(*c)).count();
        if leading >= least { line.chars().skip(least).collect() } else { line.to_owned() }
    };
    text.split('\n').map(cut).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// An impact by its name: the lower bound of its range.
pub(crate) fn impact_of(name: &str) -> Option<f64> {
    Some(match name.to_ascii_lowercase().as_str() {
        "none" => 0.0,
        "low" => 0.1,
        "medium" => 0.4,
        "high" => 0.7,
        "critical" => 0.9,
        other => return other.parse().ok().filter(|value| (0.0..=1.0).contains(value)),
    })
}
