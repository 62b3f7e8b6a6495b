//! Edits of files that packages or earlier roles brought: one line, or one setting.

use forge_diag::{Diagnostic, Spanned, codes};
use forge_model::Edit;
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, swallowed_escape};

use super::{Declaration, OVERRIDE, Plain, TextAt, bad_value, one_of};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const LINE: NodeKind = NodeKind {
    name: "line",
    doc: "One line of a file that a package or an earlier role brings; its mode, its owner and all \
          other lines stay. The line that `match` matches is replaced; that it matches none or \
          several is an error. Without `match` the line is put at the end, unless it stands in the \
          file. Edits are made with the role's files, in the order in which they are written.",
    args: &[
        Field::required("path", "absolute path", "a file of the image; links are followed"),
        Field::required("text", "text", "the line, as it is"),
    ],
    props: &[
        Field::optional("match", "regular expression", "matches the line that is replaced"),
        Field::default(
            "append",
            "truth value",
            "#false",
            "where `match` matches nothing, the line is put at the end",
        ),
        OVERRIDE,
    ],
    children: &[],
    example: "line \"/etc/ssh/sshd_config\" match=\"^#?PermitRootLogin\" \"PermitRootLogin no\"",
};

pub(crate) const SETTING: NodeKind = NodeKind {
    name: "setting",
    doc: "One setting of a file of keys and sections that a package or an earlier role brings. A \
          line that sets the key gets the value. Without one the setting is put below the comment \
          that shows it, else after the last setting of its section, which is made at the end of \
          the file when it is not there; white space is that of the lines around. Several lines \
          that set the key are an error. Comments stay.",
    args: &[
        Field::required("path", "absolute path", "a file of the image; links are followed"),
        Field::required("value", "text or whole number", "the value, as it is"),
    ],
    props: &[
        Field::optional("section", "text", "the section; without one, before the first"),
        Field::required("key", "text", "the key"),
        Field::default(
            "sep",
            "\"=\", \":\" or \" \"",
            "\"=\"",
            "what stands between key and value; a blank means white space",
        ),
        OVERRIDE,
    ],
    children: &[],
    example: "setting \"/etc/systemd/journald.conf\" section=\"Journal\" key=\"Storage\" \"volatile\"",
};

#[derive(Debug)]
struct LineDecl {
    path: TextAt,
    text: TextAt,
    pattern: Option<TextAt>,
    append: bool,
}

pub(crate) fn read_line(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let text = cursor.arg("text");
    let pattern: Option<TextAt> = cursor.prop("match");
    let append: Option<Spanned<bool>> = cursor.prop("append");
    if let (None, Some(append)) = (&pattern, &append) {
        cursor.report(
            bad_value(append.span, "`append` needs `match`", "nothing is matched")
                .help("take it away: without `match` the line is put at the end"),
        );
    }
    let append = append.is_some_and(|append| append.value);
    Some(Box::new(LineDecl { path: path?, text: text?, pattern, append }))
}

impl Declaration for LineDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        if swapped(cx, "line", &self.path, &self.text) {
            return None;
        }
        let path = cx.image_path(&self.path);
        let text = one_line(cx, &self.text, "a line of a file is one line");
        let pattern = match &self.pattern {
            Some(pattern) => Some(regex(cx, pattern)?),
            None => None,
        };
        let text = text?;
        if text.is_empty() {
            let found = bad_value(self.text.span, "an empty line says nothing", "here");
            cx.report(found.help("to switch a line off, write it as a comment"));
            return None;
        }
        let edit = Edit::Line { pattern, text, append: self.append };
        Some(ItemKind::Edit { path: path?, edit, create: false })
    }
}

/// Reports a path that stands behind what is written into its file.
fn swapped(cx: &mut Context<'_>, node: &str, path: &TextAt, text: &TextAt) -> bool {
    let plain = |text: &TextAt| !text.value.value.contains("${");
    let (first, second) = (&path.value.value, &text.value.value);
    let swapped = plain(path) && !first.starts_with('/') && second.starts_with('/');
    // A text that is a path may stand behind a path that lacks its slash.
    if !swapped || (first.contains('/') && !first.contains(' ')) || second.contains(' ') {
        return false;
    }
    let (first, second) = (cx.map.slice(path.span), cx.map.slice(text.span));
    let found = Diagnostic::error(codes::SPEC_PATH, format!("`{node}` has its path first"))
        .at(path.span, "this is no path")
        .and(text.span, "this is one")
        .help(format!("swap the two: `{node} {second} … {first}`"));
    cx.report(found);
    true
}

fn regex(cx: &mut Context<'_>, pattern: &TextAt) -> Option<String> {
    let text = cx.text(pattern)?;
    let written = cx.map.slice(pattern.span);
    if let Some(escape) = swallowed_escape(written) {
        let what = if escape == "\\s" { "a blank" } else { "a backspace" };
        let headline = format!("`{escape}` in a quoted text is {what}, not a part of the pattern");
        let found = bad_value(pattern.span, headline, "a quoted text");
        let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        let found = found.help("a raw text keeps its backslashes: write `#\"…\"#`");
        let plain = !inner.contains("\\\"")
            && !inner.contains("\\\\")
            && !inner.contains("${")
            && !inner.starts_with("\"\"");
        cx.report(if plain { found.mend(pattern.span, format!("#\"{inner}\"#")) } else { found });
        return None;
    }
    let Err(why) = forge_model::line_pattern(&text) else {
        return Some(text);
    };
    let found = bad_value(pattern.span, "`match` is no regular expression", &why);
    cx.report(found.help("write `\\` before a character that is meant as it stands"));
    None
}

/// A text without line breaks.
fn one_line(cx: &mut Context<'_>, text: &TextAt, headline: &str) -> Option<String> {
    let value = cx.text(text)?;
    if value.contains(['\n', '\r', '\0']) {
        cx.report(bad_value(text.span, headline, "more than one line"));
        return None;
    }
    Some(value)
}

#[derive(Debug)]
struct SettingDecl {
    path: TextAt,
    value: TextAt,
    section: Option<TextAt>,
    key: TextAt,
    separator: &'static str,
}

pub(crate) fn read_setting(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let value: Option<Spanned<Plain>> = cursor.arg("value");
    let section = cursor.prop("section");
    let key = cursor.required_prop("key");
    let separator = one_of(cursor, "sep", &["=", ":", " "]).map_or("=", |given| given.value);
    let value = value?.map(|plain| plain.0);
    Some(Box::new(SettingDecl { path: path?, value, section, key: key?, separator }))
}

impl Declaration for SettingDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        if swapped(cx, "setting", &self.path, &self.value) {
            return None;
        }
        let path = cx.image_path(&self.path);
        let value = one_line(cx, &self.value, "a setting's value is one line");
        let key = one_line(cx, &self.key, "a setting's key is one line");
        let section = match &self.section {
            Some(section) => Some(section_name(cx, section)?),
            None => None,
        };
        let key = key?;
        if let Some(why) = self.bad_key(&key) {
            let headline = format!("`{key}` is no key of a setting");
            cx.report(Diagnostic::error(codes::SPEC_NAME, headline).at(self.key.span, why));
            return None;
        }
        let separator = self.separator.to_owned();
        let edit = Edit::Setting { section, key, separator, value: value? };
        Some(ItemKind::Edit { path: path?, edit, create: false })
    }
}

impl SettingDecl {
    /// Why no line could set a key.
    fn bad_key(&self, key: &str) -> Option<&'static str> {
        if key.is_empty() {
            Some("it is empty")
        } else if key.trim() != key {
            Some("white space around it")
        } else if key.starts_with(['#', ';']) {
            Some("it begins a comment")
        } else if key.starts_with('[') {
            Some("it begins a section")
        } else if self.separator == " " && key.contains(char::is_whitespace) {
            Some("white space ends it")
        } else if self.separator != " " && key.contains(self.separator) {
            Some("it holds what separates it from the value")
        } else {
            None
        }
    }
}

fn section_name(cx: &mut Context<'_>, section: &TextAt) -> Option<String> {
    let name = one_line(cx, section, "a section's name is one line")?;
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if bare == name && !name.is_empty() {
        return Some(name);
    }
    let headline = format!("`{name}` is no name of a section");
    let found = Diagnostic::error(codes::SPEC_NAME, headline);
    cx.report(if bare.is_empty() || section.value.value != name {
        found.at(section.span, "here")
    } else {
        let mended = forge_syntax::quote(bare);
        found.at(section.span, "the brackets are not part of it").mend(section.span, mended)
    });
    None
}
