use forge_diag::{Diagnostic, codes};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt, bad_name};
use crate::ItemKind;
use crate::context::Context;
use crate::sudoers::{Aliases, HEADLINE, check_rule, is_passed_over};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "sudoers",
    doc: "Rules of sudo, in a file of their own in `/etc/sudoers.d`, `0440` and root's. They are \
          read as sudo would read them before anything is built: one that it cannot read would \
          lock every administrator out.",
    args: &[
        Field::required("name", "file name", "the file's name; sudo reads them in their order"),
        Field::required("rule", "text", "a line of sudoers(5), one or more"),
    ],
    props: &[OVERRIDE],
    children: &[],
    example: "sudoers \"10-site\" \"%sudo ALL=(ALL) NOPASSWD: /usr/bin/systemctl\"",
};

#[derive(Debug)]
struct SudoersDecl {
    name: TextAt,
    rules: Vec<TextAt>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let rules = cursor.some_args("rule");
    Some(Box::new(SudoersDecl { name: name?, rules }))
}

impl Declaration for SudoersDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name).filter(|name| check_name(cx, &self.name, name));
        let rules = cx.texts(&self.rules);
        let mut good = !rules.is_empty();
        let mut aliases = Aliases::new();
        for rule in &rules {
            if let Err(mistake) = check_rule(&rule.value, &mut aliases) {
                cx.report(
                    Diagnostic::error(codes::SPEC_SUDOERS, HEADLINE)
                        .at(rule.span, mistake.why)
                        .help(mistake.help),
                );
                good = false;
            }
        }
        let rules = rules.into_iter().map(|rule| rule.value).collect();
        good.then_some(ItemKind::Sudoers { name: name?, rules })
    }
}

/// sudo passes over names with a dot, and over those that end in `~` (sudoers(5), `@includedir`).
fn check_name(cx: &mut Context<'_>, at: &TextAt, name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.bytes().all(fits) && name.len() <= 255 {
        return true;
    }
    let ignored = is_passed_over(name.as_bytes());
    let headline = if ignored {
        format!("sudo passes over a file called `{name}`")
    } else {
        format!("`{name}` is no name for a file of rules")
    };
    let found = bad_name(at.span, headline);
    let mended: String =
        name.trim_end_matches('~').chars().map(|c| if c == '.' { '-' } else { c }).collect();
    cx.report(if ignored && at.value.value == name && mended.bytes().all(fits) {
        found.mend(at.span, forge_syntax::quote(&mended))
    } else {
        found.help("letters, digits, `-` and `_`: \"10-site\"")
    });
    false
}
