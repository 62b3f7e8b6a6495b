//! `forgec explain`: the page of a code, out of the book.

use std::fmt::Write as _;

use forge_diag::Code;
use forge_diag::codes::{self, Found};

use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Explain a code of a finding, with an example of the mistake and its mend.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The code: `forge::spec::mode`, `spec::mode`, or `mode` where only one is so called; all
    /// codes without one
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CmdError> {
    let Some(written) = &args.code else {
        list(ui);
        return Ok(Exit::Done);
    };
    match codes::look_up(written) {
        Found::One(code) if ui.json() => ui.out(&format!("{:#}", as_json(&code, true))),
        Found::One(code) => ui.out(&page(code)),
        Found::Several(several) => {
            let names: Vec<_> = several.iter().map(|code| format!("`{}`", code.short())).collect();
            return Err(CmdError::usage(format!("several codes are called `{written}`"))
                .help(format!("name one of them: {}", names.join(", "))));
        }
        Found::None => {
            return Err(
                CmdError::usage(format!("there is no code `{written}`")).help(near(written))
            );
        }
    }
    Ok(Exit::Done)
}

fn list(ui: &Ui) {
    if ui.json() {
        let all: Vec<_> = codes::ALL.iter().map(|code| as_json(code, false)).collect();
        ui.out(&format!("{:#}", serde_json::json!({ "version": 1, "codes": all })));
        return;
    }
    let width = codes::ALL.iter().map(|code| code.short().len()).max().unwrap_or(0);
    let mut text = String::new();
    for code in codes::ALL {
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{:width$}  {:7}  {}", code.short(), code.severity.name(), code.meaning);
    }
    ui.out(&text);
}

fn as_json(code: &Code, page: bool) -> serde_json::Value {
    let mut value = serde_json::json!({
        "code": code.name,
        "severity": code.severity.name(),
        "meaning": code.meaning,
    });
    if page && let Some(fields) = value.as_object_mut() {
        fields.insert("version".to_owned(), 1.into());
        fields.insert("page".to_owned(), code.page.into());
    }
    value
}

/// The page as a terminal shows it: fences say which file they are instead of how the book's
/// tests take them, and links are their text.
fn page(code: Code) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in code.page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside && !info.is_empty();
            if let Some(file) = info.split(' ').find_map(|word| word.strip_prefix("file=")) {
                let _ = writeln!(text, "    // {file}");
            }
        } else if inside {
            let _ = writeln!(text, "    {line}");
        } else if let Some(heading) = line.strip_prefix("## ") {
            let _ = writeln!(text, "{heading}:");
        } else {
            let line = line.strip_prefix("# ").unwrap_or(line);
            let _ = writeln!(text, "{}", without_links(line));
        }
    }
    text
}

/// `[text](target)` as `text`.
fn without_links(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((text, after)) = before.rsplit_once('[').zip(after.split_once(')')) else {
            break;
        };
        out.push_str(text.0);
        out.push_str(text.1);
        rest = after.1;
    }
    out + rest
}

/// The nearest code, by its last word when no group is written.
fn near(written: &str) -> String {
    let name = written.strip_prefix("forge::").unwrap_or(written);
    let last = |code: &Code| code.short().rsplit_once("::").map_or("", |(_, last)| last);
    let short = codes::ALL.iter().map(|code| code.short());
    let found = if name.contains("::") {
        forge_syntax::closest(name, short).map(str::to_owned)
    } else {
        let near = forge_syntax::closest(name, codes::ALL.iter().map(last));
        let code = near.and_then(|near| codes::ALL.iter().find(|code| last(code) == near));
        code.map(|code| code.short().to_owned())
    };
    found.map_or_else(
        || "`forgec explain` lists them all".to_owned(),
        |near| format!("did you mean `{near}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_their_text_on_a_terminal() {
        assert_eq!(without_links("see [the *page*](../x.md), or [b](c)."), "see the *page*, or b.");
        assert_eq!(without_links("a[0](1"), "a[0](1");
    }

    #[test]
    fn pages_are_shown_without_fences() {
        for code in codes::ALL {
            let shown = page(*code);
            assert!(!shown.contains("```") && !shown.contains("]("), "{}", code.name);
            assert!(shown.contains("\nWrong:\n") && shown.contains("\nRight:\n"), "{}", code.name);
        }
    }

    #[test]
    fn mistyped_codes_have_a_neighbor() {
        assert_eq!(near("spec::mod"), "did you mean `spec::mode`?");
        assert_eq!(near("cycel"), "did you mean `spec::cycle`?");
        assert_eq!(near("zzzzzzzzzzzz"), "`forgec explain` lists them all");
    }
}
