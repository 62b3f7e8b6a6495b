//! What resolution of one image carries along: sources, places, the values in scope, findings.

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, FileId, Sink, SourceMap, Span, Spanned, codes};
use forge_model::{
    Fetch, ImagePath, Located, Origin, Profile, SecretReference, SourceError, SourceFile, Sources,
};
use forge_param::ParamValue;
use forge_syntax::{Piece, Text, Written, closest, did_you_mean, pieces, quote, suggest};

use crate::budget::{Budget, Tally};
use crate::paths;
use crate::placeholder;
use crate::project::Project;
use crate::resolve::FileMemo;
use crate::template;
use crate::value::Scope;

/// Values of a text, and what stands between them.
const MAX_PIECES: usize = 4096;
/// Bytes of a text with its values put in.
const MAX_TEXT: usize = 512 << 10;

pub(crate) struct Context<'a> {
    pub(crate) project: &'a Project,
    pub(crate) sources: &'a dyn Sources,
    pub(crate) map: &'a mut SourceMap,
    pub(crate) sink: &'a mut Sink,
    pub(crate) scope: Scope,
    pub(crate) templates: BTreeMap<String, Option<FileId>>,
    /// Files of the project whose texts were checked, by where they are named.
    pub(crate) checked: BTreeSet<(ImagePath, Span)>,
    /// Sources of the role or image that is being resolved; none after a reported mistake.
    pub(crate) own_sources: BTreeMap<String, Option<Fetch>>,
    /// Files of the project.
    pub(crate) files: &'a FileMemo,
    /// Profiles with their values put in.
    pub(crate) profiles: BTreeMap<(String, BTreeMap<String, ParamValue>), Profile>,
    /// Items that may override others, and whether they did in some image.
    pub(crate) overrides: BTreeMap<Span, bool>,
    /// A role is looked at without an image: every branch counts, and values are only examples.
    pub(crate) exploring: bool,
    /// What all images may come to.
    pub(crate) budget: &'a Budget,
    /// What was made and is not counted there yet.
    pub(crate) tally: Tally,
}

impl<'a> Context<'a> {
    /// Nothing resolved yet.
    pub(crate) fn new(
        project: &'a Project,
        sources: &'a dyn Sources,
        (map, sink): (&'a mut SourceMap, &'a mut Sink),
        (budget, files): (&'a Budget, &'a FileMemo),
    ) -> Self {
        Self {
            project,
            sources,
            map,
            sink,
            scope: Scope::default(),
            templates: BTreeMap::new(),
            checked: BTreeSet::new(),
            own_sources: BTreeMap::new(),
            files,
            profiles: BTreeMap::new(),
            overrides: BTreeMap::new(),
            exploring: false,
            budget,
            tally: Tally::default(),
        }
    }
}

impl Context<'_> {
    /// Counts what was made since the last time.
    pub(crate) fn spend(&mut self) {
        self.budget.spend(std::mem::take(&mut self.tally));
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    pub(crate) fn origin(&self, span: Span) -> Origin {
        origin(self.map, span)
    }

    pub(crate) fn located<T>(&self, at: Spanned<T>) -> Located<T> {
        let origin = self.origin(at.span);
        Located::new(at.value, origin)
    }

    /// A text with its `${name}` put in.
    pub(crate) fn text(&mut self, text: &Spanned<Text>) -> Option<String> {
        self.text_with(text, |_, _, _| None)
    }

    /// The same, with lists put in as `join` says: it is given what stands before the list, what is
    /// written behind it, and its elements. Without its answer a list cannot stand there.
    pub(crate) fn text_with(
        &mut self,
        text: &Spanned<Text>,
        join: impl Fn(&str, &str, &[String]) -> Option<String>,
    ) -> Option<String> {
        placeholder::check_text(self, text);
        let pieces = match pieces(&text.value) {
            Ok(pieces) => pieces,
            Err(bad) => {
                let span = self.find(text.span, &bad.found, 0);
                let headline = format!("`{}` cannot be put in", bad.found);
                let found = Diagnostic::error(codes::SPEC_TEXT, headline)
                    .at(span, bad.why)
                    .help("write `${name}`, or `$${` for a literal `${`");
                let inner = bad.found.strip_prefix("${").and_then(|name| name.strip_suffix('}'));
                let exact = self.map.slice(span) == bad.found;
                self.report(match inner.filter(|_| exact) {
                    Some(name) if self.scope.read(name.trim()).is_some() => {
                        found.mend(span, format!("${{{}}}", name.trim()))
                    }
                    Some(_) => found.offer(span, format!("${}", bad.found)),
                    None => found,
                });
                return None;
            }
        };
        let span = text.span;
        if pieces.len() > MAX_PIECES {
            let headline = format!("more than {MAX_PIECES} pieces are put into one text");
            self.report(Diagnostic::error(codes::SYNTAX_SIZE, headline).at(span, "into this"));
            return None;
        }
        let mut out = Some(String::with_capacity(text.value.value.len()));
        for (at, piece) in pieces.iter().enumerate() {
            let value = match piece {
                Piece::Literal(literal) => Some(literal.clone()),
                Piece::Name { name, index } => {
                    let behind = match pieces.get(at + 1) {
                        Some(Piece::Literal(literal)) => literal,
                        Some(Piece::Name { .. }) => "${",
                        None => "",
                    };
                    let list = self.scope.read(name).and_then(|value| value.elements());
                    let joined = list
                        .and_then(|list| join(out.as_deref().unwrap_or_default(), behind, &list));
                    let alone = pieces.len() == 1;
                    joined.or_else(|| self.name_value(text.span, (name, *index), alone))
                }
            };
            match (&mut out, value) {
                (Some(text), Some(value)) if text.len() + value.len() > MAX_TEXT => {
                    self.report(too_long(span));
                    return None;
                }
                (Some(out), Some(value)) => out.push_str(&value),
                (out, None) => *out = None,
                (None, Some(_)) => {}
            }
        }
        if let Some(text) = &out {
            self.tally.add(text.len());
        }
        out
    }

    fn name_value(
        &mut self,
        span: Span,
        (name, index): (&str, usize),
        alone: bool,
    ) -> Option<String> {
        let written = format!("${{{name}}}");
        let span = self.find(span, &written, index);
        if let Some((owner, field)) = name.split_once('.')
            && let Some(value) = self.scope.get(owner)
            && value.field(field).is_none()
        {
            let fields: Vec<&str> = value.fields().iter().map(|(name, _)| *name).collect();
            let headline = format!("`{owner}` has no `{field}`");
            let found = Diagnostic::error(codes::SPEC_TEXT, headline)
                .at(span, format!("its value here is {}", value.brief()))
                .maybe_help(did_you_mean(field, fields.iter().copied()));
            let found = match closest(field, fields) {
                Some(near) => found.offer_word(self.map, span, field, near),
                None => found,
            };
            self.report(found);
            return None;
        }
        let Some(value) = self.scope.read(name) else {
            let found = self.undefined_text(name, span);
            self.report(found);
            return None;
        };
        let text = value.text();
        if text.is_none() {
            self.report(list_in_text(name, span, alone));
        }
        text
    }

    /// That nothing gives `${name}` a value, with what it may be meant as: a parameter, or a text that
    /// another program puts something into.
    fn undefined_text(&self, name: &str, span: Span) -> Diagnostic {
        let literal = format!("$${{{name}}}");
        let near = closest(name, self.scope.names()).map(|near| format!("${{{near}}}"));
        let variable =
            name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let found = self.undefined_name(name).at(span, "not known here");
        let kept = format!("`{literal}` leaves `${{{name}}}` to the program that reads the text");
        let declared = match found.help.as_deref().filter(|_| near.is_some() || !variable) {
            Some(help) => help.trim_end_matches('?').to_owned(),
            None => format!("no `param \"{name}\"` is declared here"),
        };
        let mark = if near.is_some() { "?" } else { ";" };
        let found = found.help(format!("{declared}{mark} {kept}"));
        // Escapes may hide it.
        if self.map.slice(span) != format!("${{{name}}}") {
            return found;
        }
        let found = near.into_iter().fold(found, |found, near| found.offer(span, near));
        found.offer(span, literal)
    }

    /// The secret of this name.
    pub(crate) fn secret(&mut self, name: &Spanned<String>) -> Option<SecretReference> {
        let project = self.project;
        project.secret(name, self.sink)?.resolve(self)
    }

    /// The source of this name: the part's own, or the project's.
    pub(crate) fn fetched(&mut self, name: &Spanned<String>) -> Option<Fetch> {
        // A role's source may be made with its parameters.
        self.scope.note_read();
        if let Some(own) = self.own_sources.get(&name.value) {
            return own.clone();
        }
        let project = self.project;
        if let Some(decl) = project.fetched.get(&name.value) {
            // The project's sources know no parameters.
            let scope = std::mem::take(&mut self.scope);
            let fetch = decl.resolve(self);
            self.scope = scope;
            self.scope.note_read();
            return fetch;
        }
        let known = self.own_sources.keys().chain(project.fetched.keys()).map(String::as_str);
        let found = Diagnostic::error(
            codes::SPEC_UNDEFINED,
            format!("there is no source `{}`", name.value),
        )
        .at(name.span, "named here");
        let found = suggest(found, name, Written::Quoted, known);
        self.report(found);
        None
    }

    /// Reports an account's or group's name that no `/etc/passwd` can hold; true when it is good.
    pub(crate) fn check_account(&mut self, span: Span, name: &str) -> bool {
        let good = is_account(name);
        if !good {
            let help = match name.split_once(':') {
                Some((user, group)) if !user.is_empty() && !group.is_empty() => {
                    format!("write `owner={} group={}`", quote(user), quote(group))
                }
                _ => "lower-case letters, digits, `_` and `-`, 32 at most".to_owned(),
            };
            let headline = format!("`{name}` is no name of an account or group");
            let found = Diagnostic::error(codes::SPEC_NAME, headline).at(span, "here").help(help);
            let lower = name.to_ascii_lowercase();
            let found = if is_account(&lower) {
                found.offer_word(self.map, span, name, &lower)
            } else {
                found
            };
            self.report(found);
        }
        good
    }

    /// That nothing gives a name a value, with the nearest name that has one.
    pub(crate) fn undefined_name(&self, name: &str) -> Diagnostic {
        Diagnostic::error(codes::SPEC_PARAM_UNDEFINED, format!("nothing gives `{name}` a value"))
            .maybe_help(did_you_mean(name, self.scope.names()))
    }

    /// The same for a name that stands in quotes alone.
    pub(crate) fn undefined_word(&self, name: &str, span: Span) -> Diagnostic {
        let found = self.undefined_name(name).at(span, "not known here");
        match closest(name, self.scope.names()) {
            Some(near) => found.offer_word(self.map, span, name, near),
            None => found,
        }
    }

    /// Where `written` stands inside of a span, the `index`-th `${` counted; the whole span when
    /// escapes hide it.
    fn find(&self, span: Span, written: &str, index: usize) -> Span {
        let source = self.map.slice(span);
        let mut at = 0;
        let mut seen = 0;
        while let Some(found) = source.get(at..).and_then(|rest| rest.find("${")) {
            let start = at + found;
            at = start + 2;
            if source.get(..start).is_some_and(|before| before.ends_with('$')) {
                continue;
            }
            let here = source.get(start..).is_some_and(|rest| rest.starts_with(written));
            if here && seen >= index {
                return span.slice(start, start + written.len());
            }
            seen += 1;
        }
        span
    }

    /// With the help that the parameter of which a text has its value should be of another type; what
    /// an image sets has none.
    pub(crate) fn declare_as(&self, found: Diagnostic, text: &Text, ty: &str) -> Diagnostic {
        let pieces = pieces(text).unwrap_or_default();
        let named = pieces.iter().filter_map(|piece| match piece {
            Piece::Name { name, .. } => self.scope.bound(name)?.type_at,
            Piece::Literal(_) => None,
        });
        let (named, ty) = (named.collect::<Vec<_>>(), quote(ty));
        if named.is_empty() {
            return found.help("write such a value where it is set");
        }
        let found = found.help(format!("declare the parameter with `type={ty}`"));
        named.into_iter().fold(found, |found, at| found.offer(at, ty.as_str()))
    }

    /// The value that a text passes on whole: `"${name}"` alone keeps its type.
    pub(crate) fn passed_on(&self, text: &Text) -> Option<ParamValue> {
        match pieces(text).ok()?.as_slice() {
            [Piece::Name { name, .. }] => self.scope.read(name),
            _ => None,
        }
    }

    /// The elements of the list that a text passes on: `"${list}"` alone.
    pub(crate) fn list(&self, text: &Text) -> Option<Vec<String>> {
        self.passed_on(text)?.elements()
    }

    /// The words of a text with commas between; those of a list that it passes on.
    pub(crate) fn comma_words(&mut self, text: &Spanned<Text>) -> Option<Vec<String>> {
        let words = |text: String| text.split(',').map(|word| word.trim().to_owned()).collect();
        self.list(&text.value).or_else(|| self.text(text).map(words))
    }

    /// Texts as a list; `"${list}"` alone gives all elements of a list, or all of its hosts.
    pub(crate) fn texts(&mut self, texts: &[Spanned<Text>]) -> Vec<Spanned<String>> {
        let mut out = Vec::new();
        for text in texts {
            match self.list(&text.value) {
                Some(words) => {
                    out.extend(words.into_iter().map(|word| Spanned::new(word, text.span)));
                }
                None => out.extend(self.text(text).map(|value| Spanned::new(value, text.span))),
            }
        }
        out
    }

    pub(crate) fn optional_text(&mut self, text: Option<&Spanned<Text>>) -> Option<String> {
        text.and_then(|text| self.text(text))
    }

    /// An absolute path in the image, other than its root.
    pub(crate) fn image_path(&mut self, text: &Spanned<Text>) -> Option<ImagePath> {
        let value = self.text(text)?;
        let found = |label: &str| {
            Diagnostic::error(codes::SPEC_PATH, format!("`{value}` is no path of an image"))
                .at(text.span, label)
        };
        if !value.starts_with('/') {
            let found = found("it does not begin with `/`");
            // A word alone, a line, `~/x`: no slash before them makes them what is meant. What is
            // put in may bring the slash.
            let path = value.contains('/')
                && value.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !value.contains(char::is_whitespace);
            let mended = quote(&format!("/{value}"));
            let plain = path && text.value.value == value;
            self.report(if plain {
                found.help(format!("write {mended}")).mend(text.span, mended)
            } else if value.starts_with('~') {
                found.help("write the home directory itself: \"/root/…\", \"/home/NAME/…\"")
            } else {
                found.help("a path of an image begins with `/`: \"/etc/motd\"")
            });
            return None;
        }
        match ImagePath::new(&value) {
            Some(path) if !path.is_root() => Some(path),
            Some(_) => {
                self.report(found("this is the image's root"));
                None
            }
            None => {
                self.report(found("`..` could leave the image"));
                None
            }
        }
    }

    /// The project path that a text of a spec names, relative to the file that names it.
    pub(crate) fn project_path(&mut self, text: &Spanned<Text>) -> Option<String> {
        let value = self.text(text)?;
        let path = paths::join(&self.map.path(text.span.file), &value);
        if path.is_none() {
            let why = if value.starts_with('/') {
                "paths of the project are relative to the file that names them"
            } else {
                "this leaves the project"
            };
            self.report(
                Diagnostic::error(
                    codes::SPEC_PROJECT_PATH,
                    format!("`{value}` is no path of the project"),
                )
                .at(text.span, why),
            );
        }
        path
    }

    /// A file of the project.
    pub(crate) fn source(&mut self, text: &Spanned<Text>) -> Option<SourceFile> {
        let path = self.project_path(text)?;
        match self.stat(&path) {
            Ok(file) => Some(file),
            Err(error) => {
                self.report_source(text.span, &path, &error);
                None
            }
        }
    }

    pub(crate) fn stat(&mut self, path: &str) -> Result<SourceFile, SourceError> {
        self.files.get(path, || {
            let stat = self.sources.stat(path)?;
            let (path, digest, size) = (path.to_owned(), stat.digest, stat.size);
            Ok(SourceFile { path, digest, size, executable: stat.executable })
        })
    }

    /// That a file of the project cannot be used, with the file that may be meant.
    pub(crate) fn report_source(&mut self, span: Span, path: &str, error: &SourceError) {
        let mut near = None;
        let (code, mut help) = match error {
            SourceError::Outside => (codes::SPEC_PROJECT_PATH, None),
            SourceError::TooLarge(_) => (codes::SYNTAX_SIZE, None),
            SourceError::NotFound | SourceError::NotAFile | SourceError::Unreadable(_) => {
                (codes::SPEC_SOURCE, None)
            }
        };
        if *error == SourceError::NotFound {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let beside = self.sources.list(directory).unwrap_or_default();
            let names: Vec<&str> = beside
                .iter()
                .map(|entry| entry.path.as_str())
                .filter(|name| *name != path)
                .collect();
            near = closest(path, names).map(str::to_owned);
            help = near.as_ref().map(|name| format!("did you mean `{name}`?"));
        }
        let found = Diagnostic::error(code, format!("`{path}`: {error}"))
            .at(span, "named here")
            .maybe_help(help);
        // The file that names it is in the same directory, or above it.
        let named = |path: &str| path.rsplit_once('/').map_or(0, |(above, _)| above.len() + 1);
        self.report(match near {
            Some(near) if near.get(..named(&near)) == path.get(..named(path)) => {
                let (wrong, right) = (&path[named(path)..], &near[named(&near)..]);
                found.offer_word(self.map, span, wrong, right)
            }
            _ => found,
        });
    }
}

/// useradd(8) of Debian takes more; these are the names that every tool takes.
fn is_account(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

/// That a list stands where a text has one value.
fn list_in_text(name: &str, span: Span, alone: bool) -> Diagnostic {
    let variable = template::variable(name);
    let by_template = format!("`template=`, whose `{{{{ {variable} | join(\" \") }}}}` puts it in");
    let (headline, help) = if alone {
        (
            format!("`{name}` is a list, and one value stands here"),
            format!(
                "write the node once for each value, or let the parameter have one value; the \
                 content of a file may come from a {by_template}"
            ),
        )
    } else {
        (
            format!("`{name}` is a list and cannot stand inside of a text"),
            format!(
                "only a rule of `sudoers` joins a list, between two commas: write the elements \
                 out, or make a file by a {by_template}"
            ),
        )
    };
    Diagnostic::error(codes::SPEC_TEXT, headline).at(span, "a list").help(help)
}

fn too_long(span: Span) -> Diagnostic {
    let headline = format!("the text grows beyond {} kB", MAX_TEXT >> 10);
    Diagnostic::error(codes::SYNTAX_SIZE, headline)
        .at(span, "when the values are put in")
        .help("large texts stand in files: `source=` or `template=`")
}

pub(crate) fn origin(map: &SourceMap, span: Span) -> Origin {
    let place = map.place(span);
    Origin::new(place.file, place.line, place.column)
}
