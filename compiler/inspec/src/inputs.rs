//! Inputs of profiles, and which of several values counts.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::interp::Machine;
use crate::stop::Eval;
use crate::value::Value;

/// How strong a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority(pub(crate) i64);

impl Priority {
    /// `input('x', value: 1)` in a control.
    pub(crate) const INLINE: Self = Self(20);
    /// `inspec.yml` of the profile.
    pub(crate) const METADATA: Self = Self(30);
    /// `inspec.yml` of a profile that includes it.
    pub(crate) const WRAPPER: Self = Self(35);
    /// `--input-file`.
    pub(crate) const FILE: Self = Self(40);
    /// `--input`.
    pub(crate) const COMMAND_LINE: Self = Self(50);
}

/// An input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    value: Option<(Priority, Value)>,
    pub(crate) options: BTreeMap<String, Value>,
}

/// Inputs by profile and name.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    by_profile: BTreeMap<(Rc<str>, String), Input>,
    /// Values for inputs of all profiles.
    outside: BTreeMap<String, (Priority, Value)>,
}

impl Inputs {
    /// Gives an input a value, unless a stronger one is known. Of equals, the last counts.
    pub(crate) fn set(&mut self, profile: &Rc<str>, name: &str, value: Value, priority: Priority) {
        let input = self.by_profile.entry((profile.clone(), name.to_owned())).or_default();
        if input.value.as_ref().is_none_or(|(known, _)| *known <= priority) {
            input.value = Some((priority, value));
        }
    }

    /// What `inspec.yml` says of an input beside its value.
    pub(crate) fn describe(&mut self, profile: &Rc<str>, name: &str, option: &str, value: Value) {
        let input = self.by_profile.entry((profile.clone(), name.to_owned())).or_default();
        input.options.insert(option.to_owned(), value);
    }

    /// A value for every profile.
    pub(crate) fn set_outside(&mut self, name: &str, value: Value, priority: Priority) {
        let known = self.outside.get(name).map(|(known, _)| *known);
        if known.is_none_or(|known| known <= priority) {
            self.outside.insert(name.to_owned(), (priority, value));
        }
    }

    /// The value that counts.
    pub(crate) fn get(&self, profile: &Rc<str>, name: &str) -> Option<Value> {
        let own = self.by_profile.get(&(profile.clone(), name.to_owned()));
        let own = own.and_then(|input| input.value.as_ref());
        match (own, self.outside.get(name)) {
            (Some((own, value)), Some((outside, _))) if own > outside => Some(value.clone()),
            (_, Some((_, value))) => Some(value.clone()),
            (Some((_, value)), None) => Some(value.clone()),
            (None, None) => None,
        }
    }

    /// Every input of a profile.
    pub(crate) fn of<'a>(
        &'a self,
        profile: &'a Rc<str>,
    ) -> impl Iterator<Item = (&'a str, &'a Input)> {
        self.by_profile
            .iter()
            .filter(move |((of, _), _)| of == profile)
            .map(|((_, name), input)| (name.as_str(), input))
    }
}

/// How the reason begins that a value of an input is not known.
const MISSING: &str = "no value is given for the input ";

/// What an input without a value is.
pub(crate) fn missing(name: &str) -> Value {
    Value::Unknown(format!("{MISSING}`{name}`").into())
}

/// Whether something is not known since an input has no value.
pub(crate) fn is_missing(why: &str) -> bool {
    why.starts_with(MISSING)
}

impl Machine<'_> {
    /// `input('x', value: 1)`.
    pub(crate) fn input(&mut self, args: &[Value]) -> Eval {
        let name = args.first().map_or("".into(), Value::text);
        let profile = self.state.profile.clone();
        if let Some(Value::Hash(options)) = args.get(1) {
            let options = options.borrow();
            let priority = options.symbol("priority").and_then(Value::as_int);
            let value = options.symbol("value").or(options.symbol("default"));
            if let Some(value) = value {
                let priority = priority.map_or(Priority::INLINE, Priority);
                self.state.inputs.set(&profile, &name, value.clone(), priority);
            }
        }
        match self.state.inputs.get(&profile, &name) {
            Some(value) => Ok(value),
            None => Ok(missing(&name)),
        }
    }
}
