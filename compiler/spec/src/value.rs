use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_diag::Span;
use forge_param::{ParamType, ParamValue};

use crate::ParameterSource;

/// A value that a name has, with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) value: ParamValue,
    /// Where the value stands.
    pub(crate) span: Span,
    /// Who gave it.
    pub(crate) source: ParameterSource,
    /// The type of a declared parameter; what an image sets has none.
    pub(crate) ty: Option<Arc<ParamType>>,
    /// Where that type is named.
    pub(crate) type_at: Option<Span>,
}

/// Values by name.
pub(crate) type Values = BTreeMap<String, Bound>;

/// The values that texts, conditions and templates of one part may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The part's own parameters.
    own: Values,
    /// What the image sets.
    set: Arc<Values>,
    /// What was asked for.
    reads: RefCell<Reads>,
}

/// What was asked of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Names whose values were asked for, with or without one.
    pub(crate) names: BTreeSet<String>,
    /// More than values of names.
    pub(crate) other: bool,
}

impl Scope {
    /// Parameters before what the image sets.
    pub(crate) fn new(own: Values, set: Arc<Values>) -> Self {
        Self { own, set, reads: RefCell::default() }
    }

    /// From here on nothing was asked for.
    pub(crate) fn forget_reads(&self) {
        self.reads.take();
    }

    /// What was asked for since: what was made then is other with other values of these names.
    pub(crate) fn take_reads(&self) -> Reads {
        self.reads.take()
    }

    /// Notes that what is being made depends on where it is made.
    pub(crate) fn note_read(&self) {
        self.reads.borrow_mut().other = true;
    }

    /// The value of each name, without taking notice.
    pub(crate) fn values_of(&self, names: &BTreeSet<String>) -> Vec<Option<ParamValue>> {
        names.iter().map(|name| self.peek(name).map(|bound| bound.value.clone())).collect()
    }

    pub(crate) fn bound(&self, name: &str) -> Option<&Bound> {
        let mut reads = self.reads.borrow_mut();
        if !reads.names.contains(name) {
            reads.names.insert(name.to_owned());
        }
        self.peek(name)
    }

    fn peek(&self, name: &str) -> Option<&Bound> {
        self.own.get(name).or_else(|| self.set.get(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ParamValue> {
        self.bound(name).map(|bound| &bound.value)
    }

    /// What `${name}` or `${name.field}` stands for.
    pub(crate) fn read(&self, written: &str) -> Option<ParamValue> {
        match written.split_once('.') {
            None => self.get(written).cloned(),
            Some((name, field)) => self.get(name)?.field(field),
        }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// Every name with its value; what a parameter hides is left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.note_read();
        let hidden = self.set.iter().filter(|(name, _)| !self.own.contains_key(*name));
        self.own.iter().chain(hidden).map(|(name, bound)| (name.as_str(), &bound.value))
    }
}
