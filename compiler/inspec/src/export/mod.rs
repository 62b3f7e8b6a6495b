//! Controls in KDL as a profile of `InSpec`.
//!
//! What has an equal there is written so that it gives the same verdict. What has none becomes a check
//! that fails and says so: never a pass.

mod asked;
mod ruby;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use forge_judge::describe;
use forge_model::{Check, Control, Expectation, Origin, Profile, Resource, Waiver};

use self::asked::asked;

/// A profile of `InSpec`, and what it cannot ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exported {
    /// Its files, by their paths in it.
    pub files: BTreeMap<String, String>,
    /// What has no equal in `InSpec`, and fails there.
    pub gaps: Vec<Gap>,
}

/// An expectation that has no equal in `InSpec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The control's id.
    pub control: String,
    /// The expectation.
    pub asked: String,
    /// What `InSpec` does not have.
    pub lacks: String,
    /// Where it stands.
    pub origin: Origin,
}

/// What lines of Ruby stand on: written once above the controls that call it.
pub(crate) const HELPERS: [(&str, &str); 3] = [
    ("forge_settings", include_str!("settings.rb")),
    ("forge_groups", include_str!("groups.rb")),
    ("forge_sshd", include_str!("sshd.rb")),
];

/// A profile with its parameters put in as a profile of `InSpec`: `inspec.yml`, `controls/NAME.rb`, and
/// `waivers.yml` for its `--waiver-file`, where it has waivers.
pub fn export(profile: &Profile) -> Exported {
    let mut writer = Writer::default();
    for control in &profile.controls {
        writer.control(control);
    }
    let mut text = format!("# Controls of the profile `{}`, written by forge.\n", profile.name);
    if !profile.title.is_empty() {
        let _ = write!(text, "\ntitle {}\n", ruby::text(&profile.title));
    }
    for (name, helper) in HELPERS {
        if writer.out.contains(name) {
            text.push('\n');
            text.push_str(helper);
        }
    }
    text.push_str(&writer.out);
    let mut files = BTreeMap::from([
        ("inspec.yml".to_owned(), manifest(profile)),
        (format!("controls/{}.rb", profile.name), text),
    ]);
    if !profile.waivers.is_empty() {
        files.insert("waivers.yml".to_owned(), profile.waivers.iter().map(waiver).collect());
    }
    Exported { files, gaps: writer.gaps }
}

/// Text of JSON is text of YAML.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn manifest(profile: &Profile) -> String {
    let title = if profile.title.is_empty() { &profile.name } else { &profile.title };
    format!("name: {}\ntitle: {}\nversion: 0.1.0\n", yaml(&profile.name), yaml(title))
}

fn waiver(waiver: &Waiver) -> String {
    let Waiver { control, by, because, until, .. } = waiver;
    let why = yaml(&format!("{because} (by {by})"));
    format!(
        "{}:\n  justification: {why}\n  run: false\n  expiration_date: {until}\n",
        yaml(control)
    )
}

#[derive(Default)]
struct Writer {
    out: String,
    gaps: Vec<Gap>,
}

/// An expectation with its resource.
struct One<'a> {
    on: &'a Resource,
    expected: &'a Expectation,
}

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{:width$}{text}", "", width = depth * 2);
    }

    fn control(&mut self, control: &Control) {
        let Control { id, impact, title, description, tags, checks, only_if, origin, .. } = control;
        self.line(0, "");
        self.line(0, &format!("# {origin}"));
        self.line(0, &format!("control {} do", ruby::text(id)));
        self.line(1, &format!("impact {impact:?}"));
        if !title.is_empty() {
            self.line(1, &format!("title {}", ruby::text(title)));
        }
        if !description.is_empty() {
            self.line(1, &format!("desc {}", ruby::text(description)));
        }
        for (name, value) in tags {
            self.line(1, &format!("tag {}: {}", yaml(name), ruby::text(value)));
        }
        if self.only_if(control, only_if) {
            for check in checks {
                self.check(control, check);
            }
        }
        self.line(0, "end");
    }

    /// Writes the condition; false when it has no equal: then the control fails whole.
    fn only_if(&mut self, control: &Control, only_if: &[Check]) -> bool {
        if only_if.is_empty() {
            return true;
        }
        let found = self.gaps.len();
        let holds: Vec<_> = only_if.iter().map(|check| self.expression(control, check)).collect();
        let words = only_if.iter().map(words).collect::<Vec<_>>().join("; ");
        if self.gaps.len() > found {
            self.missing(&words, "its condition has no equal in InSpec");
            return false;
        }
        self.line(1, &format!("only_if({}) do", ruby::text(&words)));
        self.line(2, &holds.join(" && "));
        self.line(1, "end");
        true
    }

    fn missing(&mut self, words: &str, why: &str) {
        self.line(1, &format!("describe {} do", ruby::text(words)));
        self.line(2, &format!("it({}) {{ expect(false).to eq true }}", ruby::text(why)));
        self.line(1, "end");
    }

    fn check(&mut self, control: &Control, check: &Check) {
        match check {
            Check::Resource { resource, expectations, origin: _ } => {
                let ones = expectations.iter().map(|expected| One { on: resource, expected });
                self.resource(control, &ones.collect::<Vec<_>>());
            }
            Check::AnyOf { checks, origin: _ } => self.any_of(control, checks),
        }
    }

    /// Lines that `InSpec` has words for stand together, the others each by themselves.
    fn resource(&mut self, control: &Control, ones: &[One<'_>]) {
        let (mut lines, mut alone) = (Vec::new(), Vec::new());
        for one in ones {
            let words = describe(one.on, one.expected);
            match asked(one.on, one.expected) {
                Ok(asked) => match asked.line(one.expected.negated) {
                    Some(line) => lines.push(line),
                    None => alone.push((words, asked.expression("", one.expected.negated))),
                },
                Err(lacks) => {
                    self.gap(control, one, &lacks);
                    self.missing(&words, &format!("InSpec has no equal: {lacks}"));
                }
            }
        }
        if let Some(first) = ones.first().filter(|_| !lines.is_empty()) {
            self.line(1, &format!("describe {} do", asked::resource(first.on)));
            for line in lines {
                self.line(2, &line);
            }
            self.line(1, "end");
        }
        for (words, expression) in alone {
            self.holds(1, &words, &expression);
        }
    }

    fn holds(&mut self, depth: usize, words: &str, expression: &str) {
        self.line(depth, &format!("describe {} do", ruby::text(words)));
        self.line(depth + 1, &format!("subject {{ {expression} }}"));
        self.line(depth + 1, "it { should eq true }");
        self.line(depth, "end");
    }

    fn any_of(&mut self, control: &Control, checks: &[Check]) {
        let mut flat = Vec::new();
        flatten(checks, &mut flat);
        self.line(1, "describe.one do");
        for check in flat {
            let expression = self.expression(control, check);
            self.holds(2, &words(check), &expression);
        }
        self.line(1, "end");
    }

    /// True where the check holds whole; false where a part of it has no equal.
    fn expression(&mut self, control: &Control, check: &Check) -> String {
        match check {
            Check::Resource { resource, expectations, origin: _ } => {
                let it = asked::resource(resource);
                let parts: Vec<_> = expectations
                    .iter()
                    .map(|expected| match asked(resource, expected) {
                        Ok(asked) => asked.expression(&it, expected.negated),
                        Err(lacks) => {
                            self.gap(control, &One { on: resource, expected }, &lacks);
                            "false".to_owned()
                        }
                    })
                    .collect();
                parts.join(" && ")
            }
            Check::AnyOf { checks, origin: _ } => {
                let parts: Vec<_> =
                    checks.iter().map(|check| self.expression(control, check)).collect();
                format!("({})", parts.join(" || "))
            }
        }
    }

    fn gap(&mut self, control: &Control, one: &One<'_>, lacks: &str) {
        self.gaps.push(Gap {
            control: control.id.clone(),
            asked: describe(one.on, one.expected),
            lacks: lacks.to_owned(),
            origin: one.expected.origin.clone(),
        });
    }
}

/// One of several of which one is one of several.
fn flatten<'a>(checks: &'a [Check], into: &mut Vec<&'a Check>) {
    for check in checks {
        match check {
            Check::AnyOf { checks, origin: _ } => flatten(checks, into),
            Check::Resource { .. } => into.push(check),
        }
    }
}

fn words(check: &Check) -> String {
    let parts: BTreeSet<String> = match check {
        Check::Resource { resource, expectations, origin: _ } => {
            expectations.iter().map(|expected| describe(resource, expected)).collect()
        }
        Check::AnyOf { checks, origin: _ } => checks.iter().map(words).collect(),
    };
    parts.into_iter().collect::<Vec<_>>().join("; ")
}
