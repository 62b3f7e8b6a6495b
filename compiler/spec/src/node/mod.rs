//! Node kinds, one file each: what a node says (its table), how it is read, what it resolves to.

pub(crate) mod account;
pub(crate) mod base;
pub(crate) mod console;
pub(crate) mod content;
pub(crate) mod controls;
pub(crate) mod directory;
pub(crate) mod edit;
pub(crate) mod environment;
pub(crate) mod exclude_paths;
pub(crate) mod expect_failed;
pub(crate) mod fetched;
pub(crate) mod file;
pub(crate) mod hostname;
pub(crate) mod identity;
pub(crate) mod image;
pub(crate) mod kernel;
pub(crate) mod kernel_modules;
pub(crate) mod limit;
pub(crate) mod link;
pub(crate) mod locale;
pub(crate) mod matrix;
pub(crate) mod mirror;
pub(crate) mod mount;
pub(crate) mod output;
pub(crate) mod packages;
pub(crate) mod pin;
pub(crate) mod preseed;
pub(crate) mod put;
pub(crate) mod remove;
pub(crate) mod repository;
pub(crate) mod role;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod sudoers;
pub(crate) mod sysctl;
pub(crate) mod timezone;
pub(crate) mod unit;
pub(crate) mod when;

use std::fmt;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_param::Mode;
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Entry, FromValue, Mistake, Node, Text, Value, quote, unknown_node};

use crate::ItemKind;
use crate::context::Context;
use crate::resolve::ItemMemo;

/// A text of a spec, its `${name}` not yet put in.
pub(crate) type TextAt = Spanned<Text>;

/// What may stand in a role and in an image.
#[derive(Debug)]
pub(crate) enum Statement {
    Item(ItemDecl),
    Packages(packages::PackagesDecl),
    Source(fetched::SourceDecl),
    Role(role::RoleUse),
    Controls(controls::ControlsUse),
    When(when::WhenDecl),
}

/// An item that changes the image.
#[derive(Debug)]
pub(crate) struct ItemDecl {
    pub(crate) span: Span,
    pub(crate) overrides: bool,
    pub(crate) what: Box<dyn Declaration>,
    pub(crate) memo: ItemMemo,
}

/// A read node that becomes an item once its parameters are known.
pub(crate) trait Declaration: fmt::Debug + Send + Sync {
    /// The item; none after a reported mistake.
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind>;

    /// `before="packages"` of a file or directory.
    fn is_early(&self) -> bool {
        false
    }

    /// Another item that comes with it.
    fn brings(&self, _: &mut Context<'_>) -> Option<ItemKind> {
        None
    }
}

type Read = fn(&mut Cursor<'_>) -> Option<Box<dyn Declaration>>;

/// Every kind of item with its reader.
const ITEMS: &[(&NodeKind, Read)] = &[
    (&repository::KIND, repository::read),
    (&pin::KIND, pin::read),
    (&pin::HOLD, pin::read_hold),
    (&preseed::KIND, preseed::read),
    (&exclude_paths::KIND, exclude_paths::read),
    (&fetched::UNPACK, fetched::read_unpack),
    (&file::KIND, file::read),
    (&directory::KIND, directory::read),
    (&link::KIND, link::read),
    (&edit::LINE, edit::read_line),
    (&edit::SETTING, edit::read_setting),
    (&remove::KIND, remove::read),
    (&account::USER, account::read_user),
    (&account::GROUP, account::read_group),
    (&sudoers::KIND, sudoers::read),
    (&service::KIND, service::read),
    (&unit::KIND, unit::read),
    (&run::KIND, run::read),
    (&sysctl::KIND, sysctl::read),
    (&limit::KIND, limit::read),
    (&environment::KIND, environment::read),
    (&hostname::KIND, hostname::read),
    (&locale::KIND, locale::read),
    (&timezone::KIND, timezone::read),
    (&identity::KIND, identity::read),
    (&console::KIND, console::read),
    (&mount::KIND, mount::read),
    (&kernel_modules::KIND, kernel_modules::read),
];

/// The kinds that may stand in a role and in an image.
pub(crate) fn statement_kinds() -> impl Iterator<Item = &'static NodeKind> {
    let others = [&packages::KIND, &fetched::KIND, &role::USE, &controls::KIND, &when::KIND];
    others.into_iter().chain(ITEMS.iter().map(|(kind, _)| *kind))
}

/// `override=#true`, which every item may have.
pub(crate) const OVERRIDE: Field = Field::default(
    "override",
    "truth value",
    "#false",
    "the item may change what another role or the parent image declares",
);

/// `before="packages"`, as files and directories have it.
pub(crate) const BEFORE_PACKAGES: Field = Field::optional(
    "before",
    "\"packages\"",
    "it is there before the packages of its role too, whose scripts find it",
);

/// Reads `before="packages"`: the place of it, where it is said.
pub(crate) fn before_packages(cursor: &mut Cursor<'_>) -> Option<Span> {
    one_of(cursor, "before", &["packages"]).map(|said| said.span)
}

/// Reads the nodes of a role's or an image's body. `owner` names the node that they stand in, and
/// `more` what else may stand there.
pub(crate) fn statements<'a>(
    nodes: impl IntoIterator<Item = &'a Node>,
    owner: &str,
    more: &[&'static str],
    sink: &mut Sink,
) -> Vec<Statement> {
    nodes.into_iter().filter_map(|node| statement(node, owner, more, sink)).collect()
}

fn statement(
    node: &Node,
    owner: &str,
    more: &[&'static str],
    sink: &mut Sink,
) -> Option<Statement> {
    let name = node.name.value.as_str();
    if let Some((kind, read)) = ITEMS.iter().find(|(kind, _)| kind.name == name) {
        return item(node, kind, *read, sink).map(Statement::Item);
    }
    match name {
        "packages" => packages::decode(node, sink).map(Statement::Packages),
        "source" => fetched::decode(node, sink).map(Statement::Source),
        "role" => role::decode_use(node, sink).map(Statement::Role),
        "controls" => Some(Statement::Controls(controls::decode(node, sink))),
        "when" => when::decode(node, owner, sink).map(Statement::When),
        _ => {
            let known = statement_kinds().map(|kind| kind.name).chain(more.iter().copied());
            let headline = format!("`{owner}` has no child node `{name}`");
            let found = Diagnostic::error(codes::SYNTAX_UNKNOWN_NODE, headline)
                .at(node.name.span, "unknown node");
            sink.push(unknown_node(found, &node.name, known));
            None
        }
    }
}

fn item(node: &Node, kind: &'static NodeKind, read: Read, sink: &mut Sink) -> Option<ItemDecl> {
    let mut cursor = Cursor::of(node, kind);
    let what = read(&mut cursor);
    let overrides = cursor.prop::<bool>("override").is_some_and(|value| value.value);
    cursor.finish(sink);
    what.map(|what| ItemDecl { span: node.head, overrides, what, memo: ItemMemo::default() })
}

/// A file mode: four octal digits, or a parameter that holds them.
#[derive(Clone, Debug)]
pub(crate) enum ModeText {
    Digits(u32),
    Parameter(Text),
}

impl FromValue for ModeText {
    const EXPECTED: &'static str = Mode::EXPECTED;

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        match &entry.value {
            Value::Text(text) if !text.raw && text.value.starts_with("${") => {
                Ok(Self::Parameter(text.clone()))
            }
            _ => Mode::from_value(entry).map(|mode| Self::Digits(mode.0)),
        }
    }
}

/// The mode that a node gives; the usual one without. None after a reported mistake.
pub(crate) fn mode(
    cx: &mut Context<'_>,
    given: Option<&Spanned<ModeText>>,
    usual: u32,
) -> Option<u32> {
    let text = match given.map(|mode| &mode.value) {
        None => return Some(usual),
        Some(ModeText::Digits(mode)) => return Some(*mode),
        Some(ModeText::Parameter(text)) => text,
    };
    let span = given.map(|mode| mode.span)?;
    let value = cx.text(&Spanned::new(text.clone(), span))?;
    if forge_param::is_mode(&value) {
        return u32::from_str_radix(&value, 8).ok();
    }
    let found = Diagnostic::error(codes::SPEC_MODE, format!("`mode` must be {}", Mode::EXPECTED))
        .at(span, format!("its value is \"{value}\""));
    cx.report(cx.declare_as(found, text, "mode"));
    None
}

/// The name of an account or a group that a property gives. A number is none, in quotes neither.
pub(crate) fn account(cursor: &mut Cursor<'_>, name: &'static str) -> Option<TextAt> {
    let given = cursor.node().entries.iter().find(|entry| {
        entry.name.as_ref().is_some_and(|given| given.value == name)
            && matches!(entry.value, Value::Integer { .. })
    });
    let Some(entry) = given else { return cursor.prop(name) };
    cursor.prop_entry(name);
    let found = Diagnostic::error(codes::SYNTAX_TYPE, format!("`{name}` must be text in quotes"))
        .at(entry.span, "this is a whole number");
    let root = matches!(entry.value, Value::Integer { value: 0, .. });
    cursor.report(if root {
        found.help("it is a name, not a number: write \"root\"").offer(entry.span, "\"root\"")
    } else {
        found.help("it is a name, not a number")
    });
    None
}

/// A value that may be written as text or as a whole number.
#[derive(Clone, Debug)]
pub(crate) struct Plain(pub(crate) Text);

impl FromValue for Plain {
    const EXPECTED: &'static str = "text in quotes or a whole number";

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        match &entry.value {
            Value::Text(text) => Ok(Self(text.clone())),
            Value::Integer { value, .. } => Ok(Self(Text { value: value.to_string(), raw: true })),
            Value::Float { written, .. } => {
                let mended = quote(written);
                Err(Mistake::help(format!("write {mended}")).mended(mended))
            }
            Value::Bool(_) | Value::Null => Err(Mistake::default()),
        }
    }
}

/// The line that a declaration's `doc` holds; empty without one.
pub(crate) fn doc(cursor: &mut Cursor<'_>, sink: &mut Sink) -> String {
    let Some(node) = cursor.child("doc") else {
        return String::new();
    };
    let mut below = Cursor::new(node);
    let text = below.arg::<String>("text");
    below.finish(sink);
    text.map(|text| text.value).unwrap_or_default()
}

/// Reports a value that its place does not allow.
pub(crate) fn bad_value(span: Span, headline: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::error(codes::SPEC_VALUE, headline).at(span, label)
}

/// Reports a name that what it names cannot have.
pub(crate) fn bad_name(span: Span, headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::SPEC_NAME, headline).at(span, "here")
}

/// One of some words.
pub(crate) fn one_of(
    cursor: &mut Cursor<'_>,
    name: &'static str,
    words: &[&'static str],
) -> Option<Spanned<&'static str>> {
    let given = cursor.prop::<String>(name)?;
    if let Some(word) = words.iter().find(|word| **word == given.value) {
        return Some(Spanned::new(word, given.span));
    }
    let list: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let headline = match list.as_slice() {
        [only] => format!("`{name}` can only be {only}"),
        _ => format!("`{name}` must be one of {}", list.join(", ")),
    };
    let near = forge_syntax::closest(&given.value, words.iter().copied());
    let found = Diagnostic::error(codes::SPEC_CHOICE, headline).at(given.span, "not known");
    cursor.report(match near {
        Some(near) => {
            found.help(format!("did you mean \"{near}\"?")).offer(given.span, quote(near))
        }
        None => found,
    });
    None
}

/// The full name of a unit: `.service` unless it has an ending that systemd knows.
pub(crate) fn unit_name(name: &str) -> String {
    if has_unit_ending(name) { name.to_owned() } else { format!("{name}.service") }
}

/// The endings of systemd.unit(5).
pub(crate) fn has_unit_ending(name: &str) -> bool {
    let endings = [
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    name.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && endings.contains(&end))
}

/// Reports a unit's name that no file name can be; true when it is good.
pub(crate) fn check_unit_name(cx: &mut Context<'_>, span: Span, name: &str) -> bool {
    let good = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte));
    if !good {
        cx.report(
            bad_name(span, format!("`{name}` is no name of a unit"))
                .help("letters, digits and `: - _ . \\ @`, at most 255"),
        );
    }
    good
}
