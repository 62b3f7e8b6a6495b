//! What a node kind declares: the table from which decoders take their names, unknown names get
//! suggestions, and the language reference is written.

/// Nodes that may stand behind another one on its line: those of the tables of bodies, and what an
/// image and a role have beside them.
pub const NODES: [&str; 43] = [
    "base",
    "console",
    "controls",
    "directory",
    "doc",
    "drop-role",
    "environment",
    "exclude-paths",
    "expect-failed",
    "file",
    "group",
    "hold",
    "hostname",
    "identity",
    "image",
    "kernel",
    "kernel-modules",
    "limit",
    "line",
    "link",
    "locale",
    "mount",
    "output",
    "packages",
    "param",
    "pin",
    "preseed",
    "remove",
    "repository",
    "role",
    "run",
    "secret",
    "service",
    "set",
    "setting",
    "source",
    "sudoers",
    "sysctl",
    "timezone",
    "unit",
    "unpack",
    "user",
    "when",
];

/// A node kind.
#[derive(Clone, Copy, Debug)]
pub struct NodeKind {
    /// The node's name.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Its arguments in order; the last may repeat.
    pub args: &'static [Field],
    /// Its properties.
    pub props: &'static [Field],
    /// Nodes that may stand below it.
    pub children: &'static [Child],
    /// A short text that compiles where the node may stand; may be empty.
    pub example: &'static str,
}

/// An argument or a property.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The property's name, or what the argument is.
    pub name: &'static str,
    /// Its type in the reader's words: `text`, `whole number`, `path in the project`, …
    pub ty: &'static str,
    /// What holds without it.
    pub default: Default,
    /// What it does.
    pub doc: &'static str,
}

/// A node below a node.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What its arguments are, in the words of [`Field::ty`], where no table of its own says it.
    pub takes: Option<&'static str>,
    /// Its properties, where no table of its own has them.
    pub props: &'static [Field],
}

/// What holds when a field is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It must be given.
    Required,
    /// Nothing.
    None,
    /// This, as it would be written.
    Is(&'static str),
}

impl Field {
    /// A field that must be given.
    pub const fn required(name: &'static str, ty: &'static str, doc: &'static str) -> Self {
        Self { name, ty, default: Default::Required, doc }
    }

    /// A field that may be left out.
    pub const fn optional(name: &'static str, ty: &'static str, doc: &'static str) -> Self {
        Self { name, ty, default: Default::None, doc }
    }

    /// A field with a default, as it would be written.
    pub const fn default(
        name: &'static str,
        ty: &'static str,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, ty, default: Default::Is(default), doc }
    }
}

impl Child {
    /// A node `name` below a node.
    pub const fn new(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, takes: None, props: &[] }
    }

    /// The node with what its arguments are.
    #[must_use]
    pub const fn takes(self, ty: &'static str) -> Self {
        Self { takes: Some(ty), ..self }
    }

    /// The node with its properties.
    #[must_use]
    pub const fn props(self, props: &'static [Field]) -> Self {
        Self { props, ..self }
    }
}
