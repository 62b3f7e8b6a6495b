//! What declarations say of themselves, for people who look for one.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, Sink, SourceMap};
use forge_model::{Origin, Sources};
use forge_param::ParamDecl;

use crate::context::origin;
use crate::library;
use crate::node::Statement;
use crate::project::Project;

/// What a name of the library can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `base`.
    Base,
    /// `role`.
    Role,
    /// `profile`.
    Profile,
}

impl Kind {
    /// As a spec spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Role => "role",
            Self::Profile => "profile",
        }
    }
}

/// A declaration of the library.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// One line on what it is for.
    pub doc: String,
    /// Its parameters, in the order of their declaration.
    pub params: Vec<ParamDecl>,
    /// Id and title of each control: of a profile its own, of a role those of the profiles that it
    /// asks for.
    pub controls: Vec<(String, String)>,
    /// Where it is declared.
    pub origin: Origin,
}

/// Everything that the library declares, by name and kind, and the mistakes in it.
pub fn library(sources: &dyn Sources) -> (Vec<Described>, Vec<Diagnostic>, SourceMap) {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let mut project = Project::default();
    library::load_all(&mut project, sources, &mut map, &mut sink);
    let mut found = Vec::new();
    for base in project.bases.values() {
        found.push(Described {
            name: base.name.value.clone(),
            kind: Kind::Base,
            doc: base.doc.clone(),
            params: Vec::new(),
            controls: Vec::new(),
            origin: origin(&map, base.head),
        });
    }
    for role in project.roles.values() {
        let mut profiles = BTreeSet::new();
        asked(&role.body, &mut profiles);
        let profiles = profiles.iter().filter_map(|name| project.profiles.get(*name));
        found.push(Described {
            name: role.name.value.clone(),
            kind: Kind::Role,
            doc: role.doc.clone(),
            params: role.params.clone(),
            controls: profiles.flat_map(forge_control::ProfileTemplate::controls).collect(),
            origin: origin(&map, role.head),
        });
    }
    for profile in project.profiles.values() {
        found.push(Described {
            name: profile.name.value.clone(),
            kind: Kind::Profile,
            doc: profile.title.clone(),
            params: profile.params.clone(),
            controls: profile.controls(),
            origin: origin(&map, profile.head),
        });
    }
    found.sort_by(|one, other| (&one.name, one.kind).cmp(&(&other.name, other.kind)));
    (found, sink.into_sorted(), map)
}

/// The profiles that a body asks for, under whatever condition.
fn asked<'a>(body: &'a [Statement], profiles: &mut BTreeSet<&'a str>) {
    for statement in body {
        match statement {
            Statement::Controls(used) => {
                profiles.extend(used.names.iter().map(|name| name.value.as_str()));
            }
            Statement::When(when) => asked(&when.body, profiles),
            _ => {}
        }
    }
}
