use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_model::{SecretReference, SecretSource};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node, Text};

use super::{TextAt, bad_value};
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "secret",
    doc: "A reference to a secret value, which only a build opens. Exactly one of its child nodes \
          says where the value is.",
    args: &[Field::required("name", "name", "its name")],
    props: &[Field::optional(
        "version",
        "whole number",
        "for `env` and `file`, which have no ciphertext in the project: raise it on rotation",
    )],
    children: &[
        Child::new("age", "a file of the project, encrypted with age").takes("path in the project"),
        Child::new("env", "an environment variable of the builder"),
        Child::new("file", "a file of the builder, by absolute path"),
    ],
    example: "secret \"munge-key\" { age \"secrets/munge.key.age\" }",
};

/// Where a secret's value is, as declared.
#[derive(Debug)]
enum Place {
    Age(TextAt),
    Environment(String),
    File(String),
}

/// A declared secret.
#[derive(Debug)]
pub(crate) struct SecretDecl {
    pub(crate) name: Spanned<String>,
    head: Span,
    place: Place,
    version: u64,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<SecretDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg::<String>("name");
    let version = cursor.prop::<u64>("version");
    let mut places = Vec::new();
    let mut found = Sink::new();
    for kind in ["age", "env", "file"] {
        if let Some(child) = cursor.child(kind) {
            let mut below = Cursor::new(child);
            if let Some(text) = below.arg::<Text>(kind_word(kind)) {
                places.push((child.head, kind, text));
            }
            below.finish(&mut found);
        }
    }
    let broken = !found.is_empty();
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    if let [(first, _, _), (again, _, _), ..] = places.as_slice() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_DUPLICATE, "a secret has one place")
                .at(*again, "and again here")
                .and(*first, "first here"),
        );
    }
    if places.is_empty() && !broken && cursor.node().children.is_empty() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_MISSING, "`secret` does not say where its value is")
                .at(node.head, "")
                .help("add `{ age \"FILE\" }`, `{ env \"VARIABLE\" }` or `{ file \"/PATH\" }`"),
        );
    }
    let place = places.into_iter().next().and_then(|(_, kind, text)| match kind {
        "age" => Some(Place::Age(text)),
        "env" => Some(Place::Environment(text.value.value)),
        _ => absolute(text, &mut cursor).map(Place::File),
    });
    if let (Some(Place::Age(_)), Some(version)) = (&place, version) {
        cursor.report(
            bad_value(version.span, "an encrypted file needs no `version`", "means nothing here")
                .help("take it away: the ciphertext itself changes on rotation"),
        );
    }
    cursor.finish(sink);
    let version = version.map_or(1, |version| version.value);
    Some(SecretDecl { name: name?, head: node.head, place: place?, version })
}

fn kind_word(kind: &str) -> &'static str {
    match kind {
        "env" => "variable",
        _ => "path",
    }
}

fn absolute(text: TextAt, cursor: &mut Cursor<'_>) -> Option<String> {
    let path = text.value.value;
    if path.starts_with('/') {
        return Some(path);
    }
    cursor.report(
        Diagnostic::error(codes::SPEC_PATH, format!("`{path}` is no path of the builder"))
            .at(text.span, "it does not begin with `/`")
            .help("a secret in the project is encrypted: `age \"FILE\"`"),
    );
    None
}

/// Whether a file begins as age writes it (age-encryption.org/v1), binary or armored. One that cannot
/// be read is told elsewhere.
fn is_age(cx: &Context<'_>, path: &str) -> bool {
    const HEADERS: [&[u8]; 2] = [b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----"];
    match cx.sources.read_at_most(path, LARGEST) {
        Ok(bytes) => HEADERS.iter().any(|header| bytes.starts_with(header)),
        Err(_) => true,
    }
}

/// More than any secret; what is larger is not looked at.
const LARGEST: u64 = 1 << 20;

impl SecretDecl {
    /// The reference that plans and images carry.
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> Option<SecretReference> {
        let version = self.version;
        let source = match &self.place {
            Place::Age(path) => {
                let file = cx.source(path)?;
                if !is_age(cx, &file.path) {
                    cx.report(
                        Diagnostic::error(
                            codes::SPEC_SOURCE,
                            format!("`{}` is not encrypted with age", file.path),
                        )
                        .at(path.span, "it has no header of age")
                        .help("encrypt the value: `age -r RECIPIENT -o FILE.age FILE`"),
                    );
                    return None;
                }
                SecretSource::Age(file)
            }
            Place::Environment(variable) => {
                SecretSource::Environment { variable: variable.clone(), version }
            }
            Place::File(path) => SecretSource::File { path: path.clone(), version },
        };
        let origin = cx.origin(self.head);
        Some(SecretReference { name: self.name.value.clone(), source, origin })
    }
}
