//! The steps as an SVG: a column for each phase, a lane for each set of images that share steps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use forge_model::{EdgeRole, Node, NodeId, Plan};

use super::{Phase, StepState, StepStates, edges, lines, phases};

/// A step's box.
const BOX: (i32, i32) = (164, 38);
/// Room between columns, in which the lines run.
const GAP: i32 = 44;
/// Room between boxes of a column.
const STEP: i32 = 14;
/// Room around the drawing, and above and below the boxes of a lane.
const MARGIN: i32 = 20;
/// Height of the legend and of the names of the phases.
const HEAD: i32 = 64;
/// Height of a lane's title.
const TITLE: i32 = 24;
/// Characters that fit into a box.
const LABEL: usize = 24;
const DETAIL: usize = 30;

/// A lane: the images that share its steps, its top, its height.
struct Lane<'a> {
    images: &'a [String],
    top: i32,
    height: i32,
}

/// Steps of a lane by column.
type Cells = BTreeMap<usize, Vec<NodeId>>;

struct Drawing<'a> {
    plan: &'a Plan,
    states: &'a StepStates,
    columns: Vec<Phase>,
    lanes: Vec<Lane<'a>>,
    /// Left upper corners of the boxes.
    places: BTreeMap<NodeId, (i32, i32)>,
}

/// The steps as an SVG.
pub fn graph_svg(plan: &Plan, steps: &BTreeSet<NodeId>, states: &StepStates) -> String {
    let drawing = Drawing::of(plan, steps, states);
    let (width, height) = drawing.size();
    // Writing to a String cannot fail.
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" \
         role=\"img\">\n<title>The steps of a build</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    drawing.head(&mut out);
    for (index, lane) in drawing.lanes.iter().enumerate() {
        drawing.lane(&mut out, lane, index % 2 == 0);
    }
    for (edge, to) in edges(plan, steps) {
        drawing.line(&mut out, (edge.node, to), edge.role);
    }
    for id in steps {
        drawing.step(&mut out, *id);
    }
    out.push_str("</svg>\n");
    out
}

impl<'a> Drawing<'a> {
    fn of(plan: &'a Plan, steps: &BTreeSet<NodeId>, states: &'a StepStates) -> Self {
        let columns: Vec<Phase> = phases(plan, steps).into_keys().collect();
        // What most images share stands above.
        let mut cells: BTreeMap<(usize, &[String]), Cells> = BTreeMap::new();
        for id in steps {
            let node = plan.node(*id);
            let phase = Phase::of(node);
            let column = columns.iter().position(|one| *one == phase).unwrap_or(0);
            let lane = (usize::MAX - node.images.len(), node.images.as_slice());
            cells.entry(lane).or_default().entry(column).or_default().push(*id);
        }
        let (mut lanes, mut places) = (Vec::new(), BTreeMap::new());
        let mut top = MARGIN + HEAD;
        for ((_, images), cells) in cells {
            let most = cells.values().map(Vec::len).max().unwrap_or(0);
            let height = TITLE + number(most) * (BOX.1 + STEP) + MARGIN - STEP;
            for (column, ids) in cells {
                let left = MARGIN * 2 + number(column) * (BOX.0 + GAP);
                for (row, id) in ids.into_iter().enumerate() {
                    places.insert(id, (left, top + TITLE + number(row) * (BOX.1 + STEP)));
                }
            }
            lanes.push(Lane { images, top, height });
            top += height + MARGIN / 2;
        }
        Self { plan, states, columns, lanes, places }
    }

    fn size(&self) -> (i32, i32) {
        let columns = number(self.columns.len());
        let bottom = self.lanes.last().map_or(MARGIN + HEAD, |lane| lane.top + lane.height);
        // A narrow drawing still has room for the legend.
        let width = MARGIN * 4 + columns * (BOX.0 + GAP) - GAP;
        (width.max(760), bottom + MARGIN)
    }

    /// The legend, and the names of the phases above their columns.
    fn head(&self, out: &mut String) {
        let mut left = MARGIN;
        for state in StepState::ALL {
            let style = style(state);
            let (text_left, words) = (left + 28, state.words());
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{MARGIN}\" width=\"20\" height=\"14\" rx=\"4\" {style}/>\
                 <text x=\"{text_left}\" y=\"{}\" fill=\"#333333\">{words}</text>",
                MARGIN + 11
            );
            left = text_left + number(words.len()) * 7 + 16;
        }
        for (index, phase) in self.columns.iter().enumerate() {
            let middle = MARGIN * 2 + number(index) * (BOX.0 + GAP) + BOX.0 / 2;
            let _ = writeln!(
                out,
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-size=\"13\" \
                 font-weight=\"600\" fill=\"#222222\">{}</text>",
                MARGIN + HEAD - 12,
                phase.name()
            );
        }
    }

    fn lane(&self, out: &mut String, lane: &Lane<'_>, shaded: bool) {
        let Lane { images, top, height } = lane;
        let (width, _) = self.size();
        let fill = if shaded { "#f5f7fa" } else { "#fbfbfc" };
        let names = escaped(&images.join(", "));
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{height}\" rx=\"8\" \
             fill=\"{fill}\"/><text x=\"{MARGIN}\" y=\"{}\" font-weight=\"600\" \
             fill=\"#555555\">{names}</text>",
            MARGIN / 2,
            width - MARGIN,
            top + 16
        );
    }

    /// A line from an input to the step that stands on it.
    fn line(&self, out: &mut String, (from, to): (NodeId, NodeId), role: EdgeRole) {
        let (Some(&(from_x, from_y)), Some(&(to_x, to_y))) =
            (self.places.get(&from), self.places.get(&to))
        else {
            return;
        };
        let path = if from_x == to_x && to_y - from_y == BOX.1 + STEP {
            // The next one below.
            let middle = from_x + BOX.0 / 2;
            format!("M{middle} {} V{to_y}", from_y + BOX.1)
        } else if from_x >= to_x {
            // Round the left side, so that it is not hidden behind boxes.
            let (begin, end) = (from_y + BOX.1 / 2, to_y + BOX.1 / 2);
            let (bow, right) = (from_x.min(to_x) - GAP / 2, from_x);
            format!("M{right} {begin} C{bow} {begin} {bow} {end} {to_x} {end}")
        } else {
            let (begin, end) = (from_y + BOX.1 / 2, to_y + BOX.1 / 2);
            let (right, bow) = (from_x + BOX.0, GAP);
            format!("M{right} {begin} C{} {begin} {} {end} {to_x} {end}", right + bow, to_x - bow)
        };
        let look = match role {
            EdgeRole::Lower => "stroke=\"#5b6b7b\" stroke-width=\"1.4\"",
            EdgeRole::List | EdgeRole::Source => {
                "stroke=\"#9aa7b3\" stroke-width=\"1\" stroke-dasharray=\"4 3\""
            }
            EdgeRole::Installed | EdgeRole::Verdict => {
                "stroke=\"#c3ccd4\" stroke-width=\"1\" stroke-dasharray=\"2 3\""
            }
        };
        let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" {look}/>");
    }

    fn step(&self, out: &mut String, id: NodeId) {
        let Some(&(left, top)) = self.places.get(&id) else { return };
        let node = self.plan.node(id);
        let state = StepState::of(self.states, id);
        let [label, what] = lines(node);
        // What it is, its column and its second line say.
        let label = label.strip_suffix(", package list").unwrap_or(&label);
        let (width, height) = BOX;
        let _ = writeln!(
            out,
            "<g><title>{}</title><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" \
             height=\"{height}\" rx=\"6\" {}/><text x=\"{}\" y=\"{}\" fill=\"#111111\">{}\
             </text><text x=\"{}\" y=\"{}\" font-size=\"10\" fill=\"#555555\">{}</text></g>",
            escaped(&told(node, state)),
            style(state),
            left + 8,
            top + 16,
            escaped(&cut(label, LABEL)),
            left + 8,
            top + 30,
            escaped(&cut(&what, DETAIL)),
        );
    }
}

/// All about a step, shown when the pointer rests on it.
fn told(node: &Node, state: StepState) -> String {
    let mut text = format!("{} ({}): {}", node.label, node.action.kind(), state.words());
    if let Some(origin) = node.origins.first() {
        let _ = write!(text, "\n{origin}");
    }
    let _ = write!(text, "\nin {}", node.images.join(", "));
    text
}

fn style(state: StepState) -> String {
    let (fill, border) = state.colors();
    let dash = if state.is_dashed() { " stroke-dasharray=\"4 3\"" } else { "" };
    format!("fill=\"{fill}\" stroke=\"{border}\"{dash}")
}

/// A text that fits, cut in its middle: its beginning and its end tell steps apart.
fn cut(text: &str, most: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= most {
        return text.to_owned();
    }
    let (head, tail) = (most / 2 - 1, most - most / 2);
    let begin = characters.iter().take(head);
    let end = characters.iter().skip(characters.len() - tail);
    begin.chain(std::iter::once(&'…')).chain(end).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_keep_both_ends() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("scheduler/early-accounts", 12), "sched…counts");
        assert_eq!(cut("ääääääääääüüüüüüüüüü", 10), "ääää…üüüüü");
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
