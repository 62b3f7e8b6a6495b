mod depth;
mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use forge_diag::{Diagnostic, FileId, Span, Spanned, codes};
use forge_param::{HostList, ParamValue};
use forge_syntax::{Written, closest, suggest};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};

use crate::context::Context;

/// What one rendering may use: a unit an instruction and a unit for each 64 bytes that it makes,
/// so some 16 MB of text. A configuration file of 100 kB takes a hundredth.
const FUEL: u64 = 250_000;

/// Bytes of stack for one template: values can be put into each other once in each step of [`FUEL`],
/// and are printed and dropped by recursion. Pages that nothing reaches cost nothing.
const STACK: usize = 512 << 20;

/// Renders a template of the project with the values in scope. Names are those of the parameters
/// with `_` for `-`. What is undefined is an error with a label inside of the template.
pub(crate) fn render(cx: &mut Context<'_>, named_at: Span, path: &str) -> Option<String> {
    on_a_deep_stack(|| render_here(cx, named_at, path))
}

fn on_a_deep_stack<R>(job: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK / 2, STACK, job)
}

fn render_here(cx: &mut Context<'_>, named_at: Span, path: &str) -> Option<String> {
    let file = load(cx, named_at, path)?;
    let mut values: BTreeMap<String, Value> =
        cx.scope.iter().map(|(name, value)| (variable(name), seen(value))).collect();
    let text = cx.map.text(file).to_owned();
    if let Some(place) = depth::too_deep(&text, syntax()) {
        let span = Span::new(file, place.start, place.end);
        cx.report(
            Diagnostic::error(codes::SYNTAX_DEPTH, "the template is nested too deep")
                .at(span, format!("more than {} steps stand in each other here", depth::MOST))
                .and(named_at, "rendered for this file")
                .help("make the value in several steps, each with a `{% set %}` of its own"),
        );
        return None;
    }
    if cx.exploring {
        return explore(cx, named_at, file, path, &values);
    }
    rendered(cx, (named_at, file), path, text, &mut values)
}

/// The text that a template comes to; none after a reported mistake. Rendering stops at the first
/// mistake: a name without a value then gets one, a list that is printed as it is goes, and so on, so
/// that all of them are reported. What goes wrong with what is made up is no finding.
fn rendered(
    cx: &mut Context<'_>,
    (named_at, file): (Span, FileId),
    path: &str,
    mut text: String,
    values: &mut BTreeMap<String, Value>,
) -> Option<String> {
    let (known, mut made_up) = (values.clone(), false);
    for _ in 0..MOST_MISTAKES {
        let environment = environment();
        let template = environment.template_from_named_str(path, &text);
        let error = match template.and_then(|template| template.render(&*values)) {
            Ok(made) => return (!made_up).then_some(made),
            Err(error) => error,
        };
        if let Some((found, place)) = lists::printed(&error, file, &text) {
            cx.report(found.and(named_at, "rendered for this file"));
            text.replace_range(place.clone(), &lists::nothing(place.len()));
            made_up = true;
            continue;
        }
        let name = undefined(&error, &text, values).filter(|name| !values.contains_key(name));
        if name.is_some() || !made_up {
            let place = undefined_place(&error, &text, values);
            let found = diagnostic(&error, file, &text, place, &known);
            cx.report(found.and(named_at, "rendered for this file"));
        }
        made_up = true;
        values.insert(name?, Value::from(""));
    }
    None
}

/// Mistakes that one template is looked through for.
const MOST_MISTAKES: usize = 100;

/// The name that has no value, where that is what stopped a rendering.
fn undefined(error: &Error, text: &str, values: &BTreeMap<String, Value>) -> Option<String> {
    let place = undefined_place(error, text, values)?;
    let name = word(text.get(place)?);
    (!name.is_empty()).then(|| name.to_owned())
}

/// Where what is undefined stands. The renderer shows the filter or function that was given it; the
/// name stands before that, on the same line.
fn undefined_place(
    error: &Error,
    text: &str,
    values: &BTreeMap<String, Value>,
) -> Option<Range<usize>> {
    let range = error.range().filter(|_| error.kind() == ErrorKind::UndefinedError)?;
    let unknown: BTreeSet<String> =
        variables(text).into_iter().filter(|name| !values.contains_key(name)).collect();
    let shown = word(text.get(range.clone())?);
    if unknown.contains(shown) || values.contains_key(shown) {
        return Some(range);
    }
    let line = line_range(text, error.line()?);
    let mut at = line.start;
    let mut last = None;
    for piece in text.get(line)?.split_inclusive(|c: char| !is_word(c)) {
        let name = word(piece);
        if unknown.contains(name) && (at <= range.start || last.is_none()) {
            last = Some(at..at + name.len());
        }
        at += piece.len();
    }
    Some(last.unwrap_or(range))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The name that a text begins with.
fn word(text: &str) -> &str {
    text.split(|c: char| !is_word(c)).next().unwrap_or_default()
}

/// A template whose values are only examples: it must be one, and read only what has a value.
fn explore(
    cx: &mut Context<'_>,
    named_at: Span,
    file: FileId,
    path: &str,
    values: &BTreeMap<String, Value>,
) -> Option<String> {
    let text = cx.map.text(file).to_owned();
    let environment = environment();
    let variables = match environment.template_from_named_str(path, &text) {
        Ok(template) => undeclared(&environment, &template),
        Err(error) => {
            let found = diagnostic(&error, file, &text, None, values);
            cx.report(found.and(named_at, "rendered for this file"));
            return None;
        }
    };
    let asked = |name: &str| {
        let before = text.split(name).skip(1).map(str::trim_start);
        let filter = |rest: &str| {
            rest.strip_prefix('|').is_some_and(|filter| filter.trim_start().starts_with("default"))
        };
        before.into_iter().any(|rest| rest.starts_with("is ") || filter(rest))
    };
    for name in variables.iter().filter(|name| !values.contains_key(*name) && !asked(name)) {
        let start = text.find(name.as_str()).unwrap_or_default();
        let span = Span::new(file, start, start + name.len());
        let headline = format!("nothing gives `{name}` a value");
        let found = Diagnostic::error(codes::SPEC_TEMPLATE_UNDEFINED, headline)
            .at(span, "undefined here")
            .and(named_at, "rendered for this file");
        let name = Spanned::new(name.clone(), span);
        cx.report(suggest(found, &name, Written::Bare, values.keys().map(String::as_str)));
    }
    Some(String::new())
}

/// The variables that a template reads; none when it cannot be parsed.
pub(crate) fn variables(text: &str) -> BTreeSet<String> {
    if depth::too_deep(text, syntax()).is_some() {
        return BTreeSet::new();
    }
    on_a_deep_stack(|| {
        let environment = environment();
        let template = environment.template_from_str(text);
        template.map(|found| undeclared(&environment, &found)).unwrap_or_default()
    })
}

/// What a template reads and does not make itself, without the functions of the engine.
fn undeclared(environment: &Environment<'_>, template: &Template<'_, '_>) -> BTreeSet<String> {
    let is_function = |name: &str| environment.globals().any(|(known, _)| known == name);
    template.undeclared_variables(false).into_iter().filter(|name| !is_function(name)).collect()
}

/// A parameter's name in templates.
pub(crate) fn variable(name: &str) -> String {
    name.replace('-', "_")
}

/// A value as templates see it: a size prints as text and has `bytes`, a time has `seconds`, a list
/// of hosts prints as text and is a sequence of its hosts.
fn seen(value: &ParamValue) -> Value {
    match value {
        ParamValue::Text(text) => Value::from(text.as_str()),
        ParamValue::Integer(number) => Value::from(*number),
        ParamValue::Bool(value) => Value::from(*value),
        ParamValue::Size(_) | ParamValue::Duration(_) => Value::from_object(Measure {
            text: value.text().unwrap_or_default(),
            numbers: value.fields(),
        }),
        ParamValue::Hosts(list) => Value::from_object(Hosts(list.clone())),
        ParamValue::List(values) => values.iter().map(seen).collect(),
    }
}

/// That a value has not what is asked of it, with what it has.
fn undefined_field(
    found: Diagnostic,
    value: Option<&Value>,
    (written, name): (&str, &str),
    span: Span,
) -> Diagnostic {
    let field = written.get(name.len()..).and_then(|rest| rest.strip_prefix('.')).map(word);
    let measure = value.and_then(|value| value.downcast_object_ref::<Measure>());
    let Some(field) = field.filter(|field| !field.is_empty() && written.starts_with(name)) else {
        return found;
    };
    let Some(measure) = measure else { return found.help(format!("`{name}` has no fields")) };
    let start = name.len() + 1;
    let at = Spanned::new(field.to_owned(), span.slice(start, start + field.len()));
    suggest(found, &at, Written::Bare, measure.numbers.iter().map(|(name, _)| *name))
}

/// A text with numbers to compute with, in whole units.
#[derive(Debug)]
struct Measure {
    text: String,
    numbers: Vec<(&'static str, u64)>,
}

impl Object for Measure {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let (_, number) = self.numbers.iter().find(|(known, _)| *known == name)?;
        Some(Value::from(*number))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Debug)]
struct Hosts(HostList);

impl Object for Hosts {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let host = self.0.hosts().get(key.as_usize()?)?;
        Some(Value::from(host.as_str()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.hosts().len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(syntax());
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_debug(true);
    environment.set_formatter(lists::write);
    environment.set_fuel(Some(FUEL));
    // A macro that calls itself ends here, with room left on any thread's stack.
    environment.set_recursion_limit(64);
    environment
}

/// The default delimiters, which are valid, so this cannot fail; a file keeps its last line break.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// The text of a template in the map; none after a reported mistake.
pub(crate) fn load(cx: &mut Context<'_>, named_at: Span, path: &str) -> Option<FileId> {
    if let Some(known) = cx.templates.get(path) {
        return *known;
    }
    let loaded = match cx.sources.read_at_most(path, forge_syntax::MAX_SIZE as u64) {
        Ok(bytes) => forge_syntax::load(path, &bytes, cx.map, cx.sink),
        Err(error) => {
            cx.report_source(named_at, path, &error);
            None
        }
    };
    cx.templates.insert(path.to_owned(), loaded);
    loaded
}

fn diagnostic(
    error: &Error,
    file: FileId,
    text: &str,
    place: Option<Range<usize>>,
    values: &BTreeMap<String, Value>,
) -> Diagnostic {
    let range = place
        .or_else(|| error.range())
        // The engine may point into the middle of a character.
        .filter(|range| text.get(range.clone()).is_some())
        .unwrap_or_else(|| line_range(text, error.line().unwrap_or(1)));
    let span = Span::new(file, range.start, range.end);
    let line = text.get(line_range(text, error.line().unwrap_or(1))).unwrap_or_default();
    let dashed = dashed(line, values);
    let written = text.get(range).unwrap_or_default();
    if error.kind() == ErrorKind::UndefinedError {
        let name = word(written);
        let headline = if values.contains_key(name) || name.is_empty() {
            format!("`{written}` is undefined")
        } else {
            format!("nothing gives `{name}` a value")
        };
        let found =
            Diagnostic::error(codes::SPEC_TEMPLATE_UNDEFINED, headline).at(span, "undefined here");
        let place = written.find(name).map(|at| span.slice(at, at + name.len()));
        return match (dashed, place.filter(|_| !values.contains_key(name))) {
            (Some(help), _) => found.help(help),
            (None, Some(place)) => {
                let name = Spanned::new(name.to_owned(), place);
                suggest(found, &name, Written::Bare, values.keys().map(String::as_str))
            }
            (None, None) => undefined_field(found, values.get(name), (written, name), span),
        };
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return Diagnostic::error(codes::SYNTAX_SIZE, "the template does not end")
            .at(span, "given up here")
            .help("a configuration file is made in far fewer steps: look for a loop that grows");
    }
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let filter = (error.kind() == ErrorKind::UnknownFilter)
        .then(|| detail.split_whitespace().nth(1))
        .flatten()
        .and_then(|name| closest(name, FILTERS));
    let headline = format!("the template cannot be rendered: {detail}");
    let found = Diagnostic::error(codes::SPEC_TEMPLATE, headline).at(span, "here");
    match filter {
        Some(near) => found.help(format!("did you mean `{near}`?")).offer(span, near),
        None => found.maybe_help(dashed),
    }
}

/// The filters of templates, as the book lists them; a test compares the two with the engine.
pub const FILTERS: [&str; 40] = [
    "abs",
    "batch",
    "bool",
    "capitalize",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// What to write where a line has a parameter's name as a spec has it: `-` is an operator here.
fn dashed(line: &str, values: &BTreeMap<String, Value>) -> Option<String> {
    let names = values.keys().filter(|name| name.contains('_'));
    let written = names.map(|name| (name, name.replace('_', "-")));
    // Outside of braces a setting may well be called so.
    let expression = |(at, _): (usize, &str)| {
        let rest = line.get(at + 2..).unwrap_or_default();
        rest.split(['}', '%']).next().unwrap_or_default()
    };
    let inside = || line.match_indices("{{").chain(line.match_indices("{%")).map(expression);
    let mut found = written.filter(|(_, dashed)| inside().any(|part| part.contains(dashed)));
    found.next().map(|(name, dashed)| {
        format!("write `{name}`: in a template, names have `_` where `{dashed}` has `-`")
    })
}

fn line_range(text: &str, line: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let shown = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    start..start + shown.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_braces_is_a_name() {
        let values = BTreeMap::from([("log_level".to_owned(), Value::from("info"))]);
        for (line, want) in [
            ("level={{ log-level }}", true),
            ("{% if log-level %}", true),
            ("a {{ x }} {{ log-level|upper }}", true),
            ("log-level={{ lgo_level }}", false),
            ("log-level { {{ other }} log-level", false),
        ] {
            assert_eq!(dashed(line, &values).is_some(), want, "{line}");
        }
    }
}
