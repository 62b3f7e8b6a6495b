//! Texts of systemd units and drop-ins, read as systemd reads them (systemd.syntax(7),
//! systemd.unit(5), systemd.service(5)): what it passes over with a line in the journal, or refuses
//! the unit for, is a mistake here.

mod calendar;
mod value;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use forge_diag::codes;
use forge_model::ImagePath;
use forge_syntax::closest;

use self::value::Unfit;
pub use self::value::{is_special_unit, mistyped_unit, names_units};

use crate::written::{MOST_MISTAKES, Swap, TextMistake, brief};

/// Names of settings by their sections.
const SETTINGS: &str = include_str!("settings.txt");

/// Sections of a kind of unit beside `[Unit]` and `[Install]`.
const KINDS: [(&str, Option<&str>); 11] = [
    ("service", Some("Service")),
    ("socket", Some("Socket")),
    ("device", None),
    ("mount", Some("Mount")),
    ("automount", Some("Automount")),
    ("swap", Some("Swap")),
    ("target", None),
    ("path", Some("Path")),
    ("timer", Some("Timer")),
    ("slice", Some("Slice")),
    ("scope", Some("Scope")),
];

/// Where units and their drop-ins lie.
const DIRECTORIES: [&str; 4] = [
    "etc/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// A text that systemd reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitText {
    /// The ending of the unit's name.
    kind: &'static str,
    own: Option<&'static str>,
    /// A unit's own text, not settings added to one.
    whole: bool,
}

impl UnitText {
    /// What systemd reads at a path; none where it reads no unit.
    pub(crate) fn at(path: &ImagePath) -> Option<Self> {
        let text = path.to_string();
        let below = DIRECTORIES.iter().find_map(|directory| {
            text.strip_prefix('/')?.strip_prefix(directory)?.strip_prefix('/')
        })?;
        match below.split_once('/') {
            None => Self::named(below.rsplit_once('.')?.1, true),
            Some((directory, file)) if file.ends_with(".conf") && !file.contains('/') => {
                let unit = directory.strip_suffix(".d")?;
                Self::named(unit.rsplit_once('.').map_or(unit, |(_, ending)| ending), false)
            }
            Some(_) => None,
        }
    }

    fn named(ending: &str, whole: bool) -> Option<Self> {
        let (kind, own) = KINDS.into_iter().find(|(kind, _)| *kind == ending)?;
        Some(Self { kind, own, whole })
    }

    /// The same without asking whether the text is all of the unit.
    pub(crate) fn in_part(self) -> Self {
        Self { whole: false, ..self }
    }

    /// Everything that systemd would not read as it is written.
    pub(crate) fn mistakes(self, text: &str) -> Vec<TextMistake> {
        let mut found = Vec::new();
        let mut section: Option<Section<'_>> = None;
        let mut settings = Vec::new();
        let mut unknown = 0;
        for line in lines(text) {
            if found.len() + unknown >= MOST_MISTAKES {
                break;
            }
            let said = line.said.as_str();
            if said.starts_with('[') {
                section = Some(self.section(text, &line, &mut found));
                continue;
            }
            let Some(section) = &section else {
                let name = &brief(said.split('=').next().unwrap_or(said).trim());
                found.push(line.mistake(
                    format!("systemd passes over `{name}`"),
                    "it stands before any section",
                    format!("put `[{}]` above it", self.section_of(name).unwrap_or("Unit")),
                ));
                continue;
            };
            if !section.known {
                continue;
            }
            let assigned = said.split_once('=').filter(|(name, _)| !name.trim().is_empty());
            let Some((name, value)) = assigned else {
                found.push(line.mistake(
                    "systemd passes over this line",
                    "neither `[Section]` nor `Name=value`",
                    "a comment begins with `#`; `\\` at the end of a line joins it with the next",
                ));
                continue;
            };
            let setting = Setting { name: name.trim(), value: value.trim(), line: &line };
            if !setting.name.starts_with("X-") && !has(section.name, setting.name) {
                found.extend(self.unknown(section.name, &setting));
                unknown += 1;
            }
            if setting.name.starts_with("Exec") && section.name != "Unit" {
                found.extend(command(&setting));
            }
            if let Some(Unfit { what, help, meant }) =
                value::unfit(self.kind, setting.name, setting.value)
            {
                let headline = format!("systemd passes over `{}=`", setting.name);
                let label = format!("`{}` is {what}", brief(setting.value));
                let swap = meant.map(|(word, near)| swap(&word, &near));
                found.push(TextMistake { swap, ..line.mistake(headline, label, help) });
            }
            if value::names_units(setting.name) {
                found.extend(mistyped_units(&setting));
            }
            let (name, value) = (setting.name.to_owned(), setting.value.to_owned());
            settings.push((section.name, name, value, line.at.clone()));
        }
        if self.whole && self.kind == "service" {
            found.extend(service(text, &settings));
        }
        found
    }

    fn sections(self) -> impl Iterator<Item = &'static str> {
        ["Unit"].into_iter().chain(self.own).chain(["Install"])
    }

    fn section<'t>(self, text: &'t str, line: &Line, found: &mut Vec<TextMistake>) -> Section<'t> {
        let written = text.get(line.at.clone()).unwrap_or_default().trim();
        let name = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let Some(name) = name else {
            found.push(line.mistake(
                "systemd cannot read this section's name",
                "it has no `]` at its end",
                "write `[Unit]` on a line of its own",
            ));
            return Section { name: "", known: false };
        };
        let known = self.sections().any(|section| section == name);
        if !known && !name.starts_with("X-") {
            let near = Some(name).filter(|name| name.len() <= 64);
            let near = near.and_then(|name| closest(name, self.sections()));
            let help = near.map_or_else(
                || {
                    let all: Vec<_> = self.sections().map(|name| format!("`[{name}]`")).collect();
                    format!("it has {}; `[X-…]` is for other programs", all.join(", "))
                },
                |near| format!("did you mean `[{near}]`?"),
            );
            let headline = format!("a `.{}` has no section `[{}]`", self.kind, brief(name));
            let mistake = line.mistake(headline, "systemd passes over all of it", help);
            found.push(TextMistake { swap: near.map(|near| swap(name, near)), ..mistake });
        }
        Section { name, known }
    }

    /// The section of this kind of unit that has a setting.
    fn section_of(self, name: &str) -> Option<&'static str> {
        self.sections().find(|section| has(section, name))
    }

    fn unknown(self, section: &str, setting: &Setting<'_>) -> Option<TextMistake> {
        let name = setting.name;
        // No setting is so long.
        if name.len() > 64 {
            return None;
        }
        let headline = format!("systemd passes over `{name}=`");
        let label = format!("`[{section}]` has no such setting");
        if let Some(other) = self.section_of(name) {
            return Some(setting.line.mistake(
                headline,
                label,
                format!("it stands in `[{other}]`"),
            ));
        }
        let elsewhere = KINDS.iter().find(|(_, own)| own.is_some_and(|own| has(own, name)));
        if let Some((kind, _)) = elsewhere {
            let help = format!("it is a setting of a `.{kind}`");
            return Some(setting.line.mistake(headline, label, help));
        }
        // What is like none may be of a later systemd.
        let near = closest(name, settings_of(section).iter().copied())?;
        let mistake = setting.line.mistake(headline, label, format!("did you mean `{near}=`?"));
        Some(TextMistake { swap: Some(swap(name, near)), ..mistake })
    }
}

/// The settings of a section, sorted.
fn settings_of(section: &str) -> &'static [&'static str] {
    static ALL: LazyLock<BTreeMap<&str, Vec<&str>>> = LazyLock::new(|| {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut sections = "";
        for line in SETTINGS.lines().filter(|line| !line.starts_with('#')) {
            if let Some(names) = line.strip_prefix('[') {
                sections = names.trim_end_matches(']');
            } else {
                for section in sections.split(' ') {
                    all.entry(section).or_default().extend(line.split_whitespace());
                }
            }
        }
        for names in all.values_mut() {
            names.sort_unstable();
        }
        all
    });
    ALL.get(section).map(Vec::as_slice).unwrap_or_default()
}

fn has(section: &str, name: &str) -> bool {
    settings_of(section).binary_search(&name).is_ok()
}

struct Section<'t> {
    name: &'t str,
    known: bool,
}

struct Setting<'l> {
    name: &'l str,
    value: &'l str,
    line: &'l Line,
}

/// A line, with those that continue it.
struct Line {
    /// Its bytes in the text, blanks around it left out.
    at: Range<usize>,
    /// What systemd makes of it.
    said: String,
}

impl Line {
    fn mistake(
        &self,
        headline: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> TextMistake {
        let (at, code) = (self.at.clone(), codes::SPEC_UNIT);
        let (headline, label, help) = (headline.into(), label.into(), help.into());
        TextMistake { at, code, headline, label, help, swap: None }
    }
}

/// The lines of a text that say something, continued ones joined. A comment may stand between.
fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let (mut at, mut open) = (0, false);
    for physical in text.split_inclusive('\n') {
        let start = at + (physical.len() - physical.trim_start().len());
        at += physical.len();
        let line = physical.trim();
        if line.starts_with(['#', ';']) || (line.is_empty() && !open) {
            continue;
        }
        let said = line.strip_suffix('\\');
        let end = start + line.len();
        if let Some(last) = lines.last_mut().filter(|_| open) {
            last.said.push(' ');
            last.said.push_str(said.unwrap_or(line));
            last.at.end = end.max(last.at.end);
        } else {
            lines.push(Line { at: start..end, said: said.unwrap_or(line).to_owned() });
        }
        open = said.is_some();
    }
    lines
}

/// Names that are nearly those of systemd's own units: what waits for, or is wanted by, a unit that
/// is not there does so in vain, and nobody says it.
fn mistyped_units(setting: &Setting<'_>) -> Vec<TextMistake> {
    let units = setting.value.split_whitespace();
    let near = units.filter_map(|unit| Some((unit, value::nearly_special(unit)?)));
    near.map(|(unit, near)| TextMistake {
        code: codes::SPEC_TYPO,
        swap: Some(swap(unit, near)),
        ..setting.line.mistake(
            format!("no unit is known as `{unit}`"),
            format!("`{}=` of a unit that is not there does nothing", setting.name),
            format!("did you mean `{near}`?"),
        )
    })
    .collect()
}

/// A word that is nearly a known one.
fn swap(written: &str, near: &str) -> Swap {
    Swap { written: written.to_owned(), text: near.to_owned(), sure: false }
}

/// A command line that systemd would not run as it is written.
fn command(setting: &Setting<'_>) -> Option<TextMistake> {
    let words = words(setting.value.trim_start_matches(['@', '-', ':', '+', '!', '|']));
    let program = words.first()?;
    let name = setting.name;
    let path = program.trim_matches(['"', '\'']);
    if path.contains('/') && !path.starts_with(['/', '%', '$']) {
        return Some(setting.line.mistake(
            format!("`{name}={}` is neither a path nor a name", brief(path)),
            "systemd refuses a path that is not absolute",
            format!("write where it is: `/usr/bin/{}`", brief(path.rsplit('/').next()?)),
        ));
    }
    let operator = words.iter().find(|word| {
        matches!(**word, "&&" | "||" | "|" | "&" | ">" | ">>" | "<" | "2>&1" | "2>" | "&>")
            || word.starts_with("$(")
            || word.starts_with('`')
    })?;
    Some(setting.line.mistake(
        format!("systemd starts no shell for `{name}=`"),
        format!("`{}` is an argument of the program", brief(operator)),
        "write `/bin/sh -c '…'`, or two settings",
    ))
}

/// Words with blanks between; what is in quotes is one.
fn words(value: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote) = (None, None);
    for (at, letter) in value.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, ' ' | '\t') => words.extend(start.take().and_then(|start| value.get(start..at))),
            (None, letter) => {
                start = start.or(Some(at));
                quote = ['"', '\''].into_iter().find(|open| *open == letter);
            }
        }
    }
    words.extend(start.and_then(|start| value.get(start..)));
    words
}

/// Section, name, value and place of each setting.
type Settings<'t> = [(&'t str, String, String, Range<usize>)];

/// What systemd refuses a service for.
fn service(text: &str, settings: &Settings<'_>) -> Option<TextMistake> {
    let mut starts: Vec<&Range<usize>> = Vec::new();
    let (mut oneshot, mut other) = (false, false);
    for (section, name, value, at) in settings {
        match (*section, name.as_str()) {
            ("Service", "ExecStart") if value.is_empty() => starts.clear(),
            ("Service", "ExecStart") => starts.push(at),
            ("Service", "Type") => oneshot = value == "oneshot",
            ("Service", "ExecStop") | ("Unit", "SuccessAction") => other = true,
            _ => {}
        }
    }
    if let (false, [_, second, ..]) = (oneshot, starts.as_slice()) {
        let line = Line { at: (*second).clone(), said: String::new() };
        return Some(line.mistake(
            "systemd refuses a service with two `ExecStart=`",
            "the second",
            "write `Type=oneshot` where they run one after the other; an empty `ExecStart=` takes \
             back those before it",
        ));
    }
    if !starts.is_empty() || other {
        return None;
    }
    let all = lines(text);
    let header = all.iter().find(|line| line.said == "[Service]").or(all.first());
    let at = header.map_or(0..0, |line| line.at.clone());
    let line = Line { at, said: String::new() };
    let help = "add `ExecStart=` to `[Service]`";
    Some(line.mistake("systemd refuses a service that starts nothing", "no `ExecStart=`", help))
}

#[cfg(test)]
mod tests;
