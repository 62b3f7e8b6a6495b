use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Sink, Spanned, codes};
use forge_model::{SecretReference, SourceError, SourceFile};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Node, quote};

use super::{Declaration, OVERRIDE, TextAt, bad_name};
use crate::context::Context;
use crate::{ItemKind, Phase, StepPlace};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "run",
    doc: "A script that runs in the sandbox, without network, once all files are in place; \
          `before` and `after` move it to another place among the [phases](phases.md). Parameters come as environment variables, never as text in the script: `moduli-bits` is \
          `MODULI_BITS`, a list has blanks between its elements.",
    args: &[Field::required("name", "name", "what reports call the step")],
    props: &[
        Field::required(
            "script",
            "path in the project",
            "run by its `#!` line, by `/bin/sh` without one",
        ),
        Field::optional("after", "name of a phase", "it runs just after this phase"),
        Field::optional(
            "before",
            "name of a phase",
            "it runs just before this phase; \"packages\" are those of its own role",
        ),
        OVERRIDE,
    ],
    children: &[
        Child::new(
            "input",
            "a file or directory of the project that the script may read below \
             `/run/forge/input`; it runs again when one changes",
        )
        .takes("path in the project")
        .props(&[Field::optional(
            "source",
            "name of a `source`",
            "in place of a path: it is there under that name",
        )]),
        Child::new("param", "a parameter that the script reads from its environment")
            .takes("parameter's name"),
        Child::new("env", "a variable and its value"),
        Child::new("secret", "a secret, as the file `/run/forge/secrets/NAME`")
            .takes("name of a `secret`"),
    ],
    example: "run \"strong-moduli\" script=\"strong-moduli.sh\" { param \"moduli-bits\" }",
};

#[derive(Debug)]
struct RunDecl {
    name: TextAt,
    script: TextAt,
    inputs: Vec<TextAt>,
    fetched: Vec<Spanned<String>>,
    params: Vec<Spanned<String>>,
    env: Vec<(Spanned<String>, TextAt)>,
    secrets: Vec<Spanned<String>>,
    place: StepPlace,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let script = cursor.required_prop("script");
    let place = read_place(cursor);
    let mut found = Sink::new();
    let (inputs, fetched) = read_inputs(cursor.children("input"), &mut found);
    let params = words(cursor.children("param"), "parameter's name", &mut found);
    let secrets = words(cursor.children("secret"), "secret's name", &mut found);
    let env = variables(cursor.children("env"), &mut found);
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    let (name, script) = (name?, script?);
    Some(Box::new(RunDecl { name, script, inputs, fetched, params, env, secrets, place: place? }))
}

/// Where the script stands; none after a reported mistake.
fn read_place(cursor: &mut Cursor<'_>) -> Option<StepPlace> {
    let mistakes = cursor.mistakes();
    let after = read_phase(cursor, "after");
    let before = read_phase(cursor, "before");
    if mistakes != cursor.mistakes() {
        return None;
    }
    Some(match (after, before) {
        (None, None) => StepPlace::Usual,
        (Some(after), None) => StepPlace::after(after.value),
        (None, Some(before)) => StepPlace::Before(before.value),
        (Some(after), Some(before)) => {
            let place = StepPlace::after(after.value);
            if place.order() > StepPlace::Before(before.value).order() {
                let (after_name, before_name) = (after.value.name(), before.value.name());
                let headline =
                    format!("nothing is after `{after_name}` and before `{before_name}`");
                let help = if after.value == before.value {
                    "keep one of them".to_owned()
                } else {
                    format!("`{before_name}` comes before `{after_name}`: keep one of them")
                };
                cursor.report(
                    Diagnostic::error(codes::SPEC_PHASE, headline)
                        .at(after.span, "after this phase")
                        .and(before.span, "and before this one")
                        .help(help),
                );
                return None;
            }
            place
        }
    })
}

/// A phase that a script may stand beside.
fn read_phase(cursor: &mut Cursor<'_>, side: &'static str) -> Option<Spanned<Phase>> {
    let given = cursor.prop::<String>(side)?;
    let allowed = |phase: Phase| {
        let (before, after) = phase.takes_scripts();
        if side == "before" { before } else { after }
    };
    let names = || Phase::ALL.into_iter().filter(|phase| allowed(*phase)).map(Phase::name);
    let Some(phase) = Phase::of(&given.value) else {
        let headline = format!("there is no phase `{}`", given.value);
        let found = Diagnostic::error(codes::SPEC_PHASE, headline).at(given.span, "not known");
        let near = forge_syntax::closest(&given.value, names());
        cursor.report(match near {
            Some(near) => {
                found.help(format!("did you mean \"{near}\"?")).offer(given.span, quote(near))
            }
            // A role, most likely.
            None => found.help(format!(
                "phases are {}; no role is named: a phase is over for all roles when the next one \
                 begins, packages alone are made role by role",
                names().collect::<Vec<_>>().join(", ")
            )),
        });
        return None;
    };
    if allowed(phase) {
        return Some(Spanned::new(phase, given.span));
    }
    let headline = format!("no script can run {side} `{}`", phase.name());
    let found = Diagnostic::error(codes::SPEC_PHASE, headline);
    cursor.report(if phase < Phase::Packages {
        found
            .at(given.span, "what comes before packages is made without scripts")
            .help("the earliest place is `before=\"packages\"`, before those of its role")
    } else {
        found
            .at(given.span, "a script there could put secrets into a layer")
            .help("the latest place is `before=\"secrets\"`")
    });
    None
}

/// Paths of the project, and names of sources.
fn read_inputs(nodes: Vec<&Node>, found: &mut Sink) -> (Vec<TextAt>, Vec<Spanned<String>>) {
    let (mut paths, mut sources) = (Vec::new(), Vec::new());
    for node in nodes {
        let mut below = Cursor::new(node);
        if node.entries.iter().any(|entry| entry.name.is_some()) {
            sources.extend(below.required_prop("source"));
        } else {
            paths.extend(below.some_args("path"));
        }
        below.finish(found);
    }
    (paths, sources)
}

fn variables(nodes: Vec<&Node>, found: &mut Sink) -> Vec<(Spanned<String>, TextAt)> {
    let mut env: Vec<(Spanned<String>, TextAt)> = Vec::new();
    for node in nodes {
        let mut below = Cursor::new(node);
        let variable: Option<Spanned<String>> = below.arg("variable");
        let value = below.arg("value");
        below.finish(found);
        let Some((variable, value)) = variable.zip(value) else {
            continue;
        };
        if let Some((first, _)) = env.iter().find(|(known, _)| *known == variable) {
            let headline = format!("the variable `{}` is given twice", variable.value);
            found.push(
                Diagnostic::error(codes::SYNTAX_DUPLICATE, headline)
                    .at(variable.span, "and again here")
                    .and(first.span, "first here"),
            );
        } else {
            env.push((variable, value));
        }
    }
    env
}

fn words<T: forge_syntax::FromValue>(
    nodes: Vec<&Node>,
    what: &str,
    found: &mut Sink,
) -> Vec<Spanned<T>> {
    let mut words = Vec::new();
    for node in nodes {
        let mut below = Cursor::new(node);
        words.extend(below.some_args(what));
        below.finish(found);
    }
    words
}

impl Declaration for RunDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name);
        let script = cx.source(&self.script);
        let inputs = self.inputs(cx);
        let environment = self.environment(cx);
        let secrets: Vec<SecretReference> =
            self.secrets.iter().filter_map(|name| cx.secret(name)).collect();
        let fetched = self.fetched.iter().filter_map(|name| cx.fetched(name)).collect();
        for name in &self.fetched {
            if inputs.iter().any(|(path, _)| path.split('/').next() == Some(&name.value)) {
                let headline = format!("two inputs would be `/run/forge/input/{}`", name.value);
                cx.report(
                    Diagnostic::error(codes::SYNTAX_DUPLICATE, headline)
                        .at(name.span, "a source of this name")
                        .help("give the source another name"),
                );
            }
        }
        let (name, script) = (name?, script?);
        let place = self.place;
        Some(ItemKind::Run { name, script, inputs, fetched, environment, secrets, place })
    }
}

impl RunDecl {
    fn inputs(&self, cx: &mut Context<'_>) -> Vec<(String, SourceFile)> {
        let mut inputs = Vec::new();
        for text in &self.inputs {
            let (Some(written), Some(path)) = (cx.text(text), cx.project_path(text)) else {
                continue;
            };
            match cx.stat(&path) {
                Ok(file) => inputs.push((written, file)),
                Err(SourceError::NotFound | SourceError::NotAFile) => {
                    inputs.extend(directory(cx, text, &written, &path));
                }
                Err(error) => cx.report_source(text.span, &path, &error),
            }
        }
        inputs
    }

    fn environment(&self, cx: &mut Context<'_>) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        for param in &self.params {
            if let Some(value) = cx.scope.get(&param.value) {
                environment.insert(variable(&param.value), value.environment());
            } else {
                let found = cx.undefined_word(&param.value, param.span);
                cx.report(found);
            }
        }
        for (name, value) in &self.env {
            if !is_variable(&name.value) {
                let headline = format!("`{}` is no name of a variable", name.value);
                cx.report(bad_name(name.span, headline).help("letters, digits and `_`"));
                continue;
            }
            let Some(text) = cx.text(value) else { continue };
            environment.insert(name.value.clone(), text);
        }
        environment
    }
}

/// All files of a directory, each by the path that the script will look for.
fn directory(
    cx: &mut Context<'_>,
    text: &TextAt,
    written: &str,
    path: &str,
) -> Vec<(String, SourceFile)> {
    let entries = match cx.sources.list(path) {
        Ok(entries) => entries,
        Err(error) => {
            cx.report_source(text.span, path, &error);
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        let below = entry.path.strip_prefix(path).unwrap_or(&entry.path).trim_start_matches('/');
        match cx.stat(&entry.path) {
            Ok(file) => files.push((format!("{}/{below}", written.trim_end_matches('/')), file)),
            Err(error) => cx.report_source(text.span, &entry.path, &error),
        }
    }
    files
}

/// A parameter's name in the environment.
fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace(['-', '.'], "_")
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
