//! The tables of all node kinds, for the language reference.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use forge_syntax::reference::{Field, NodeKind};

use crate::node::{
    base, content, expect_failed, fetched, image, kernel, matrix, mirror, output, role, secret,
    unit,
};
use crate::{levels, node, project};

/// The kinds that may stand at the top of a file.
pub fn top_level() -> Vec<&'static NodeKind> {
    vec![
        &project::PROJECT,
        &levels::KIND,
        &mirror::KIND,
        &base::KIND,
        &secret::KIND,
        &fetched::KIND,
        &role::KIND,
        &image::KIND,
        &matrix::KIND,
    ]
}

/// The kinds that may stand in a role's or an image's body.
pub fn body() -> Vec<&'static NodeKind> {
    node::statement_kinds().collect()
}

/// The kinds that stand in one other kind alone: that kind's name and the table.
pub fn inner() -> Vec<(&'static str, &'static NodeKind)> {
    vec![
        ("base", &base::DEBIAN),
        ("base", &base::ARCHIVE),
        ("role", &forge_param::KIND),
        ("file", &content::KIND),
        ("unit", &unit::DROP_IN),
        ("images", &matrix::CELL),
        ("image", &kernel::KIND),
        ("image", &output::KIND),
        ("image", &expect_failed::KIND),
    ]
}

/// What a value is, by the words of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A name that is given here.
    Name,
    /// The name of something that is declared: of which kind.
    Reference(&'static str),
    /// A file or directory of the project.
    ProjectPath,
    /// A package.
    Package,
    /// An account.
    Account,
    /// A group.
    Group,
    /// A parameter in scope.
    Parameter,
    /// `#true` or `#false`.
    Truth,
    /// One of these words.
    Words(Vec<&'static str>),
    /// Something that no list has.
    Other,
}

impl Meaning {
    /// The meaning of a field's type, or of what a child takes.
    pub fn of(ty: &'static str) -> Self {
        match ty {
            "name" => Self::Name,
            "path in the project" => Self::ProjectPath,
            "package's name" | "package's name or pattern" => Self::Package,
            "account's name" => Self::Account,
            "group's name" => Self::Group,
            "parameter's name" => Self::Parameter,
            "truth value" => Self::Truth,
            _ => {
                let rest =
                    ty.strip_prefix("name of a `").or_else(|| ty.strip_prefix("name of an `"));
                if let Some((kind, _)) = rest.and_then(|rest| rest.split_once('`')) {
                    return Self::Reference(kind);
                }
                let words = words(ty);
                if words.is_empty() { Self::Other } else { Self::Words(words) }
            }
        }
    }
}

/// The words of `"a" or "b"`, or of `` `a`, `b` or `c` ``.
fn words(ty: &'static str) -> Vec<&'static str> {
    let quote = match (ty.contains('"'), ty.starts_with('`')) {
        (true, _) => '"',
        (false, true) => '`',
        (false, false) => return Vec::new(),
    };
    let words = ty.split(quote).skip(1).step_by(2);
    words.filter(|word| !word.is_empty() && !word.contains(' ')).collect()
}

/// The kind of a node of this name below these nodes, the outermost first.
pub fn kind(parents: &[&str], name: &str) -> Option<&'static NodeKind> {
    use forge_control::reference::{CONTROL, INPUT, NODE_KINDS, PROFILE, SKIP};
    let named = |kind: &&NodeKind| kind.name == name;
    let [first, ..] = parents else {
        return top_level().into_iter().chain([&PROFILE]).find(named);
    };
    let parent = parents.last()?;
    if *first == "profile" {
        return match (*parent, name) {
            ("profile", "param") => Some(&forge_param::KIND),
            ("profile", "control") => Some(&CONTROL),
            ("profile", "input") => Some(&INPUT),
            ("profile", "skip") => Some(&SKIP),
            ("control" | "any-of" | "only-if", _) => {
                let demands = |kind: &&NodeKind| {
                    !matches!(kind.name, "profile" | "input" | "skip" | "control")
                };
                NODE_KINDS.into_iter().filter(demands).find(named)
            }
            _ => None,
        };
    }
    // A matrix and its cells hold what an image holds.
    let owner = |owner: &str| owner == *parent || owner == "image" && is_image(parents);
    let own = inner().into_iter().find(|(of, kind)| owner(of) && kind.name == name);
    match own {
        Some((_, kind)) => Some(kind),
        None => body().into_iter().find(named).filter(|_| holds_body(parents)),
    }
}

/// The properties that a node may have, by its own table or by that of the node that it stands in.
pub fn properties(parents: &[&str], name: &str) -> &'static [Field] {
    if let Some(table) = kind(parents, name) {
        return table.props;
    }
    let child = parents.split_last().and_then(|(parent, above)| {
        kind(above, parent)?.children.iter().find(|child| child.name == name)
    });
    child.map_or(&[], |child| child.props)
}

/// Whether what stands below these nodes is the body of a role or an image.
pub fn holds_body(parents: &[&str]) -> bool {
    match parents {
        ["role"] | ["role" | "image" | "images", .., "when"] => true,
        _ => is_image(parents),
    }
}

/// Whether these nodes are an image, a matrix of images, or a cell of one.
fn is_image(parents: &[&str]) -> bool {
    matches!(parents, ["image" | "images"] | ["images", "cell"])
}

/// The nodes that may stand below these: name and what it does.
pub fn below(parents: &[&str]) -> Vec<(&'static str, &'static str)> {
    let Some((parent, above)) = parents.split_last() else {
        let all = top_level().into_iter().chain([&forge_control::reference::PROFILE]);
        return all.map(|kind| (kind.name, kind.doc)).collect();
    };
    let own = kind(above, parent).map_or(&[][..], |kind| kind.children);
    let mut found: Vec<_> = own.iter().map(|child| (child.name, child.doc)).collect();
    if holds_body(parents) {
        found.extend(body().into_iter().map(|kind| (kind.name, kind.doc)));
    }
    found
}

/// Whether other nodes speak of nodes of this kind by name.
pub(crate) fn referable(kind: &str) -> bool {
    static KINDS: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let tables =
            top_level().into_iter().chain(body()).chain(inner().into_iter().map(|(_, kind)| kind));
        let fields = tables.flat_map(|table| {
            let takes = table.children.iter().filter_map(|child| child.takes);
            table.args.iter().chain(table.props).map(|field| field.ty).chain(takes)
        });
        let named = fields.filter_map(|ty| match Meaning::of(ty) {
            Meaning::Reference(kind) => Some(kind),
            _ => None,
        });
        named.chain(["user", "group"]).collect()
    });
    kinds.contains(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_name_something_name_a_kind() {
        let known: Vec<&str> = below(&[])
            .into_iter()
            .map(|(name, _)| name)
            .chain(body().into_iter().map(|kind| kind.name))
            .collect();
        let tables =
            top_level().into_iter().chain(body()).chain(inner().into_iter().map(|(_, kind)| kind));
        let mut references = 0;
        for table in tables {
            let takes = table.children.iter().filter_map(|child| child.takes);
            for ty in table.args.iter().chain(table.props).map(|field| field.ty).chain(takes) {
                if let Meaning::Reference(kind) = Meaning::of(ty) {
                    assert!(known.contains(&kind), "`{}` speaks of a `{kind}`", table.name);
                    references += 1;
                }
                let near = ["path", "account", "package", "parameter", "truth"];
                let plain = near.iter().any(|word| ty.starts_with(word));
                assert!(
                    !plain || Meaning::of(ty) != Meaning::Other,
                    "`{}`: `{ty}` is near a type with a meaning",
                    table.name
                );
            }
        }
        assert!(references > 5, "{references}");
    }

    #[test]
    fn words_are_read_from_types() {
        let cases: [(&'static str, &[&str]); 4] = [
            ("\"gzip\" or \"zstd\"", &["gzip", "zstd"]),
            ("`\"tree\"`, `\"container\"` or `\"booted\"`", &["tree", "container", "booted"]),
            ("`string`, `int` or `bool`", &["string", "int", "bool"]),
            ("0.0 to 1.0, or `\"none\"`", &["none"]),
        ];
        for (ty, want) in cases {
            assert_eq!(Meaning::of(ty), Meaning::Words(want.to_vec()), "{ty}");
        }
        assert_eq!(Meaning::of("four octal digits in quotes"), Meaning::Other);
        assert_eq!(Meaning::of("name of an `image`"), Meaning::Reference("image"));
    }
}
