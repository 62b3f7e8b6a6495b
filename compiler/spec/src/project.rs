//! What a project declares, by kind and name.

use std::collections::{BTreeMap, BTreeSet};

use forge_control::ProfileTemplate;
use forge_diag::{Code, Diagnostic, FileId, Levels, Sink, SourceMap, Span, Spanned, codes};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Node, Written, quote, suggest, unknown_node};

use crate::levels;
use crate::library::{check_name, is_library};
use crate::node::base::BaseDecl;
use crate::node::fetched::SourceDecl;
use crate::node::image::ImageDecl;
use crate::node::mirror::MirrorDecl;
use crate::node::role::RoleDecl;
use crate::node::secret::SecretDecl;
use crate::node::{base, fetched, image, matrix, mirror, role, secret};

pub(crate) const PROJECT: NodeKind = NodeKind {
    name: "project",
    doc: "The project's name, for reports. It stands in `forge.kdl` at the project's root, and may \
          be left out.",
    args: &[Field::required("name", "text", "its name")],
    props: &[],
    children: &[],
    example: "project \"site\"",
};

const TOP_LEVEL: [&str; 10] = [
    "project", "lints", "mirror", "base", "role", "profile", "secret", "source", "image", "images",
];

/// Everything that the files of a project declare.
#[derive(Debug, Default)]
pub(crate) struct Project {
    pub(crate) mirrors: BTreeMap<String, MirrorDecl>,
    pub(crate) bases: BTreeMap<String, BaseDecl>,
    pub(crate) roles: BTreeMap<String, RoleDecl>,
    pub(crate) profiles: BTreeMap<String, ProfileTemplate>,
    pub(crate) secrets: BTreeMap<String, SecretDecl>,
    pub(crate) fetched: BTreeMap<String, SourceDecl>,
    pub(crate) images: BTreeMap<String, ImageDecl>,
    /// What is said of warnings.
    pub(crate) levels: Levels,
    /// Names of the shipped library, when the project names one of it.
    pub(crate) library: BTreeSet<String>,
    /// The directory of the library whose files are being read.
    reading: Option<String>,
    /// Where `project` stands.
    named_at: Option<Span>,
    /// Where `lints` stands.
    lints: Option<Span>,
    /// Where each name was declared first, by kind.
    places: Places,
}

impl Project {
    /// Adds the declarations of one file of the project.
    pub(crate) fn add(&mut self, nodes: &[Node], map: &SourceMap, sink: &mut Sink) {
        self.reading = None;
        for node in nodes {
            self.add_node(node, map, sink);
        }
    }

    /// Adds what other files declare, which were read by themselves.
    pub(crate) fn merge(&mut self, other: Self, sink: &mut Sink) {
        let Self {
            mirrors,
            bases,
            roles,
            profiles,
            secrets,
            fetched,
            images,
            mut levels,
            library: _,
            reading: _,
            named_at,
            lints,
            places,
        } = other;
        let known = &mut self.places;
        merge(&mut self.mirrors, known, "mirror", (mirrors, &places), sink);
        merge(&mut self.bases, known, "base", (bases, &places), sink);
        merge(&mut self.roles, known, "role", (roles, &places), sink);
        merge(&mut self.profiles, known, "profile", (profiles, &places), sink);
        merge(&mut self.secrets, known, "secret", (secrets, &places), sink);
        merge(&mut self.fetched, known, "source", (fetched, &places), sink);
        merge(&mut self.images, known, "image", (images, &places), sink);
        if let Some(at) = named_at {
            self.name_once(at, sink);
        }
        if let Some(at) = lints
            && !self.lint_once(at, sink)
        {
            levels.forget_project();
        }
        self.levels.extend(levels);
    }

    /// Adds the declarations of one file of the library's directory.
    pub(crate) fn add_library(
        &mut self,
        directory: &str,
        nodes: &[Node],
        map: &SourceMap,
        sink: &mut Sink,
    ) {
        self.reading = Some(directory.to_owned());
        for node in nodes {
            self.add_node(node, map, sink);
        }
        self.reading = None;
    }

    /// The declaration's name and the declaration, where the file may declare that name.
    fn named<T>(
        &self,
        decl: Option<T>,
        name: impl Fn(&T) -> &Spanned<String>,
        sink: &mut Sink,
    ) -> Option<(Spanned<String>, T)> {
        let decl = decl?;
        let name = name(&decl).clone();
        check_name(self.reading.as_deref(), &name, sink).then_some((name, decl))
    }

    fn add_node(&mut self, node: &Node, map: &SourceMap, sink: &mut Sink) {
        match node.name.value.as_str() {
            "project" => self.add_project(node, map, sink),
            "lints" => self.add_lints(node, map, sink),
            "mirror" => {
                let decl = self.named(mirror::decode(node, sink), |decl| &decl.name, sink);
                insert(&mut self.mirrors, &mut self.places, "mirror", decl, sink);
            }
            "base" => {
                let decl = self.named(base::decode(node, sink), |decl| &decl.name, sink);
                insert(&mut self.bases, &mut self.places, "base", decl, sink);
            }
            "role" => {
                let decl = self.named(role::decode(node, sink), |decl| &decl.name, sink);
                insert(&mut self.roles, &mut self.places, "role", decl, sink);
            }
            "profile" => {
                let decl = ProfileTemplate::decode(node, map, sink);
                let decl = self.named(decl, |decl| &decl.name, sink);
                insert(&mut self.profiles, &mut self.places, "profile", decl, sink);
            }
            "secret" => {
                let decl = self.named(secret::decode(node, sink), |decl| &decl.name, sink);
                insert(&mut self.secrets, &mut self.places, "secret", decl, sink);
            }
            "source" => {
                let decl = fetched::decode(node, sink).map(|decl| (decl.name.clone(), decl));
                insert(&mut self.fetched, &mut self.places, "source", decl, sink);
            }
            "images" => {
                for decl in matrix::decode(node, sink) {
                    let decl = self.named(Some(decl), |decl| &decl.name, sink);
                    insert(&mut self.images, &mut self.places, "image", decl, sink);
                }
            }
            "image" => {
                let decl = self.named(image::decode(node, sink), |decl| &decl.name, sink);
                insert(&mut self.images, &mut self.places, "image", decl, sink);
            }
            name => {
                let headline = format!("`{name}` declares nothing that forge knows");
                let found = Diagnostic::error(codes::SYNTAX_UNKNOWN_NODE, headline)
                    .at(node.name.span, "unknown node");
                sink.push(unknown_node(found, &node.name, TOP_LEVEL));
            }
        }
    }

    fn add_project(&mut self, node: &Node, map: &SourceMap, sink: &mut Sink) {
        let mut cursor = Cursor::of(node, &PROJECT);
        cursor.arg::<String>("name");
        cursor.finish(sink);
        at_the_root(node, map, sink);
        self.name_once(node.head, sink);
    }

    fn name_once(&mut self, at: Span, sink: &mut Sink) {
        if let Some(first) = self.named_at.replace(at) {
            sink.push(
                Diagnostic::error(codes::SPEC_DUPLICATE, "the project is named twice")
                    .at(at, "and again here")
                    .and(first, "first here"),
            );
        }
    }

    fn add_lints(&mut self, node: &Node, map: &SourceMap, sink: &mut Sink) {
        if at_the_root(node, map, sink) && self.lint_once(node.head, sink) {
            levels::decode(node, &mut self.levels, sink);
        }
    }

    /// True for the first node that gives warnings their levels; others are reported.
    fn lint_once(&mut self, at: Span, sink: &mut Sink) -> bool {
        if let Some(first) = self.lints {
            sink.push(
                Diagnostic::error(codes::SPEC_DUPLICATE, "two nodes give warnings their levels")
                    .at(at, "and again here")
                    .and(first, "first here"),
            );
            return false;
        }
        self.lints = Some(at);
        true
    }

    /// Reports images that stand on nothing, when all bases are known.
    pub(crate) fn check_bases(&self, sink: &mut Sink) {
        let on_nothing = |image: &ImageDecl| image.on_nothing(self.bases.keys());
        sink.extend(self.images.values().filter_map(on_nothing).collect::<Vec<_>>());
    }

    /// The files in which something is declared beside images and roles: it may count for any image.
    pub(crate) fn for_all_images(&self) -> impl Iterator<Item = FileId> {
        let of_some = ["image", "role"];
        let declared = self.places.iter().filter(move |((kind, _), _)| !of_some.contains(kind));
        let spans = declared.map(|(_, span)| *span).chain(self.named_at).chain(self.lints);
        spans.map(|span| span.file)
    }

    pub(crate) fn mirror(&self, name: &Spanned<String>, sink: &mut Sink) -> Option<&MirrorDecl> {
        find(&self.mirrors, &self.library, "mirror", name, sink)
    }

    pub(crate) fn base(&self, name: &Spanned<String>, sink: &mut Sink) -> Option<&BaseDecl> {
        find(&self.bases, &self.library, "base", name, sink)
    }

    pub(crate) fn role(&self, name: &Spanned<String>, sink: &mut Sink) -> Option<&RoleDecl> {
        find(&self.roles, &self.library, "role", name, sink)
    }

    pub(crate) fn profile(
        &self,
        name: &Spanned<String>,
        sink: &mut Sink,
    ) -> Option<&ProfileTemplate> {
        find(&self.profiles, &self.library, "profile", name, sink)
    }

    pub(crate) fn secret(&self, name: &Spanned<String>, sink: &mut Sink) -> Option<&SecretDecl> {
        find(&self.secrets, &self.library, "secret", name, sink)
    }

    pub(crate) fn image(&self, name: &Spanned<String>, sink: &mut Sink) -> Option<&ImageDecl> {
        find(&self.images, &self.library, "image", name, sink)
    }
}

/// What speaks of the whole project stands where everybody looks; true when it does.
fn at_the_root(node: &Node, map: &SourceMap, sink: &mut Sink) -> bool {
    let there = &*map.path(node.head.file) == "forge.kdl";
    if !there {
        let headline = format!("`{}` stands in `forge.kdl` alone", node.name.value);
        sink.push(Diagnostic::error(codes::SPEC_PROJECT, headline).at(node.head, "not here"));
    }
    there
}

/// Where names were declared first, by kind.
type Places = BTreeMap<(&'static str, String), Span>;

fn merge<T>(
    known: &mut BTreeMap<String, T>,
    places: &mut Places,
    kind: &'static str,
    (new, spans): (BTreeMap<String, T>, &Places),
    sink: &mut Sink,
) {
    for (name, decl) in new {
        let key = (kind, name);
        let Some(span) = spans.get(&key).copied() else { continue };
        insert(known, places, kind, Some((Spanned::new(key.1, span), decl)), sink);
    }
}

fn insert<T>(
    known: &mut BTreeMap<String, T>,
    places: &mut Places,
    kind: &'static str,
    decl: Option<(Spanned<String>, T)>,
    sink: &mut Sink,
) {
    let Some((name, decl)) = decl else { return };
    if let Some(first) = places.get(&(kind, name.value.clone())) {
        sink.push(duplicate(codes::SPEC_DUPLICATE, kind, &name, *first));
        return;
    }
    places.insert((kind, name.value.clone()), name.span);
    known.insert(name.value, decl);
}

fn duplicate(code: Code, kind: &str, name: &Spanned<String>, first: Span) -> Diagnostic {
    Diagnostic::error(code, format!("two declarations of the {kind} `{}`", name.value))
        .at(name.span, "declared again here")
        .and(first, "first here")
}

fn find<'a, T>(
    known: &'a BTreeMap<String, T>,
    library: &BTreeSet<String>,
    kind: &str,
    name: &Spanned<String>,
    sink: &mut Sink,
) -> Option<&'a T> {
    let found = known.get(&name.value);
    if found.is_none() {
        let headline = format!("there is no {kind} `{}`", name.value);
        let found = Diagnostic::error(codes::SPEC_UNDEFINED, headline).at(name.span, "named here");
        let shipped = library.iter().filter(|_| is_library(&name.value));
        let candidates = known.keys().chain(shipped).map(String::as_str);
        let of_library = format!("std/{}", name.value);
        sink.push(if library.contains(&of_library) {
            let quoted = quote(&of_library);
            found.help(format!("the library has one: write {quoted}")).offer(name.span, quoted)
        } else {
            suggest(found, name, Written::Quoted, candidates)
        });
    }
    found
}
