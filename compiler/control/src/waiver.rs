//! Waivers: that a control may fail, who answers for it, why, and until when.

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_model::{Day, Origin, Waiver};
use forge_syntax::{Cursor, Node};

use crate::reference;

/// A waiver as it is declared.
#[derive(Clone, Debug)]
pub struct WaiverDecl {
    /// The control's id, with its place.
    pub control: Spanned<String>,
    /// Who answers for it.
    pub by: String,
    /// Why it is right.
    pub because: String,
    /// The first day on which it counts no longer.
    pub until: Day,
    /// Else the control is not judged at all.
    pub run: bool,
    /// The node.
    pub head: Span,
}

impl WaiverDecl {
    /// The waivers of some nodes, each control's once. Every mistake is reported and left out.
    pub fn decode_all(nodes: &[&Node], sink: &mut Sink) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for node in nodes {
            let Some(waiver) = decode(node, sink) else { continue };
            match found.iter().find(|known| known.control.value == waiver.control.value) {
                Some(first) => {
                    sink.push(twice(&waiver.control.value, waiver.head, first.head));
                }
                None => found.push(waiver),
            }
        }
        found
    }

    /// The waiver of a profile's control.
    pub fn of(&self, profile: &str, origin: Origin) -> Waiver {
        let Self { control, by, because, until, run, head: _ } = self;
        Waiver {
            profile: profile.to_owned(),
            control: control.value.clone(),
            by: by.clone(),
            because: because.clone(),
            until: *until,
            run: *run,
            origin,
        }
    }

    /// Says that no profile here has the control.
    pub fn unknown(&self, profiles: &[&str], near: Option<&str>) -> Diagnostic {
        let names = profiles.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let plural = if profiles.len() == 1 { "profile" } else { "profiles" };
        let headline = format!("{plural} {names}: there is no control `{}`", self.control.value);
        let found = Diagnostic::error(codes::CONTROL_WAIVER, headline)
            .at(self.control.span, "waived here")
            .maybe_help(near.map(|near| format!("did you mean `{near}`?")));
        match near {
            Some(near) => found.offer(self.control.span, forge_syntax::quote(near)),
            None => found,
        }
    }
}

/// Two waivers of one control.
pub fn twice(control: &str, second: Span, first: Span) -> Diagnostic {
    let headline = format!("two waivers of `{control}`");
    Diagnostic::error(codes::CONTROL_DUPLICATE, headline)
        .at(second, "and again here")
        .and(first, "first here")
        .help("keep one: which of two owners and days counts cannot be told")
}

fn decode(node: &Node, sink: &mut Sink) -> Option<WaiverDecl> {
    let mut cursor = Cursor::of(node, &reference::WAIVE);
    let control = cursor.arg::<String>("control's id");
    let by = cursor.required_prop::<String>("by");
    let because = cursor.required_prop::<String>("because");
    let until = cursor.required_prop::<String>("until");
    let run = cursor.prop::<bool>("run").is_none_or(|run| run.value);
    cursor.finish(sink);
    let by = by.and_then(|by| said(by, "owner", "name who answers for it", sink));
    let because = because
        .and_then(|because| said(because, "reason", "say why the control may fail here", sink));
    let until = until.and_then(|until| day(&until, sink));
    let (control, by, because, until) = (control?, by?, because?, until?);
    Some(WaiverDecl { control, by, because, until, run, head: node.head })
}

fn said(given: Spanned<String>, what: &str, help: &str, sink: &mut Sink) -> Option<String> {
    if !given.value.trim().is_empty() {
        return Some(given.value);
    }
    sink.push(
        Diagnostic::error(codes::CONTROL_WAIVER, format!("the waiver has no {what}"))
            .at(given.span, "this says nothing")
            .help(help),
    );
    None
}

fn day(given: &Spanned<String>, sink: &mut Sink) -> Option<Day> {
    given.value.parse().map_or_else(
        |why| {
            sink.push(
                Diagnostic::error(codes::CONTROL_WAIVER, format!("`{}` is {why}", given.value))
                    .at(given.span, "the day on which the waiver ends")
                    .help("a waiver always ends: write a day on which somebody looks again"),
            );
            None
        },
        Some,
    )
}
