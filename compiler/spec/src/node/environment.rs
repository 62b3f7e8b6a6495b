use forge_model::{Edit, ImagePath};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt, bad_name, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "environment",
    doc: "A variable of login sessions: a line of `/etc/environment`, which PAM reads for every \
          session, whichever the shell. Services have theirs in their units: `Environment=` in a \
          `drop-in`.",
    args: &[
        Field::required("name", "variable's name", "letters, digits and `_`"),
        Field::required("value", "text", "as it is: nothing is expanded in it"),
    ],
    props: &[OVERRIDE],
    children: &[],
    example: "environment \"SLURM_CONF\" \"/etc/slurm/slurm.conf\"",
};

/// Of Linux-PAM 1.3; a longer line is dropped with all that follows.
const LONGEST: usize = 1000;

#[derive(Debug)]
struct EnvironmentDecl {
    name: TextAt,
    value: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let value = cursor.arg("value");
    Some(Box::new(EnvironmentDecl { name: name?, value: value? }))
}

/// `$NAME` or `${NAME}`, as shells put values in.
fn names_a_variable(value: &str) -> bool {
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        let name = rest.strip_prefix('{').unwrap_or(rest);
        if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return true;
        }
    }
    false
}

impl Declaration for EnvironmentDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name);
        let value = cx.text(&self.value);
        let (name, value) = (name?, value?);
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let good = plain && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
        if !good {
            cx.report(
                bad_name(self.name.span, format!("`{name}` is no name of a variable"))
                    .help("letters, digits and `_`; no digit first"),
            );
        }
        let why = if value.contains(char::is_control) {
            Some("it is one line")
        } else if value.contains('#') {
            Some("PAM takes what follows a `#` for a comment")
        } else if value.contains('"') {
            Some("PAM knows no quotes inside of quotes")
        } else if names_a_variable(&value) {
            Some("PAM expands nothing: it would be there as it is written")
        } else if value.len() > LONGEST {
            Some("PAM reads no line that is so long")
        } else {
            None
        };
        if let Some(why) = why {
            let headline = format!("`{name}` cannot have this value");
            cx.report(
                bad_value(self.value.span, headline, why)
                    .help("a file of `/etc/profile.d` can set it, for shells alone"),
            );
        }
        if !good || why.is_some() {
            return None;
        }
        let edit = Edit::Line {
            pattern: Some(format!("^\\s*(export\\s+)?{name}=")),
            text: format!("{name}=\"{value}\""),
            append: true,
        };
        // Where no package brings it, it is made.
        Some(ItemKind::Edit { path: ImagePath::new("/etc/environment")?, edit, create: true })
    }
}
