//! What the store knows of the layers that a line makes.

use forge_model::{Bytes, Node, Plan};

use crate::host::LayerState;
use crate::server::{Asked, Server};

/// Layers that are named one by one.
const MOST: usize = 8;

/// The layers that a node of the spec makes, as a list in Markdown; none when it makes none, or
/// when the project has mistakes right now.
pub(super) fn states(server: &Server, asked: &Asked, node: &forge_syntax::Node) -> Option<String> {
    let project = server.projects.get(&asked.root)?;
    let (generation, plan) = project.plan.as_ref()?;
    if *generation != project.generation {
        return None;
    }
    let line = asked.lines.position(&asked.text, node.head.start as usize, asked.encoding).line + 1;
    let nodes = nodes(plan, &asked.path, line);
    let (shown, more) = nodes.split_at(nodes.len().min(MOST));
    let mut out = String::new();
    for node in shown {
        let state = server.host.layer(&asked.root, plan, node.id)?;
        out += &format!("- `{}`: {}\n", node.label, told(&state));
    }
    if !more.is_empty() {
        out += &format!("- and {} more\n", more.len());
    }
    (!out.is_empty()).then_some(out)
}

/// The steps that come from a line; for one that uses or declares a role, those of the role.
fn nodes<'a>(plan: &'a Plan, path: &str, line: u32) -> Vec<&'a Node> {
    let here = |node: &&Node| {
        node.places().iter().any(|origin| &*origin.file == path && origin.line == line)
    };
    plan.nodes.iter().map(AsRef::as_ref).filter(here).collect()
}

fn told(state: &LayerState) -> String {
    let mut text = state.outlook.clone();
    if let Some(size) = state.size {
        text += &format!("; {}", Bytes(size));
    }
    if let Some(built) = state.built {
        text += &format!("; built {}", moment(built));
    }
    if let Some(took) = state.duration_ms {
        text += &format!(" in {}.{} s", took / 1000, took % 1000 / 100);
    }
    text
}

/// `2026-11-26 12:30 UTC`.
fn moment(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86400, seconds % 86400);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute) = (rest / 3600, rest % 3600 / 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02} UTC", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_shortly() {
        let moments = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_795_693_859, "2026-11-26 11:50 UTC"),
        ];
        for (seconds, want) in moments {
            assert_eq!(moment(seconds), want);
        }
    }
}
