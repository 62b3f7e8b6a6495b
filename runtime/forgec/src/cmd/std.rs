//! `forgec std`: the library of bases, roles and profiles that forge ships.

use ::std::fmt::Write as _;

use forge_model::Sources as _;
use forge_spec::describe::{Described, Kind, library};
use forge_spec::{ParamDecl, ParamValue};
use forge_stdlib::{Nothing, WithLibrary};
use serde_json::{Value, json};

use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// List and show what the shipped library has.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List every base, role and profile (the default)
    List,
    /// Show what a name is for, its parameters, and its controls
    Show {
        /// A name that begins with `std/`
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Print the files of a name, to copy and change
    Cat {
        /// A name that begins with `std/`
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CmdError> {
    let sources = WithLibrary::new(Nothing);
    let (all, mistakes, _) = library(&sources);
    if let Some(mistake) = mistakes.first() {
        return Err(CmdError::bug(format!("the shipped library: {}", mistake.headline)));
    }
    match &args.command {
        None | Some(Command::List) => list(ui, &all),
        Some(Command::Show { name }) => show(ui, &all, name)?,
        Some(Command::Cat { name }) => {
            named(&all, name)?;
            cat(ui, &sources, name)?;
        }
    }
    Ok(Exit::Done)
}

fn list(ui: &Ui, all: &[Described]) {
    if ui.json() {
        let names: Vec<Value> = all
            .iter()
            .map(|one| json!({ "name": one.name, "kind": one.kind.name(), "doc": one.doc }))
            .collect();
        ui.out(&format!("{:#}", json!({ "version": 1, "library": names })));
        return;
    }
    let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for one in all {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {:7}  {}", one.name, one.kind.name(), one.doc);
    }
    ui.out(&text);
}

/// Everything of this name: a role and its profile share one.
fn named<'a>(all: &'a [Described], name: &str) -> Result<Vec<&'a Described>, CmdError> {
    let found: Vec<&Described> = all.iter().filter(|one| one.name == name).collect();
    if found.is_empty() {
        let names = all.iter().map(|one| one.name.as_str());
        let full = format!("std/{name}");
        let help = if all.iter().any(|one| one.name == full) {
            Some(format!("did you mean `{full}`?"))
        } else {
            forge_syntax::did_you_mean(name, names)
        };
        let help = help.unwrap_or_else(|| "`forgec std` lists all names".to_owned());
        return Err(CmdError::user(format!("the library has no `{name}`")).help(help));
    }
    Ok(found)
}

fn show(ui: &Ui, all: &[Described], name: &str) -> Result<(), CmdError> {
    let found = named(all, name)?;
    if ui.json() {
        let declarations: Vec<Value> = found.into_iter().map(as_json).collect();
        ui.out(&format!("{:#}", json!({ "version": 1, "declarations": declarations })));
        return Ok(());
    }
    let mut text = String::new();
    for (index, one) in found.into_iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        as_text(&mut text, one);
    }
    ui.out(&text);
    Ok(())
}

fn as_text(text: &mut String, one: &Described) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} \"{}\"  {}\n  {}", one.kind.name(), one.name, one.origin, one.doc);
    if !one.params.is_empty() {
        text.push_str("\n  parameters\n");
    }
    for param in &one.params {
        let default = match default(param) {
            Some(value) if value.is_empty() => ", empty unless given".to_owned(),
            Some(value) => format!(", {value} unless given"),
            None => ", must be given".to_owned(),
        };
        let _ = writeln!(text, "    {}: {}{default}", param.name.value, param.ty.expected());
        if !param.doc.is_empty() {
            let _ = writeln!(text, "        {}", param.doc);
        }
    }
    // A role asks for the profile of its own name, which follows with its controls.
    if !one.controls.is_empty() {
        text.push_str(if one.kind == Kind::Role { "\n  judged by\n" } else { "\n  controls\n" });
    }
    for (id, title) in &one.controls {
        let _ = writeln!(text, "    {id}: {title}");
    }
}

/// A default as a spec would write it.
fn default(param: &ParamDecl) -> Option<String> {
    param.default.as_ref().map(|value| value.value.to_string())
}

fn as_json(one: &Described) -> Value {
    let params: Vec<Value> = one
        .params
        .iter()
        .map(|param| {
            json!({
                "name": param.name.value,
                "type": param.ty.name(),
                "expected": param.ty.expected(),
                "default": param.default.as_ref().map(|value| value_json(&value.value)),
                "doc": param.doc,
            })
        })
        .collect();
    let controls: Vec<Value> =
        one.controls.iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
    json!({
        "name": one.name,
        "kind": one.kind.name(),
        "doc": one.doc,
        "place": one.origin.to_string(),
        "parameters": params,
        "controls": controls,
    })
}

/// A parameter's value for programs: numbers, truth values and lists as such, all else as text.
pub(crate) fn value_json(value: &ParamValue) -> Value {
    match value {
        ParamValue::Integer(number) => json!(number),
        ParamValue::Bool(value) => json!(value),
        ParamValue::List(values) => values.iter().map(value_json).collect(),
        ParamValue::Text(_)
        | ParamValue::Size(_)
        | ParamValue::Duration(_)
        | ParamValue::Hosts(_) => json!(value.text()),
    }
}

fn cat(ui: &Ui, sources: &WithLibrary<Nothing>, name: &str) -> Result<(), CmdError> {
    // A name may have a second part; its files stand in the directory of the first.
    let directory: String = name.split('/').take(2).collect::<Vec<_>>().join("/");
    let bug = |error: forge_model::SourceError| CmdError::bug(format!("`{directory}`: {error}"));
    let files = sources.list(&directory).map_err(bug)?;
    let mut texts = Vec::new();
    for file in files {
        let content = sources.read(&file.path).map_err(bug)?;
        texts.push((file.path, String::from_utf8_lossy(&content).into_owned()));
    }
    if ui.json() {
        let files: Vec<Value> =
            texts.iter().map(|(path, text)| json!({ "path": path, "text": text })).collect();
        ui.out(&format!("{:#}", json!({ "version": 1, "files": files })));
        return Ok(());
    }
    let mut out = String::new();
    for (index, (path, text)) in texts.iter().enumerate() {
        let blank = if index == 0 { "" } else { "\n" };
        let _ = writeln!(out, "{blank}==> {path} <==\n{}", text.trim_end_matches('\n'));
    }
    ui.out(&out);
    Ok(())
}
