use std::collections::BTreeSet;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_param::ParamDecl;
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Entry, Node, Piece, Value, pieces};

use super::{Statement, statements};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "role",
    doc: "A named set of packages, files, accounts, units and steps, with typed parameters. In it \
          stands everything that may stand in an image's body; roles may use roles.",
    args: &[Field::required("name", "name", "its name")],
    props: &[],
    children: &[
        Child::new("doc", "what the role is for, in a line"),
        Child::new("param", "a parameter"),
    ],
    example: "role \"chrony\" { packages \"chrony\"; service \"chrony.service\" enabled=#true }",
};

pub(crate) const USE: NodeKind = NodeKind {
    name: "role",
    doc: "Uses a role. Its parameters are properties; those that are lists are child nodes with \
          the elements as arguments. `\"${name}\"` alone passes a parameter on with its type.",
    args: &[Field::required("name", "name of a `role`", "which role")],
    props: &[Field::default(
        "override",
        "truth value",
        "#false",
        "in an image: the values given here count for the uses of the role that it inherits, \
         which keep their place and their other values",
    )],
    children: &[],
    example: "role \"slurm-client\" controller=\"slurm1.example.org\"",
};

/// A declared role.
#[derive(Debug)]
pub(crate) struct RoleDecl {
    pub(crate) name: Spanned<String>,
    pub(crate) head: Span,
    pub(crate) doc: String,
    pub(crate) params: Vec<ParamDecl>,
    /// No declaration of a parameter has a mistake: others would only follow from it.
    pub(crate) params_are_whole: bool,
    pub(crate) body: Vec<Statement>,
    pub(crate) mentions: Mentions,
}

/// A use of a role.
#[derive(Debug)]
pub(crate) struct RoleUse {
    pub(crate) name: Spanned<String>,
    pub(crate) head: Span,
    /// Its values count for the uses of the role that the image has already.
    pub(crate) overrides: bool,
    pub(crate) given: Vec<Given>,
}

/// A value given to a parameter.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) name: Spanned<String>,
    pub(crate) value: GivenValue,
}

impl Given {
    /// Where the value stands; for a list, its name.
    pub(crate) fn span(&self) -> Span {
        match &self.value {
            GivenValue::One(entry) => entry.span,
            GivenValue::List(_) => self.name.span,
        }
    }
}

#[derive(Debug)]
pub(crate) enum GivenValue {
    /// `name="value"`.
    One(Entry),
    /// `{ name "a" "b" }`.
    List(Vec<Entry>),
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<RoleDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg::<String>("name");
    let doc = super::doc(&mut cursor, sink);
    let declared = cursor.children("param");
    let (params, params_are_whole) = forge_param::decode_all(&declared, sink);
    for node in declared {
        check_default(node, sink);
    }
    let rest = cursor.rest_children();
    cursor.finish(sink);
    let body = statements(rest.iter().copied(), "role", &["param", "doc"], sink);
    let mentions = Mentions::of(rest);
    Some(RoleDecl { name: name?, head: node.head, doc, params, params_are_whole, body, mentions })
}

/// Names that have a value in every image, by its name alone.
const GIVEN: [&str; 3] = ["cluster", "image", "type"];

/// Reports the default of a parameter that has a value in every image.
fn check_default(node: &Node, sink: &mut Sink) {
    let name = node.entries.iter().find_map(|entry| match (&entry.name, &entry.value) {
        (None, Value::Text(text)) => Some(text.value.as_str()),
        _ => None,
    });
    let default = node
        .entries
        .iter()
        .position(|entry| entry.name.as_ref().is_some_and(|name| name.value == "default"));
    let Some((name, at)) = name.filter(|name| GIVEN.contains(name)).zip(default) else { return };
    let Some((before, default)) = node.entries.get(at.wrapping_sub(1)).zip(node.entries.get(at))
    else {
        return;
    };
    let headline = format!("the default of `{name}` never counts");
    let cut = Span { start: before.span.end, ..default.span };
    sink.push(
        Diagnostic::error(codes::SPEC_PARAM_TYPE, headline)
            .at(default.span, format!("every image gives `{name}` a value, by its name at least"))
            .help("take the default away, or give the parameter another name")
            .mend(cut, ""),
    );
}

/// What a body speaks of.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    /// Names in texts, conditions and steps.
    pub(crate) names: BTreeSet<String>,
    /// Templates, as written.
    pub(crate) templates: Vec<Spanned<String>>,
    /// Sources that its `unpack`s and `input`s name.
    pub(crate) fetched: BTreeSet<String>,
    /// Sources that it declares itself.
    pub(crate) declared: Vec<Spanned<String>>,
}

impl Mentions {
    /// Collects what nodes speak of, without knowing what they mean.
    pub(crate) fn of<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let mut mentions = Self::default();
        for node in nodes {
            mentions.add(node);
        }
        mentions
    }

    fn add(&mut self, node: &Node) {
        let kind = node.name.value.as_str();
        for entry in &node.entries {
            let Value::Text(text) = &entry.value else {
                continue;
            };
            let written = || Spanned::new(text.value.clone(), entry.span);
            match (kind, entry.name.as_ref().map(|name| name.value.as_str())) {
                ("when" | "param", None) => _ = self.names.insert(text.value.clone()),
                ("unpack", None) | ("input", Some("source")) => {
                    self.fetched.insert(text.value.clone());
                }
                ("source", None) => self.declared.push(written()),
                (_, Some("template")) => self.templates.push(written()),
                _ => {}
            }
            for piece in pieces(text).unwrap_or_default() {
                if let Piece::Name { name, .. } = piece {
                    // `${name.field}` reads the parameter too.
                    self.names.insert(name.split('.').next().unwrap_or_default().to_owned());
                }
            }
        }
        node.children.iter().for_each(|child| self.add(child));
    }
}

pub(crate) fn decode_use(node: &Node, sink: &mut Sink) -> Option<RoleUse> {
    let mut cursor = Cursor::of(node, &USE);
    let name = cursor.arg::<String>("name");
    let overrides = cursor.prop::<bool>("override").is_some_and(|value| value.value);
    let given = given(&mut cursor, sink);
    cursor.finish(sink);
    Some(RoleUse { name: name?, head: node.head, overrides, given })
}

/// All properties and children as values of parameters.
pub(crate) fn given(cursor: &mut Cursor<'_>, sink: &mut Sink) -> Vec<Given> {
    let mut given: Vec<Given> = cursor
        .rest_props()
        .into_iter()
        .map(|(name, entry)| Given { name: name.clone(), value: GivenValue::One(entry.clone()) })
        .collect();
    for child in cursor.rest_children() {
        let mut below = Cursor::new(child);
        for (name, _) in below.rest_props() {
            below.report(
                Diagnostic::error(
                    codes::SYNTAX_UNKNOWN_PROPERTY,
                    "a list's elements have no names",
                )
                .at(name.span, "not an argument"),
            );
        }
        let entries = child.entries.iter().filter(|entry| entry.name.is_none()).cloned().collect();
        below.args::<Value>("element");
        below.finish(sink);
        if let Some(earlier) = given.iter().find(|known| known.name == child.name) {
            sink.push(
                Diagnostic::error(
                    codes::SYNTAX_DUPLICATE,
                    format!("`{}` is given twice", child.name.value),
                )
                .at(child.name.span, "and again here")
                .and(earlier.name.span, "first here"),
            );
            continue;
        }
        given.push(Given { name: child.name.clone(), value: GivenValue::List(entries) });
    }
    given
}
