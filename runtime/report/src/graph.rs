//! The steps of a plan as a graph, in the languages of Graphviz and of Mermaid.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use forge_model::{Edge, EdgeRole, Node, NodeId, Plan};

/// A step's box: its label, what it does, and how many images share it.
fn lines(node: &Node) -> [String; 2] {
    let kind = node.action.kind();
    let what = match node.images.len() {
        0 | 1 => kind.to_owned(),
        shared => format!("{kind}, in {shared} images"),
    };
    [node.label.clone(), what]
}

/// What an input is, where it is not the layer below.
fn role(role: EdgeRole) -> Option<&'static str> {
    match role {
        EdgeRole::Lower => None,
        EdgeRole::List => Some("package list"),
        EdgeRole::Installed => Some("installed before"),
        EdgeRole::Verdict => Some("verdict"),
        EdgeRole::Source => Some("fetched"),
    }
}

/// The fill of a step's box, by what it does.
fn color(kind: &str) -> &'static str {
    match kind {
        "resolve" | "fetch" => "#eeeeee",
        "base" => "#dce6f5",
        "packages" | "unpack" => "#dff0d8",
        "changes" => "#fdf3d0",
        "run" => "#fbe3cf",
        "secrets" => "#f6d5d5",
        "verify" => "#e6dcf2",
        _ => "#ffffff",
    }
}

/// All edges into these steps, with the step that each leads to.
fn edges<'a>(
    plan: &'a Plan,
    steps: &'a BTreeSet<NodeId>,
) -> impl Iterator<Item = (&'a Edge, NodeId)> {
    steps.iter().flat_map(|id| plan.node(*id).inputs.iter().map(move |edge| (edge, *id)))
}

/// The steps as a digraph for Graphviz, each under the steps that stand on it.
pub fn graph_dot(plan: &Plan, steps: &BTreeSet<NodeId>) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from(
        "digraph forge {\n  rankdir=BT;\n  node [shape=box, style=\"rounded,filled\"];\n",
    );
    for id in steps {
        let node = plan.node(*id);
        let [label, what] = lines(node).map(|line| quoted(&line));
        let fill = color(node.action.kind());
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  n{} [label=\"{label}\\n{what}\", fillcolor=\"{fill}\"];", id.0);
    }
    for (edge, to) in edges(plan, steps) {
        let style = role(edge.role)
            .map(|word| format!(" [style=dashed, label=\"{word}\"]"))
            .unwrap_or_default();
        let _ = writeln!(out, "  n{} -> n{}{style};", edge.node.0, to.0);
    }
    out.push_str("}\n");
    out
}

/// The steps as a Mermaid flowchart, which GitLab draws in Markdown.
pub fn graph_mermaid(plan: &Plan, steps: &BTreeSet<NodeId>) -> String {
    let quoted = |text: &str| {
        text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
    };
    let mut out = String::from("flowchart BT\n");
    for id in steps {
        let node = plan.node(*id);
        let [label, what] = lines(node).map(|line| quoted(&line));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  n{}[\"{label}<br>{what}\"]", id.0);
        let _ = writeln!(out, "  style n{} fill:{}", id.0, color(node.action.kind()));
    }
    for (edge, to) in edges(plan, steps) {
        let arrow =
            role(edge.role).map_or_else(|| "-->".to_owned(), |word| format!("-. {word} .->"));
        let _ = writeln!(out, "  n{} {arrow} n{}", edge.node.0, to.0);
    }
    out
}
