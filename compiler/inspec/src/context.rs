//! What `self` is in a profile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::control::Control;
use crate::scope::Closure;
use crate::syntax::At;
use crate::value::Value;

/// What `self` is.
#[derive(Clone)]
pub(crate) enum Context {
    /// A file of controls, or of libraries.
    File(Rc<FileContext>),
    Control(Rc<Control>),
    /// `describe` without arguments, of which `.one` is asked.
    Describe(Rc<Control>),
    /// The block of `describe.one`.
    One(Rc<One>),
    Group(Rc<Group>),
    Example(Rc<Example>),
    /// `expect(x)`, and `should` without a matcher.
    Expect(Rc<Expect>),
    /// `inspec`.
    Inspec,
    /// `inspec.profile`.
    Profile,
    /// The block of `include_controls`.
    Include(Rc<Include>),
}

/// A file that is being evaluated.
#[derive(Debug)]
pub(crate) struct FileContext {
    pub(crate) id: u64,
    /// A file-level `only_if` that does not hold, with its message.
    pub(crate) skip: RefCell<Option<Refusal>>,
    /// Its `only_if`s, where the profile is imported.
    pub(crate) conditions: RefCell<Vec<crate::control::Condition>>,
}

/// A condition that does not hold, with what it says.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) message: Option<Rc<str>>,
}

/// The groups of a `describe.one`.
#[derive(Debug)]
pub(crate) struct One {
    pub(crate) control: Rc<Control>,
    pub(crate) checks: RefCell<Vec<crate::control::Check>>,
}

/// `describe … do`, as it is run.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: u64,
    pub(crate) parent: Option<Rc<Group>>,
    /// What is described.
    pub(crate) subject: Value,
    /// The words before each example.
    pub(crate) words: Rc<str>,
    pub(crate) explicit: RefCell<Option<Rc<Closure>>>,
    pub(crate) lets: RefCell<BTreeMap<Rc<str>, Rc<Closure>>>,
    pub(crate) befores: RefCell<Vec<Rc<Closure>>>,
    pub(crate) examples: RefCell<Vec<ExampleCode>>,
    pub(crate) children: RefCell<Vec<Child>>,
}

impl Group {
    /// One whose block has not run yet.
    pub(crate) fn new(id: u64, parent: Option<Rc<Self>>, subject: Value, words: Rc<str>) -> Self {
        Self {
            id,
            parent,
            subject,
            words,
            explicit: RefCell::default(),
            lets: RefCell::default(),
            befores: RefCell::default(),
            examples: RefCell::default(),
            children: RefCell::default(),
        }
    }
}

/// `it`.
#[derive(Debug)]
pub(crate) struct ExampleCode {
    pub(crate) words: Option<Rc<str>>,
    pub(crate) block: Option<Rc<Closure>>,
    /// `skip 'reason'` beside examples.
    pub(crate) skip: Option<Rc<str>>,
    pub(crate) at: At,
}

/// What comes after the examples of a group.
#[derive(Debug)]
pub(crate) enum Child {
    Its { attribute: Value, block: Option<Rc<Closure>>, at: At },
    Group { words: Rc<str>, subject: Option<Value>, block: Option<Rc<Closure>>, at: At },
}

/// An example that runs.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) group: Rc<Group>,
    /// The attribute of `its`.
    pub(crate) attribute: Option<Value>,
    pub(crate) memo: RefCell<BTreeMap<Rc<str>, Value>>,
}

/// `expect(x)`.
#[derive(Debug)]
pub(crate) struct Expect {
    pub(crate) value: Value,
    pub(crate) negated: bool,
    /// `x.should > 2`: the next call is the matcher.
    pub(crate) operator: bool,
    /// Beside of examples: the control that it adds a check to.
    pub(crate) control: Option<Rc<Control>>,
}

/// `include_controls 'x' do`.
#[derive(Debug)]
pub(crate) struct Include {
    pub(crate) profile: Rc<str>,
    /// Only the controls that are named.
    pub(crate) only_named: bool,
    pub(crate) named: RefCell<Vec<Rc<str>>>,
    pub(crate) skipped: RefCell<Vec<Rc<str>>>,
    /// What is declared anew.
    pub(crate) changed: RefCell<Vec<Rc<Control>>>,
    pub(crate) file: Rc<FileContext>,
}

impl Context {
    /// Tells contexts apart, for their variables.
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::File(file) => file.id,
            Self::Control(control) | Self::Describe(control) => control.id,
            Self::One(one) => one.control.id,
            Self::Group(group) => group.id,
            Self::Example(example) => example.group.id,
            Self::Expect(_) | Self::Inspec | Self::Profile | Self::Include(_) => 0,
        }
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::Control(control) => control.name.to_string(),
            Self::Group(group) => group.words.to_string(),
            Self::Inspec => "Inspec::Backend".to_owned(),
            _ => "#<Inspec::Rule>".to_owned(),
        }
    }
}
