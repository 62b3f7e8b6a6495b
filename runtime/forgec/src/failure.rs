//! A failed step, as a person reads it: the spec's line, the command, the end of its output, and
//! where all of it is.

use std::fmt::Write as _;
use std::path::Path;

use forge_diag::Standpoint;
use forge_exec::StepError;
use forge_model::Origin;

/// The whole story of a failed step.
pub(crate) fn story(name: &str, error: &StepError, root: &Path, from: &Standpoint) -> String {
    let mut text = format!("error: {name} failed\n  {}\n", error.message.replace('\n', "\n  "));
    // Writing to a String cannot fail.
    for origin in error.origins.iter().take(4) {
        let _ = writeln!(text, "{}", excerpt(root, origin, from));
    }
    if let Some(command) = &error.command {
        let _ = writeln!(text, "  command: {command}");
    }
    if !error.tail.is_empty() {
        let _ = writeln!(text, "  the end of its output:");
        for line in error.tail.iter().rev().take(20).rev() {
            let _ = writeln!(text, "    | {line}");
        }
    }
    if let Some(log) = &error.log {
        let _ = writeln!(text, "  whole log: {}", log.display());
    }
    if let Some(help) = &error.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

/// `--> file:line` and the line itself, when it can be read.
fn excerpt(root: &Path, origin: &Origin, from: &Standpoint) -> String {
    let mut text = format!("  --> {}:{}", from.path(&origin.file), origin.line);
    let content = std::fs::read_to_string(root.join(origin.file.as_ref())).unwrap_or_default();
    let index = (origin.line as usize).saturating_sub(1);
    if let Some(line) = content.lines().nth(index) {
        let _ = write!(text, "\n   {:>4} | {line}", origin.line);
    }
    text
}
