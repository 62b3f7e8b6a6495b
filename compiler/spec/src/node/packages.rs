use forge_diag::{Diagnostic, Sink, Span, codes};
use forge_model::{Located, SourceFile};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Entry, Node, quote};

use super::{TextAt, bad_name};
use crate::PartPackages;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "packages",
    doc: "Packages to install, with what they depend on: by name from the base's sources and from \
          repositories, or a package file of the project. Name, version and dependencies of a file \
          are what the file itself says.",
    args: &[Field::optional(
        "name",
        "package's name",
        "one or more, unless `deb=` is given; `\"${list}\"` gives all of a list",
    )],
    props: &[
        Field::optional("deb", "path in the project", "a package file, `vendor/x_1.2_amd64.deb`"),
        Field::default("recommends", "truth value", "#false", "recommended packages come along"),
    ],
    children: &[],
    example: "packages \"slurmd\" \"slurm-client\"",
};

/// One `packages` node.
#[derive(Debug)]
pub(crate) struct PackagesDecl {
    names: Vec<TextAt>,
    deb: Option<TextAt>,
    head: Span,
    recommends: bool,
}

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<PackagesDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let deb: Option<TextAt> = cursor.prop("deb");
    let is_deb = |entry: &Entry| entry.name.as_ref().is_some_and(|name| name.value == "deb");
    let names = if node.entries.iter().any(is_deb) {
        cursor.args("package's name")
    } else {
        cursor.some_args("package's name")
    };
    let recommends = cursor.prop::<bool>("recommends").is_some_and(|value| value.value);
    cursor.finish(sink);
    let head = node.head;
    (!names.is_empty() || deb.is_some()).then_some(PackagesDecl { names, deb, head, recommends })
}

impl PackagesDecl {
    pub(crate) fn resolve(&self, cx: &mut Context<'_>) -> PartPackages {
        let mut names = Vec::new();
        for name in cx.texts(&self.names) {
            if is_package(&name.value) {
                names.push(cx.located(name));
            } else {
                let headline = format!("`{}` is no name of a package", name.value);
                let found = bad_name(name.span, headline).help(help(&name.value));
                cx.report(match meant(&name.value) {
                    Some((meant, sure)) if cx.map.slice(name.span) == quote(&name.value) => {
                        if sure {
                            found.mend(name.span, meant)
                        } else {
                            found.offer(name.span, meant)
                        }
                    }
                    _ => found,
                });
            }
        }
        let files: Vec<Located<SourceFile>> = match &self.deb {
            Some(text) => deb(cx, text)
                .map(|file| Located::new(file, cx.origin(self.head)))
                .into_iter()
                .collect(),
            None => Vec::new(),
        };
        PartPackages { names, files, recommends: self.recommends }
    }
}

/// What to write instead of what is no package's name.
/// What a text that is no name of a package means, as it is written, and whether nothing else can be
/// meant.
fn meant(name: &str) -> Option<(String, bool)> {
    let words: Vec<&str> = name.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    if words.len() > 1 && words.iter().all(|word| is_package(word)) {
        let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
        return Some((words.join(" "), true));
    }
    let lower = name.to_ascii_lowercase();
    is_package(&lower).then(|| (quote(&lower), false))
}

fn help(name: &str) -> String {
    if let Some((package, version)) = name.split_once('=') {
        let (package, version) = (quote(package), quote(version.trim_start_matches('=')));
        return format!("a version is held by `pin {package} version={version} priority=1001`");
    }
    if let Some((words, true)) = meant(name) {
        return format!("each name is a text of its own: `packages {words}`");
    }
    "lower-case letters, digits and `+ - .`, two at least".to_owned()
}

/// No package file is as small as this; what stands in for a large file is (git-lfs, git-annex).
const SMALLEST: u64 = 256;

/// A package file of the project. What it holds is read when packages are resolved.
fn deb(cx: &mut Context<'_>, text: &TextAt) -> Option<SourceFile> {
    let file = cx.source(text)?;
    if file.size >= SMALLEST {
        return Some(file);
    }
    let pointer = cx
        .sources
        .read(&file.path)
        .is_ok_and(|bytes| bytes.starts_with(b"version https://git-lfs"));
    let help = if pointer {
        "a pointer of git-lfs stands in its place: run `git lfs pull`"
    } else {
        "a package file is made by dpkg-deb(1)"
    };
    cx.report(
        Diagnostic::error(codes::SPEC_SOURCE, format!("`{}` is no Debian package", file.path))
            .at(text.span, format!("it has {} bytes", file.size))
            .help(help),
    );
    None
}

/// Debian Policy 5.6.1, with `:ARCH` behind it as apt takes it.
pub(crate) fn is_package(name: &str) -> bool {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        })
}
