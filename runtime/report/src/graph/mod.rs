//! The steps of a plan as a picture: for Graphviz, for Mermaid, and drawn as SVG.

mod svg;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use forge_model::{Action, Edge, EdgeRole, Node, NodeId, Plan};

pub use svg::graph_svg;

/// What the next build does with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepState {
    /// The store has its result.
    Kept,
    /// It is done.
    Done,
    /// It is done unless a step below comes out as it was.
    Unless,
    /// It cannot be said.
    Unknown,
}

/// What the next build does with steps; a step that is not named counts as unknown.
pub type StepStates = BTreeMap<NodeId, StepState>;

impl StepState {
    /// All states, as a legend lists them.
    const ALL: [Self; 4] = [Self::Kept, Self::Done, Self::Unless, Self::Unknown];

    /// In words.
    fn words(self) -> &'static str {
        match self {
            Self::Kept => "in the store",
            Self::Done => "to be done",
            Self::Unless => "to be done unless a step below comes out as it was",
            Self::Unknown => "not known",
        }
    }

    /// Fill and border: apart in lightness too, for eyes that do not tell red from green.
    fn colors(self) -> (&'static str, &'static str) {
        match self {
            Self::Kept => ("#e2f2e6", "#3d8a57"),
            Self::Done => ("#f9c88f", "#b35c00"),
            Self::Unless => ("#fdf0d5", "#b35c00"),
            Self::Unknown => ("#eeeeee", "#777777"),
        }
    }

    /// Whether the border is drawn dashed.
    fn is_dashed(self) -> bool {
        match self {
            Self::Kept | Self::Done => false,
            Self::Unless | Self::Unknown => true,
        }
    }

    fn of(states: &StepStates, id: NodeId) -> Self {
        states.get(&id).copied().unwrap_or(Self::Unknown)
    }
}

/// What an image goes through, from its packages to its artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Sources,
    Base,
    Packages,
    Accounts,
    Files,
    Units,
    Scripts,
    Removal,
    Stamp,
    Controls,
    Artifact,
}

impl Phase {
    fn of(node: &Node) -> Self {
        match &node.action {
            Action::Resolve(_) | Action::Fetch(_) => Self::Sources,
            Action::Base(_) => Self::Base,
            Action::Packages(_) => Self::Packages,
            Action::Unpack(_) => Self::Files,
            Action::Run(_) => Self::Scripts,
            Action::Secrets(_) | Action::Stamp(_) => Self::Stamp,
            Action::Verify(_) => Self::Controls,
            Action::Pack(_) => Self::Artifact,
            // The label ends in the phase: `ROLE/PHASE`.
            Action::Changes(_) => match node.label.rsplit('/').next() {
                Some("repositories" | "early-accounts" | "early-files") => Self::Packages,
                Some("accounts") => Self::Accounts,
                Some("units") => Self::Units,
                Some("remove") => Self::Removal,
                _ => Self::Files,
            },
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sources => "lists and sources",
            Self::Base => "base",
            Self::Packages => "packages",
            Self::Accounts => "accounts",
            Self::Files => "files",
            Self::Units => "units",
            Self::Scripts => "scripts",
            Self::Removal => "removal",
            Self::Stamp => "secrets, stamp",
            Self::Controls => "controls",
            Self::Artifact => "artifact",
        }
    }
}

/// Phases that have steps, in their order, with these.
fn phases(plan: &Plan, steps: &BTreeSet<NodeId>) -> BTreeMap<Phase, Vec<NodeId>> {
    let mut phases: BTreeMap<Phase, Vec<NodeId>> = BTreeMap::new();
    for id in steps {
        phases.entry(Phase::of(plan.node(*id))).or_default().push(*id);
    }
    phases
}

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

/// All edges into these steps, with the step that each leads to.
fn edges<'a>(
    plan: &'a Plan,
    steps: &'a BTreeSet<NodeId>,
) -> impl Iterator<Item = (&'a Edge, NodeId)> {
    steps.iter().flat_map(|id| plan.node(*id).inputs.iter().map(move |edge| (edge, *id)))
}

/// The steps as a digraph for Graphviz, each under the steps that stand on it, phase by phase.
pub fn graph_dot(plan: &Plan, steps: &BTreeSet<NodeId>, states: &StepStates) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from(
        "digraph forge {\n  rankdir=BT;\n  node [shape=box, style=\"rounded,filled\"];\n",
    );
    for (index, (phase, ids)) in phases(plan, steps).into_iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  subgraph cluster_{index} {{\n    label=\"{}\";", phase.name());
        for id in ids {
            let [label, what] = lines(plan.node(id)).map(|line| quoted(&line));
            let state = StepState::of(states, id);
            let (fill, border) = state.colors();
            let style = if state.is_dashed() { ", style=\"rounded,filled,dashed\"" } else { "" };
            let _ = writeln!(
                out,
                "    n{} [label=\"{label}\\n{what}\", tooltip=\"{}\", fillcolor=\"{fill}\", \
                 color=\"{border}\"{style}];",
                id.0,
                state.words()
            );
        }
        out.push_str("  }\n");
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
pub fn graph_mermaid(plan: &Plan, steps: &BTreeSet<NodeId>, states: &StepStates) -> String {
    let quoted = |text: &str| {
        text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
    };
    let mut out = String::from("flowchart BT\n");
    for (index, (phase, ids)) in phases(plan, steps).into_iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  subgraph p{index}[\"{}\"]", phase.name());
        for id in ids {
            let [label, what] = lines(plan.node(id)).map(|line| quoted(&line));
            let class = class(StepState::of(states, id));
            let _ = writeln!(out, "    n{}[\"{label}<br>{what}\"]:::{class}", id.0);
        }
        out.push_str("  end\n");
    }
    for (edge, to) in edges(plan, steps) {
        let arrow =
            role(edge.role).map_or_else(|| "-->".to_owned(), |word| format!("-. {word} .->"));
        let _ = writeln!(out, "  n{} {arrow} n{}", edge.node.0, to.0);
    }
    let used: BTreeSet<_> = steps.iter().map(|id| StepState::of(states, *id)).collect();
    for state in used {
        let (fill, border) = state.colors();
        let dash = if state.is_dashed() { ",stroke-dasharray:4 3" } else { "" };
        let _ = writeln!(out, "  classDef {} fill:{fill},stroke:{border}{dash}", class(state));
    }
    out
}

fn class(state: StepState) -> &'static str {
    match state {
        StepState::Kept => "kept",
        StepState::Done => "done",
        StepState::Unless => "unless",
        StepState::Unknown => "unknown",
    }
}
