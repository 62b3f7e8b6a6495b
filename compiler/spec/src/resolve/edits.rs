//! Edits of files against declarations of the same files, and against each other. Two edits of one
//! file are no conflict: each has its own line, or its own setting.

use std::borrow::Cow;
use std::collections::BTreeMap;

use forge_diag::{Diagnostic, codes};
use forge_model::{Edit, ImagePath, line_pattern};

use super::conflict::{Declared, OVERRIDE, written_paths};
use super::part::{Built, BuiltItem};
use crate::context::Context;
use crate::{ItemKind, fstab};

/// The edit that an item is, or stands for.
fn edit_of(kind: &ItemKind) -> Option<(ImagePath, Cow<'_, Edit>)> {
    match kind {
        ItemKind::Edit { path, edit, create: _ } => Some((path.clone(), Cow::Borrowed(edit))),
        other => other.as_edit().map(|(path, edit)| (path, Cow::Owned(edit))),
    }
}

/// What is known of the items so far.
#[derive(Default)]
struct Before<'a> {
    written: BTreeMap<&'a ImagePath, Declared<'a>>,
    edits: BTreeMap<ImagePath, Vec<(Cow<'a, Edit>, Declared<'a>)>>,
}

/// Reports edits of what the image itself declares, and edits that take another's line.
pub(super) fn check(cx: &mut Context<'_>, image: &str, parts: &[Built]) {
    if parts.iter().flat_map(|part| &part.items).all(|built| edit_of(&built.item.kind).is_none()) {
        return;
    }
    let mut before = Before::default();
    for part in parts {
        for built in &part.items {
            let BuiltItem { item, span, .. } = &**built;
            let declared = Declared { item, part: &part.part.name, span: *span, used: part.used };
            if let Some((path, edit)) = edit_of(&item.kind) {
                if let Some(file) = before.written.get(&path) {
                    let headline = format!("`{path}` is declared, and edited");
                    settle(cx, headline, (file, &declared), image);
                }
                if let Some((headline, first)) = before.taken(&path, &edit) {
                    settle(cx, headline, (first, &declared), image);
                }
                before.edits.entry(path).or_default().push((edit, declared));
                continue;
            }
            for path in written_paths(built) {
                let first = before.edits.get(path).and_then(|edits| edits.first());
                if let Some((_, first)) = first {
                    let headline = format!("`{path}` is edited, and declared");
                    settle(cx, headline, (first, &declared), image);
                }
                before.written.insert(path, declared);
            }
        }
    }
}

/// A line's pattern and text.
fn line_of(edit: &Edit) -> Option<(Option<&str>, &str)> {
    match edit {
        Edit::Line { pattern, text, append: _ } => Some((pattern.as_deref(), text)),
        Edit::Setting { .. } => None,
    }
}

impl<'a> Before<'a> {
    /// What a later edit does to an earlier one's, in words, and the earlier one.
    fn taken(&self, path: &ImagePath, edit: &Edit) -> Option<(String, &Declared<'a>)> {
        if let Some((place, first)) = self.same_mount(path, edit) {
            return Some((format!("`{path}` mounts two things at `{place}`"), first));
        }
        let first = self.taken_line(path, edit)?;
        Some((format!("this edit of `{path}` takes the line of another"), first))
    }

    /// The earlier line of fstab that mounts something else at the same place.
    fn same_mount<'e>(&self, path: &ImagePath, edit: &'e Edit) -> Option<(&'e str, &Declared<'a>)> {
        let (pattern, text) = line_of(edit)?;
        let place = fstab::mount_point(text).filter(|_| path.to_string() == fstab::PATH)?;
        let same = |(earlier, _): &&(Cow<'_, Edit>, Declared<'_>)| match line_of(earlier) {
            // One pattern twice is a matter of all declarations, as are two mounts of one place.
            Some((other, _)) if other.is_some() && other == pattern => false,
            Some((_, line)) => line != text && fstab::mount_point(line) == Some(place),
            None => false,
        };
        let (_, first) = self.edits.get(path)?.iter().find(same)?;
        Some((place, first))
    }

    /// The earlier edit whose line the pattern of a later one matches.
    fn taken_line(&self, path: &ImagePath, edit: &Edit) -> Option<&Declared<'a>> {
        let Edit::Line { pattern: Some(pattern), text, append: _ } = edit else {
            return None;
        };
        let matches = line_pattern(pattern).ok()?;
        let taken = |(earlier, _): &&(Cow<'_, Edit>, Declared<'_>)| match &**earlier {
            // One pattern twice is a matter of all declarations.
            Edit::Line { pattern: other, .. } if other.as_ref() == Some(pattern) => false,
            Edit::Line { text: line, .. } => line != text && matches.is_match(line.as_bytes()),
            Edit::Setting { key, separator, value, section: _ } => {
                let spaced = format!("{key} {separator} {value}");
                let lines = [format!("{key}{separator}{value}"), spaced];
                lines.iter().any(|line| matches.is_match(line.as_bytes()))
            }
        };
        self.edits.get(path)?.iter().find(taken).map(|(_, declared)| declared)
    }
}

/// Reports two items that cannot both hold, unless the later one may override the first.
fn settle(
    cx: &mut Context<'_>,
    headline: String,
    (first, again): (&Declared<'_>, &Declared<'_>),
    image: &str,
) {
    let hopeless = hopeless(first, again);
    if again.item.overrides {
        cx.overrides.insert(again.span, true);
        if hopeless.is_none() {
            return;
        }
    }
    let usual = "take one of them away, or write `override=#true` on the later one";
    let found = Diagnostic::error(codes::SPEC_CONFLICT, headline)
        .at(again.span, format!("in `{}`", again.part))
        .and(first.span, format!("and before that in `{}`", first.part))
        .note(format!("both are in the image `{image}`"));
    cx.report(match hopeless {
        Some(why) => found.help(why),
        None => found.help(usual).offer(again.span.behind(), OVERRIDE),
    });
}

/// What to do where no `override=#true` can help.
fn hopeless(first: &Declared<'_>, again: &Declared<'_>) -> Option<&'static str> {
    let kinds = [&first.item.kind, &again.item.kind];
    if kinds.iter().any(|kind| matches!(kind, ItemKind::SecretFile { .. })) {
        return Some("a secret's file is written last of all: put the line into the secret");
    }
    if kinds.iter().any(|kind| matches!(kind, ItemKind::Directory { .. })) {
        return Some("name a file below the directory");
    }
    let edits = kinds.iter().all(|kind| edit_of(kind).is_some());
    let one_role = first.part == again.part && first.span.file == again.span.file;
    (one_role && !edits).then_some("say in one place what the file holds")
}
