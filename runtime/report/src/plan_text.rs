//! A plan for a terminal.

use std::fmt::Write as _;

use crate::plan::{LayerDiff, NamedChange, PlanDiff};
use crate::summary::{self, Made, Shared, Summary};
use crate::text::{at, count, lines_below, values};

/// A plan's changes as plain text: images first, then causes, then what follows from them.
pub fn plan_text(diff: &PlanDiff) -> String {
    let mut out = String::new();
    let basis = summary::basis(&diff.basis, quoted);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}, compared with {basis}", summary::headline(diff));
    for image in &diff.images {
        let line = summary::image_line(image, quoted);
        let _ = writeln!(out, "  {} {}: {line}", image.change.sign(), image.image);
    }
    if !diff.unchanged.is_empty() && !diff.images.is_empty() {
        let _ = writeln!(out, "    unchanged: {}", diff.unchanged.join(", "));
    }
    if let Some(work) = summary::work(&diff.work) {
        let _ = writeln!(out, "    {work}");
    }
    write_made(&mut out, diff);
    let summary = Summary::of(diff);
    for cause in &summary.causes {
        write_cause(&mut out, diff, cause);
    }
    if !summary.cascades.is_empty() {
        out.push_str("\nfollowing from these, unless a step below comes out as it was:\n");
        for Shared { what, images } in &summary.cascades {
            let outlook = summary::outlook(&what.outlook, quoted);
            let last = summary::last(diff, what);
            let _ = writeln!(out, "  > {} in {}{outlook}{last}", what.label, images.join(", "));
        }
    }
    write_named(&mut out, "controls", &summary.controls);
    write_named(&mut out, "secrets", &summary.secrets);
    out
}

fn write_made(out: &mut String, diff: &PlanDiff) {
    let (all, more) = summary::made(diff);
    for Made { images, lines } in all {
        let _ = writeln!(out, "\nsteps of {}:", images.join(", "));
        for line in lines {
            let _ = writeln!(out, "  + {line}");
        }
    }
    if more > 0 {
        let more = count(more, "more new image");
        let _ = writeln!(out, "\n{more}: `forgec plan IMAGE` lists the steps of one");
    }
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

fn write_cause(out: &mut String, diff: &PlanDiff, cause: &Shared<'_, LayerDiff>) {
    let Shared { what: layer, images } = cause;
    let (sign, label, action) = (layer.change.sign(), &layer.label, &layer.action);
    let place = at(layer.origin.as_ref());
    let outlook = summary::outlook(&layer.outlook, quoted);
    let (images, last) = (images.join(", "), summary::last(diff, layer));
    let _ = writeln!(out, "\n{sign} {label} ({action}){place} in {images}{outlook}{last}");
    for field in &layer.fields {
        let (name, place) = (&field.name, at(field.origin.as_ref()));
        if let Some(lines) = &field.lines {
            let _ = write!(out, "    ~ {name}{place}\n{}", lines_below(lines));
            continue;
        }
        let _ = match values(field) {
            (Some(old), Some(new)) => writeln!(out, "    ~ {name}: {old} -> {new}{place}"),
            (None, Some(new)) => writeln!(out, "    + {name}: {new}{place}"),
            (Some(old), None) => writeln!(out, "    - {name}: {old}{place}"),
            (None, None) => Ok(()),
        };
    }
}

fn write_named(out: &mut String, title: &str, named: &[Shared<'_, NamedChange>]) {
    if !named.is_empty() {
        let _ = writeln!(out, "\n{title}:");
    }
    for Shared { what, images } in named {
        let _ = writeln!(out, "  {} {} in {}", what.change.sign(), what.name, images.join(", "));
    }
}
