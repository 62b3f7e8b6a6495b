use forge_diag::{Diagnostic, Spanned, codes};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, Piece};

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
        let rules = self.rules(cx);
        let mut good = !rules.is_empty();
        let mut aliases = Aliases::new();
        for rule in &rules {
            if let Err(mistake) = check_rule(&rule.value, &mut aliases) {
                let found = Diagnostic::error(codes::SPEC_SUDOERS, HEADLINE)
                    .at(rule.span, mistake.why)
                    .help(mistake.help);
                cx.report(match mistake.swap {
                    Some(swap) => swap.offer(found, cx.map, rule.span),
                    None => found,
                });
                good = false;
            }
        }
        let rules = rules.into_iter().map(|rule| rule.value).collect();
        good.then_some(ItemKind::Sudoers { name: name?, rules })
    }
}

impl SudoersDecl {
    /// The rules with values put in: a list alone gives a rule an element, and one that is an item of
    /// a rule's list all of its elements.
    fn rules(&self, cx: &mut Context<'_>) -> Vec<Spanned<String>> {
        let mut rules = Vec::new();
        for rule in &self.rules {
            if let Some(name) = empty_list(cx, rule) {
                cx.report(
                    Diagnostic::error(codes::SPEC_SUDOERS, HEADLINE)
                        .at(rule.span, format!("the list `{name}` is empty"))
                        .help("a rule names somebody, and what to run: give the list an element"),
                );
                continue;
            }
            let listed = cx.list(&rule.value);
            let one = |cx: &mut Context<'_>| cx.text_with(rule, joined).into_iter().collect();
            let texts = listed.unwrap_or_else(|| one(cx));
            rules.extend(texts.into_iter().map(|text| Spanned::new(text, rule.span)));
        }
        rules
    }
}

/// A list without elements that stands in a text beside something else.
fn empty_list(cx: &Context<'_>, rule: &TextAt) -> Option<String> {
    let pieces = forge_syntax::pieces(&rule.value).ok().filter(|pieces| pieces.len() > 1)?;
    pieces.into_iter().find_map(|piece| match piece {
        Piece::Name { name, .. } => cx.scope.read(&name)?.elements()?.is_empty().then_some(name),
        Piece::Literal(_) => None,
    })
}

/// A list as a part of a rule: only where all that is between two commas is the list, or its elements
/// would be arguments of a command, or commands. The signs before it (`%`, `!`) count for each.
fn joined(before: &str, behind: &str, elements: &[String]) -> Option<String> {
    let signs = before.len() - before.trim_end_matches(['%', '+', '!', '#']).len();
    let (before, sign) = before.split_at(before.len() - signs);
    let trimmed = before.trim_end();
    let commands = trimmed.split_once('=');
    let begins = match commands {
        // Of users and hosts; blanks stand between the two.
        None => trimmed.is_empty() || before.ends_with([' ', '\t', ',', ':', '(']),
        Some((_, commands)) => {
            commands.is_empty()
                || [",", "(", ")", ":"]
                    .iter()
                    .any(|end| commands.strip_suffix(end).is_some_and(|rest| !rest.ends_with('\\')))
        }
    };
    let ends = match commands {
        None => behind.is_empty() || behind.starts_with([' ', '\t', ',', '=', ':', ')']),
        Some(_) => matches!(behind.trim_start().chars().next(), None | Some(',' | ')' | ':')),
    };
    let signed: Vec<String> = elements.iter().map(|element| format!("{sign}{element}")).collect();
    let list = signed.join(if trimmed.starts_with("Defaults") { "," } else { ", " });
    // The first sign is written already.
    (begins && ends && !elements.is_empty())
        .then(|| list.get(signs..).unwrap_or_default().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stand_between_commas_alone() {
        let two = ["a".to_owned(), "b".to_owned()];
        let rule = |before: &str, behind: &str| {
            joined(before, behind, &two).map(|list| format!("{before}{list}{behind}"))
        };
        let cases = [
            ("", " ALL=(ALL) ALL", Some("a, b ALL=(ALL) ALL")),
            ("%", " ALL=(ALL) ALL", Some("%a, %b ALL=(ALL) ALL")),
            ("root, %", ",ann ALL=ALL", Some("root, %a, %b,ann ALL=ALL")),
            ("ann ", " = ALL", Some("ann a, b = ALL")),
            ("x", " ALL=ALL", None),
            ("", ".org ALL=ALL", None),
            ("ann ALL=", "", Some("ann ALL=a, b")),
            ("ann ALL=(", ") ALL", Some("ann ALL=(a, b) ALL")),
            ("ann ALL=(ALL) ", "", Some("ann ALL=(ALL) a, b")),
            ("ann ALL=NOPASSWD: ", ", /bin/x", Some("ann ALL=NOPASSWD: a, b, /bin/x")),
            ("ann ALL=/bin/x, !", "", Some("ann ALL=/bin/x, !a, !b")),
            // Further elements would be commands.
            ("ann ALL=/bin/x ", "", None),
            ("ann ALL=/bin/x --y=", "", None),
            ("ann ALL=/bin/x a\\, ", "", None),
            ("ann ALL=", " restart", None),
            ("User_Alias ADMINS = ", "", Some("User_Alias ADMINS = a, b")),
            ("Defaults:", " !requiretty", Some("Defaults:a,b !requiretty")),
            ("Defaults env_keep += \"", "\"", None),
        ];
        for (before, behind, want) in cases {
            assert_eq!(rule(before, behind).as_deref(), want, "{before}…{behind}");
        }
    }
}
