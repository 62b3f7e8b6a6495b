//! Names of a project: where each is declared, and where it is spoken of.
//!
//! The tables of node kinds ([`crate::reference`]) say which argument names a role, which property
//! a file of the project; this index reads nodes by them, so a new node kind is in it without a
//! line of its own. It is made from [`forge_syntax::outline`] and thus knows a text that is half
//! written. Each file has its own part, which changes with that file alone.

mod file;
mod template;
mod walk;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use file::{Declaration, IndexedFile};
pub use template::IndexedTemplate;

use crate::template::variable;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    /// Something that is declared by kind and name: a role, an image, a secret, an account.
    Declared {
        /// `role`, `image`, `user`, …
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A parameter of a role or a profile.
    Param {
        /// `role` or `profile`.
        kind: &'static str,
        /// Whose.
        owner: String,
        /// Its name.
        name: String,
    },
    /// A value that images set, read where no parameter has the name.
    Set {
        /// Its name.
        name: String,
    },
    /// A file of the project.
    File {
        /// Relative to the project's root.
        path: String,
    },
}

impl Symbol {
    /// The name that stands in texts.
    pub fn name(&self) -> &str {
        match self {
            Self::Declared { name, .. } | Self::Param { name, .. } | Self::Set { name } => name,
            Self::File { path } => path,
        }
    }
}

/// One place that speaks of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// What it speaks of.
    pub symbol: Symbol,
    /// First byte of the name, without quotes where they enclose nothing else.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// It says what the name is.
    pub declares: bool,
    /// How the name stands there.
    pub form: Form,
}

/// How a name stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// With its quotes, since it holds escapes or is raw.
    Quoted,
    /// As a variable of a template, `_` for `-`.
    Variable,
    /// As one of the names that a text makes, in the place of the text.
    Made,
}

/// All names of a project.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Its spec files.
    pub files: Vec<Arc<IndexedFile>>,
    /// The templates that they name, as far as they can be read.
    pub templates: Vec<IndexedTemplate>,
}

impl Index {
    /// The index of spec files; `read` gives the text of a template.
    pub fn new(files: Vec<Arc<IndexedFile>>, read: impl Fn(&str) -> Option<Arc<str>>) -> Self {
        let set: BTreeSet<String> =
            files.iter().flat_map(|file| file.set.iter().cloned()).collect();
        let uses = files.iter().flat_map(|file| &file.templates);
        let templates = template::index(uses, &set, read);
        Self { files, templates }
    }

    /// All places with the paths of their files.
    fn all(&self) -> impl Iterator<Item = (&str, &Mention)> {
        let specs = self.files.iter().map(|file| (&*file.path, &file.mentions));
        let templates = self.templates.iter().map(|file| (&*file.path, &file.mentions));
        specs
            .chain(templates)
            .flat_map(|(path, mentions)| mentions.iter().map(move |one| (path, one)))
    }

    /// What stands at a byte of a file; in a template that several roles use, once for each.
    pub fn at(&self, path: &str, at: usize) -> Vec<&Mention> {
        let here = |one: &Mention| one.start <= at && at <= one.end;
        let all = self.all().filter(|(file, one)| *file == path && here(one));
        all.map(|(_, one)| one).collect()
    }

    /// All places that speak of one of these, in the order of files and bytes, each once.
    pub fn mentions(&self, symbols: &[Symbol]) -> Vec<(&str, &Mention)> {
        let mut found: Vec<_> =
            self.all().filter(|(_, one)| symbols.contains(&one.symbol)).collect();
        found.sort_by_key(|(path, one)| (*path, one.start, one.end));
        found.dedup_by_key(|(path, one)| (*path, one.start, one.end));
        found
    }

    /// What is the same thing under another kind: the group that comes with an account.
    pub fn family(&self, symbol: &Symbol) -> Vec<Symbol> {
        let Symbol::Declared { kind, name } = symbol else { return vec![symbol.clone()] };
        let group = Symbol::Declared { kind: "group", name: name.clone() };
        let user = Symbol::Declared { kind: "user", name: name.clone() };
        match *kind {
            "group" | "user" if self.declarations(&group).is_empty() => vec![user, group],
            _ => vec![symbol.clone()],
        }
    }

    /// Where it is declared.
    pub fn declarations(&self, symbol: &Symbol) -> Vec<(&IndexedFile, &Declaration)> {
        let all = self.files.iter().flat_map(|file| {
            file.declarations.iter().map(move |declaration| (file.as_ref(), declaration))
        });
        all.filter(|(_, declaration)| declaration.symbol == *symbol).collect()
    }

    /// All that is declared of a kind, by name.
    pub fn declared(&self, kind: &str) -> Vec<&Declaration> {
        let mut found: Vec<&Declaration> = self
            .files
            .iter()
            .flat_map(|file| &file.declarations)
            .filter(
                |one| matches!(&one.symbol, Symbol::Declared { kind: known, .. } if *known == kind),
            )
            .collect();
        found.sort_by(|one, other| one.symbol.cmp(&other.symbol));
        found.dedup_by(|one, other| one.symbol == other.symbol);
        found
    }

    /// The parameters of a role or a profile, in the order of their declaration.
    pub fn params(&self, of: &str, name: &str) -> Vec<(&IndexedFile, &Declaration)> {
        let mine = |symbol: &Symbol| matches!(symbol, Symbol::Param { kind, owner, .. } if *kind == of && owner == name);
        let all = self.files.iter().flat_map(|file| {
            file.declarations.iter().map(move |declaration| (file.as_ref(), declaration))
        });
        all.filter(|(_, declaration)| mine(&declaration.symbol)).collect()
    }

    /// All names that images set.
    pub fn set_names(&self) -> BTreeSet<&str> {
        self.files.iter().flat_map(|file| file.set.iter().map(String::as_str)).collect()
    }

    /// The name as it stands in a form.
    pub fn written(form: Form, name: &str) -> String {
        match form {
            Form::Plain => name.to_owned(),
            Form::Quoted | Form::Made => forge_syntax::quote(name),
            Form::Variable => variable(name),
        }
    }
}

#[cfg(test)]
mod tests;
