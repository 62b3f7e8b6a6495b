//! Profiles of `InSpec` as controls in KDL.
//!
//! A profile is loaded as it always is, so that its variables, loops, functions and inputs are worked
//! out; but over a target that answers nothing, and with expectations noted in place of being judged.
//! What is left of a control then rests on nothing but its text: resources, properties and matchers,
//! each of which has an equal in KDL or has none. A control with a part that has none is left out whole:
//! half of it would pass where all of it does not.

mod ask;
mod expression;
mod kdl;
mod matcher;
mod nothing;
mod reader;
mod values;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::control::Control;
use crate::matchers::Matcher;
use crate::profile::{ForImport, Options, ProfileSource, load_for_import};
use crate::syntax::At;
use crate::value::Value;

use self::kdl::text;
use self::nothing::Nothing;
use self::reader::{Read, Reader, Refused, one_line};

/// An expectation that an example has.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) negated: bool,
    pub(crate) matcher: Rc<Matcher>,
}

/// A profile of `InSpec` in KDL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// The KDL, not formatted yet; comments alone where no control has an equal.
    pub text: String,
    /// Controls that the profile has.
    pub controls: usize,
    /// What is not in the KDL, in the profile's order.
    pub left_out: Vec<LeftOut>,
}

/// A control that needs Ruby, or something outside of controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The control's id; none outside of controls.
    pub control: Option<String>,
    /// `FILE:LINE` and why, for each part that has no equal.
    pub why: Vec<(String, String)>,
}

impl Imported {
    /// Controls that are in the KDL.
    pub fn imported(&self) -> usize {
        let left = self.left_out.iter().filter(|left| left.control.is_some());
        self.controls.saturating_sub(left.count())
    }
}

/// The profile of a directory as controls in KDL.
///
/// An input that stands in texts as it is becomes a parameter; all others have the value that they have
/// in the profile, or that `options` give.
///
/// # Errors
///
/// Why the profile cannot be loaded at all.
pub fn import(
    directory: &str,
    source: &dyn ProfileSource,
    options: &Options,
) -> Result<Imported, String> {
    let first = Written::read(directory, source, options, &[])?;
    let inputs = first.inputs.iter().enumerate();
    let candidates = inputs.filter_map(|(at, (name, value))| Mark::new(at, name, value)).collect();
    let mut search =
        Search { directory, source, options, first: &first, left: MOST_READS, found: None };
    let marks = search.standing(Vec::new(), candidates)?;
    let text = search.found.as_ref().unwrap_or(&first).whole(&marks);
    Ok(Imported { text, controls: first.number, left_out: first.left_out })
}

/// Times that a profile is read to find out which inputs can be parameters: those that are not known by
/// then are put in as they stand.
const MOST_READS: usize = 16;

/// Looks for the inputs that stand in texts as they are.
struct Search<'a> {
    directory: &'a str,
    source: &'a dyn ProfileSource,
    options: &'a Options,
    first: &'a Written,
    left: usize,
    /// The profile as it was read with what was found so far.
    found: Option<Written>,
}

impl Search<'_> {
    /// What is known to stand, and those of the candidates that do, too: all at once where that goes, else
    /// by halves.
    fn standing(&mut self, known: Vec<Mark>, candidates: Vec<Mark>) -> Result<Vec<Mark>, String> {
        if candidates.is_empty() || self.left == 0 {
            return Ok(known);
        }
        self.left -= 1;
        let mut marks = known.clone();
        marks.extend(candidates.iter().cloned());
        let written = Written::read(self.directory, self.source, self.options, &marks)?;
        let text = written.controls.concat();
        marks.retain(|mark| text.contains(&mark.written));
        if unmarked(&text, &marks) == self.first.controls.concat() && marks_stand(&text, &marks) {
            self.found = Some(written);
            return Ok(marks);
        }
        let mut rest = candidates;
        if rest.len() == 1 {
            return Ok(known);
        }
        let second = rest.split_off(rest.len() / 2);
        let known = self.standing(known, rest)?;
        self.standing(known, second)
    }
}

/// A value that an input is given to find where it stands.
#[derive(Clone)]
struct Mark {
    name: String,
    /// What the input is given.
    written: String,
    /// What it has, as KDL writes it within quotes.
    value: String,
}

impl Mark {
    fn new(at: usize, name: &str, value: &Value) -> Option<Self> {
        let Value::Str(value) = value else { return None };
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(word);
        if !is_name || value.is_empty() {
            return None;
        }
        let quoted = text(value);
        let value = quoted.get(1..quoted.len() - 1)?.to_owned();
        Some(Self { name: name.to_owned(), written: format!("forgeinput{at}tupniegrof"), value })
    }
}

fn unmarked(text: &str, marks: &[Mark]) -> String {
    marks.iter().fold(text.to_owned(), |text, mark| text.replace(&mark.written, &mark.value))
}

/// No mark stands in a raw text, an id, a tag or a comment, where nothing is put in.
fn marks_stand(text: &str, marks: &[Mark]) -> bool {
    let plain = |line: &str| {
        let node = line.trim_start();
        let kept = ["//", "control ", "tag "].iter().any(|word| node.starts_with(word));
        !kept && !line.contains("#\"")
    };
    let is_marked = |line: &&str| marks.iter().any(|mark| line.contains(&mark.written));
    text.lines().filter(is_marked).all(plain)
}

/// Bytes of controls that one node of KDL is to have: a file takes none of more than 256 kB.
const MOST_OF_A_NODE: usize = 200_000;

/// A profile as it was read once.
struct Written {
    name: String,
    title: Option<String>,
    supports: Vec<String>,
    inputs: Vec<(String, Value)>,
    /// The node of each control, or a comment where it is left out.
    controls: Vec<String>,
    number: usize,
    left_out: Vec<LeftOut>,
}

impl Written {
    fn read(
        directory: &str,
        source: &dyn ProfileSource,
        options: &Options,
        marks: &[Mark],
    ) -> Result<Self, String> {
        let mut options = options.clone();
        for mark in marks {
            options.inputs.push((mark.name.clone(), mark.written.clone()));
        }
        let loaded = load_for_import(directory, source, &Nothing, &options)?;
        let ForImport { mut machine, metadata, controls, broken } = loaded;
        let (mut written, mut left_out) = (Vec::new(), Vec::new());
        let root = format!("{}/", crate::outline::clean(directory));
        let place = |machine: &crate::interp::Machine<'_>, at: At| {
            let place = machine.place(at);
            place.strip_prefix(&root).map_or(place.clone(), str::to_owned)
        };
        for (why, at) in &broken {
            let why = vec![(place(&machine, *at), one_line(why))];
            left_out.push(LeftOut { control: None, why });
        }
        for control in &controls {
            let mut out = String::new();
            machine.meter.refill();
            let read = Reader { machine: &mut machine }.control(control);
            match read {
                Ok(read) => write_control(&mut out, control, &read, &place(&machine, control.at)),
                Err(refused) => {
                    let why =
                        refused.into_iter().map(|(at, why): Refused| (place(&machine, at), why));
                    let why = why.collect();
                    left_out.push(LeftOut { control: Some(control.name.to_string()), why });
                    if let Some(left) = left_out.last() {
                        comment(&mut out, left);
                    }
                }
            }
            written.push(out);
        }
        let profile: Rc<str> = metadata.name.as_str().into();
        let inputs = &machine.state.inputs;
        let inputs = inputs
            .of(&profile)
            .filter_map(|(name, _)| Some((name.to_owned(), inputs.get(&profile, name)?)));
        Ok(Self {
            title: metadata.text("title"),
            supports: metadata.supports.iter().map(supported).collect(),
            inputs: inputs.collect(),
            controls: written,
            number: controls.len(),
            left_out,
            name: metadata.name,
        })
    }

    fn whole(&self, marks: &[Mark]) -> String {
        let mut out = String::new();
        if !self.supports.is_empty() {
            let list = self.supports.join("; ");
            let _ = writeln!(out, "// The InSpec profile says that it is for: {list}");
        }
        let outside = self.left_out.iter().filter(|left| left.control.is_none());
        for left in outside {
            comment(&mut out, left);
        }
        let named = |name: &str| marks.iter().any(|mark| mark.name == name);
        let kept: Vec<&str> = self.inputs.iter().map(|(name, _)| name.as_str()).collect();
        let kept: Vec<&str> = kept.into_iter().filter(|name| !named(name)).collect();
        if !kept.is_empty() {
            let _ = writeln!(out, "// Put in as they stand: the inputs {}", kept.join(", "));
        }
        let mut parts: Vec<String> = vec![String::new()];
        for control in &self.controls {
            if parts.last().is_some_and(|part| part.len() + control.len() > MOST_OF_A_NODE) {
                parts.push(String::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push_str(control);
            }
        }
        for (at, part) in parts.iter().enumerate() {
            let name =
                if at == 0 { self.name.clone() } else { format!("{}-{}", self.name, at + 1) };
            self.profile(&mut out, &name, part, marks);
        }
        out
    }

    /// A profile of some of the controls; comments alone where none of them is there.
    fn profile(&self, out: &mut String, name: &str, controls: &str, marks: &[Mark]) {
        if !controls.lines().any(|line| line.starts_with("    control ")) {
            out.push_str(controls);
            return;
        }
        let _ = writeln!(out, "profile {} {{", text(name));
        if let Some(title) = self.title.as_deref().filter(|title| !title.is_empty()) {
            let _ = writeln!(out, "    title {}", plain(&one_line(title)));
        }
        let mut controls = controls.to_owned();
        for mark in marks.iter().filter(|mark| controls.contains(&mark.written)) {
            let value = mark.value.replace("$${", "${");
            let _ =
                writeln!(out, "    param \"{}\" type=\"string\" default=\"{value}\"", mark.name);
        }
        for mark in marks {
            controls = controls.replace(&mark.written, &format!("${{{}}}", mark.name));
        }
        out.push_str(&controls);
        out.push_str("}\n");
    }
}

fn supported(value: &Value) -> String {
    match value {
        Value::Hash(map) => {
            let map = map.borrow();
            let pairs = map.iter().map(|(key, value)| format!("{} {}", key.text(), value.text()));
            pairs.collect::<Vec<_>>().join(" ")
        }
        other => other.text().to_string(),
    }
}

/// What is not here, and why.
fn comment(out: &mut String, left: &LeftOut) {
    let what = match &left.control {
        Some(id) => format!("control {} needs Ruby", text(id)),
        None => "outside of controls".to_owned(),
    };
    let seen: BTreeSet<&(String, String)> = left.why.iter().collect();
    let _ = writeln!(out, "\n    // {what}:");
    let mut shown = Vec::new();
    for why in &left.why {
        if seen.contains(why) && !shown.contains(&why) {
            let _ = writeln!(out, "    //   {}: {}", why.0, one_line(&why.1));
            shown.push(why);
        }
    }
}

fn write_control(out: &mut String, control: &Control, read: &Read, place: &str) {
    let impact = control.impact.get().unwrap_or(0.5);
    let _ = writeln!(out, "\n    // {place}");
    let _ = writeln!(out, "    control {} impact={impact:?} {{", plain(&control.name));
    if let Some(title) = control.title.borrow().as_deref().filter(|title| !title.trim().is_empty())
    {
        let _ = writeln!(out, "        title {}", text(title.trim()));
    }
    let descriptions = control.descriptions.borrow();
    let default = descriptions.iter().find(|(label, _)| &**label == "default");
    if let Some((_, desc)) = default.filter(|(_, desc)| !desc.is_empty()) {
        let _ = writeln!(out, "        desc {}", text(desc));
    }
    for (key, value) in control.tags.borrow().iter() {
        let key = key.text();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let bare = key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(word);
        let key = if bare { key.to_string() } else { plain(&key) };
        let _ = writeln!(out, "        tag {key}={}", plain(&tag(value)));
    }
    if !read.only_if.is_empty() {
        let _ = writeln!(out, "        only-if {{");
        kdl::demands(out, 3, &read.only_if);
        let _ = writeln!(out, "        }}");
    }
    kdl::demands(out, 2, &read.demands);
    let _ = writeln!(out, "    }}");
}

/// A text in quotes that nothing is put in, in any case.
fn plain(value: &str) -> String {
    text(value).replace("$${", "${")
}

/// A tag's value in one text.
fn tag(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        Value::Array(items) => {
            let items = items.borrow();
            items.iter().map(tag).collect::<Vec<_>>().join(", ")
        }
        other => other.text().to_string(),
    }
}
