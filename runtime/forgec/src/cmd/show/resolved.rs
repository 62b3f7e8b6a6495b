//! `show --resolved`: an image with every parameter put in, as text and as JSON.

use std::fmt::Write as _;

use forge_spec::{BaseKind, Parameter, ParameterSource, Part, ResolvedImage};
use serde_json::{Value, json};

use crate::cmd::std::value_json;

/// The version of the JSON that `show --resolved --format json` prints. It rises when a field
/// changes its meaning or goes; the book has the fields.
const VERSION: u32 = 1;

/// Writing to a String cannot fail.
macro_rules! line {
    ($out:expr, $($text:tt)*) => { let _ = writeln!($out, $($text)*); };
}

/// For people.
pub(super) fn text(image: &ResolvedImage) -> String {
    let mut out = String::new();
    line!(out, "image {}  {}", image.name, image.origin);
    line!(out, "  base {} ({})  {}", image.base.name, base_kind(image), image.base.origin);
    parameters(&mut out, &image.set);
    if let Some(kernel) = &image.kernel {
        line!(out, "  kernel {}  {}", kernel.package.value, kernel.package.origin);
        if let Some(cmdline) = &kernel.cmdline {
            line!(out, "    cmdline {cmdline}");
        }
    }
    for part in &image.parts {
        part_text(&mut out, part);
    }
    if !image.profiles.is_empty() || !image.inspec.is_empty() {
        out.push('\n');
    }
    for profile in &image.profiles {
        let controls = profile.controls.len();
        let plural = if controls == 1 { "control" } else { "controls" };
        line!(out, "profile {} ({controls} {plural})  {}", profile.name, profile.origin);
    }
    for profile in &image.inspec {
        line!(out, "profile {profile} (InSpec)");
    }
    if let Some(output) = &image.output {
        let settings = &output.value;
        line!(
            out,
            "output {} compress={} level={} allow-secrets={}  {}",
            settings.format,
            format!("{:?}", settings.compression).to_lowercase(),
            settings.level,
            settings.allow_secrets,
            output.origin
        );
    }
    for expected in &image.expect_failed {
        line!(out, "expect-failed {}: {}  {}", expected.unit, expected.because, expected.origin);
    }
    out
}

/// An image's own items stand in a part of its name, which is declared where it is asked for.
pub(crate) fn is_own(part: &Part) -> bool {
    part.origin == part.declared
}

fn part_text(out: &mut String, part: &Part) {
    out.push('\n');
    if is_own(part) {
        line!(out, "image {} itself  {}", part.name, part.origin);
    } else {
        line!(out, "role {}  {}, declared at {}", part.name, part.origin, part.declared);
    }
    parameters(out, &part.parameters);
    for packages in &part.packages {
        let recommends = if packages.recommends { " with recommends" } else { "" };
        for name in &packages.names {
            line!(out, "  package {}{recommends}  {}", name.value, name.origin);
        }
        for file in &packages.files {
            line!(out, "  package file {}{recommends}  {}", file.value.path, file.origin);
        }
    }
    for item in &part.items {
        let shown = item.shown();
        let mut says = String::new();
        for (name, value) in &shown.says {
            let _ = write!(says, " {name}={value:?}");
        }
        let overrides = if item.overrides { " override=#true" } else { "" };
        line!(out, "  {} {}{says}{overrides}  {}", shown.kind, shown.subject, item.origin);
    }
}

fn parameters(out: &mut String, parameters: &[Parameter]) {
    let names = parameters.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let values: Vec<String> = parameters.iter().map(|one| one.value.to_string()).collect();
    let width = values.iter().map(|value| value.chars().count().min(40)).max().unwrap_or(0);
    for (one, value) in parameters.iter().zip(&values) {
        let (name, source) = (&one.name, in_words(&one.source));
        line!(out, "  {name:names$} = {value:width$}  {source}, {}", one.origin);
    }
}

pub(crate) fn in_words(source: &ParameterSource) -> String {
    match source {
        ParameterSource::Given => "given".to_owned(),
        ParameterSource::Set => "set".to_owned(),
        ParameterSource::Inherited(image) => format!("set by `{image}`"),
        ParameterSource::Name => "from the image's name".to_owned(),
        ParameterSource::Base => "from the base".to_owned(),
        ParameterSource::Default => "default".to_owned(),
    }
}

fn base_kind(image: &ResolvedImage) -> String {
    let arch = &image.base.arch;
    match &image.base.kind {
        BaseKind::Debian { sources, .. } => format!("debian {}, {arch}", sources.suite),
        other => format!("{}, {arch}", kind_name(other)),
    }
}

fn kind_name(kind: &BaseKind) -> &'static str {
    match kind {
        BaseKind::Debian { .. } => "debian",
        BaseKind::Archive { .. } => "archive",
        BaseKind::Tree { .. } => "tree",
    }
}

/// For programs.
pub(super) fn json(image: &ResolvedImage) -> Value {
    let profiles = image.profiles.iter().map(|profile| {
        json!({
            "name": profile.name,
            "controls": profile.controls.len(),
            "place": profile.origin.to_string(),
        })
    });
    let expected = image.expect_failed.iter().map(
        |one| json!({ "unit": one.unit, "because": one.because, "place": one.origin.to_string() }),
    );
    json!({
        "version": VERSION,
        "image": image.name,
        "place": image.origin.to_string(),
        "base": {
            "name": image.base.name,
            "kind": kind_name(&image.base.kind),
            "arch": image.base.arch,
            "place": image.base.origin.to_string(),
        },
        "kernel": image.kernel.as_ref().map(|kernel| json!({
            "package": kernel.package.value,
            "cmdline": kernel.cmdline,
            "place": kernel.package.origin.to_string(),
        })),
        "set": parameters_json(&image.set),
        "parts": image.parts.iter().map(part_json).collect::<Vec<_>>(),
        "profiles": profiles.collect::<Vec<_>>(),
        "inspec": image.inspec,
        "output": image.output.as_ref().map(|output| json!({
            "settings": output.value,
            "place": output.origin.to_string(),
        })),
        "expect_failed": expected.collect::<Vec<_>>(),
    })
}

fn part_json(part: &Part) -> Value {
    let mut packages = Vec::new();
    for node in &part.packages {
        let names = node.names.iter().map(|name| (&name.value, "name", &name.origin));
        let files = node.files.iter().map(|file| (&file.value.path, "file", &file.origin));
        packages.extend(names.chain(files).map(|(value, key, place)| {
            json!({ key: value, "recommends": node.recommends, "place": place.to_string() })
        }));
    }
    let items = part.items.iter().map(|item| {
        let shown = item.shown();
        let says = shown.says.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        json!({
            "kind": shown.kind,
            "subject": shown.subject,
            "says": says.collect::<Vec<_>>(),
            "override": item.overrides,
            "place": item.origin.to_string(),
        })
    });
    json!({
        "name": part.name,
        "kind": if is_own(part) { "image" } else { "role" },
        "place": part.origin.to_string(),
        "declared": part.declared.to_string(),
        "parameters": parameters_json(&part.parameters),
        "packages": packages,
        "items": items.collect::<Vec<_>>(),
    })
}

fn parameters_json(parameters: &[Parameter]) -> Vec<Value> {
    let one = |one: &Parameter| {
        let (source, from) = match &one.source {
            ParameterSource::Given => ("given", None),
            ParameterSource::Set => ("set", None),
            ParameterSource::Inherited(image) => ("inherited", Some(image)),
            ParameterSource::Name => ("name", None),
            ParameterSource::Base => ("base", None),
            ParameterSource::Default => ("default", None),
        };
        json!({
            "name": one.name,
            "type": one.ty,
            "value": value_json(&one.value),
            "source": source,
            "from": from,
            "place": one.origin.to_string(),
        })
    };
    parameters.iter().map(one).collect()
}
