//! Resources: what profiles ask of a system, answered from a target's files and facts.

mod account;
mod accounts;
mod audit;
mod certificate;
mod config;
mod config_kinds;
mod documents;
mod file;
mod glob;
mod grub;
mod live;
mod mount;
mod nginx;
mod packages;
mod platform;
mod program;
mod registry;
mod running;
mod servers;
mod service;
mod shell;
mod structured;
mod tables;
#[cfg(test)]
mod tests;
mod unit_file;
pub(crate) mod version;
pub(crate) mod walk;
mod xinetd;

pub(crate) use config_kinds::read as read_file;
pub(crate) use file::{normal, only_running};
pub(crate) use glob::glob;
pub(crate) use service::PROPERTIES;

use std::cell::OnceCell;
use std::rc::Rc;

use crate::filter_table::Table;
use crate::interp::{Given, Machine};
use crate::stop::{Eval, Halt, Stop};
use crate::value::Value;

/// What a call of a resource gives; none when it has no such property.
pub(crate) type Called = Result<Option<Value>, Stop>;

/// A resource.
pub(crate) trait Resource: std::fmt::Debug {
    /// Its type, `file`.
    fn kind(&self) -> &str;
    /// How reports name it, `File /etc/passwd`.
    fn text(&self) -> String;
    /// A property.
    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Called;
    /// The rows that `where` filters.
    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        Ok(None)
    }
    /// Properties of the table that are no columns.
    fn table_call(
        &self,
        _machine: &mut Machine<'_>,
        _table: &Rc<Table>,
        _name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        Ok(None)
    }
    fn table_words(&self) -> &'static [&'static str] {
        &[]
    }
    /// Why it refuses to be tested.
    fn skipped(&self) -> Option<String> {
        None
    }
    /// Why every test of it fails.
    fn failed(&self) -> Option<String> {
        None
    }
    /// Whether it has a property, where that matters and nothing is called.
    fn responds(&self, _name: &str) -> bool {
        false
    }
    /// The same thing as controls in KDL name it; none where they have no word for it.
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        None
    }
}

/// Facts that are read once.
#[derive(Default)]
pub(crate) struct Facts {
    walked: walk::Walked,
    packages: OnceCell<Rc<packages::Recorded>>,
    fstab: OnceCell<Rc<Vec<mount::Configured>>>,
    rules: OnceCell<Rc<audit::Rules>>,
    asked: program::Asked,
}

impl Machine<'_> {
    /// Whether a word is the name of a resource.
    pub(crate) fn is_resource(&self, name: &str) -> bool {
        self.has_library(name) || registry::is_known(name)
    }

    /// Whether the profile brings a library of this name.
    pub(crate) fn has_library(&self, name: &str) -> bool {
        self.state.libraries.contains_key(name) || self.state.broken_libraries.contains_key(name)
    }

    /// Makes a resource.
    pub(crate) fn resource(&mut self, name: &str, args: &[Value], block: Given<'_>) -> Eval {
        if let Some(unknown) = args.iter().find(|arg| matches!(arg, Value::Unknown(_))) {
            return Ok(unknown.clone());
        }
        if let Some(resource) = registry::of_library(self, name, args)? {
            return Ok(resource);
        }
        if let Some(class) = self.state.libraries.get(name).cloned() {
            return self.instantiate(&class, args, block);
        }
        if let Some(why) = self.state.broken_libraries.get(name) {
            return Err(self.needs_ruby(format!("the library of `{name}`: {why}")));
        }
        match registry::make(self, name, args) {
            Ok(Some(resource)) => Ok(resource),
            // One that reads files before anything is asked of it.
            Err(stop) if self.state.importing.is_some() && matches!(*stop, Halt::NoAnswer(_)) => {
                Ok(Value::Unknown(format!("`{name}` has no equal in KDL").into()))
            }
            Err(stop) => Err(stop),
            Ok(None) => Err(self.needs_ruby(format!("the resource `{name}`"))),
        }
    }

    /// Notes that what was asked about is absent.
    pub(crate) fn note_absent(&mut self) {
        self.state.note.absent = true;
    }

    /// Notes the file that is looked at.
    pub(crate) fn note_file(&mut self, path: &str) {
        self.state.note.about = Some(forge_model::Resource::File { path: path.to_owned() });
    }

    pub(crate) fn note_evidence(&mut self, evidence: Option<String>) {
        if evidence.is_some() {
            self.state.note.evidence = evidence;
        }
    }

    /// Notes that only a running system could answer, and why.
    pub(crate) fn note_running(&mut self, why: &str) {
        if self.target.level() < forge_model::Level::Node {
            self.state.note.only_running.get_or_insert_with(|| why.to_owned());
        }
    }
}

/// The first argument as a text.
fn text_arg(args: &[Value]) -> Option<Rc<str>> {
    args.first().and_then(|arg| arg.as_text().map(Rc::from))
}

/// What Ruby and `InSpec` give every resource, whatever it is about: no key of a file has one of these
/// names.
fn is_of_every_resource(name: &str) -> bool {
    matches!(
        name,
        "to_s"
            | "inspect"
            | "nil?"
            | "class"
            | "is_a?"
            | "respond_to?"
            | "should"
            | "should_not"
            | "!"
            | "=="
            | "!="
            | "instance_of?"
            | "kind_of?"
            | "resource_skipped?"
            | "resource_failed?"
            | "resource_exception_message"
            | "inspec"
            | "tap"
            | "then"
    )
}
