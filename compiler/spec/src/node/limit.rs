use forge_diag::{Diagnostic, Spanned, codes};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::{Declaration, OVERRIDE, Plain, TextAt, bad_value};
use crate::ItemKind;
use crate::context::Context;
use crate::system::{Domain, Ids, Limit, SystemFact};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "limit",
    doc: "A limit of login sessions, in a file of its own in `/etc/security/limits.d`. Services \
          have theirs in their units: `LimitMEMLOCK=` in a `drop-in`.",
    args: &[
        Field::required(
            "domain",
            "whose sessions",
            "an account, `@group`, `*` for everybody but `root`, ids: `1000:2000`, `1000:`, `:1000` for \
             one alone, `@1000:2000` of groups",
        ),
        Field::required("type", "`hard`, `soft` or `-`", "`-` is both"),
        Field::required("resource", "resource", "as limits.conf(5) names it: `memlock`, `nofile`"),
        Field::required("value", "whole number or `unlimited`", "in the resource's own unit"),
    ],
    props: &[OVERRIDE],
    children: &[],
    example: "limit \"*\" \"hard\" \"memlock\" \"unlimited\"",
};

const TYPES: [&str; 3] = ["hard", "soft", "-"];

/// A resource of limits.conf(5) with the least and the greatest value that it takes.
struct Known {
    name: &'static str,
    least: i64,
    greatest: i64,
    /// `unlimited` means something.
    endless: bool,
}

const fn amount(name: &'static str) -> Known {
    Known { name, least: 0, greatest: i64::MAX, endless: true }
}

const fn between(name: &'static str, least: i64, greatest: i64) -> Known {
    Known { name, least, greatest, endless: false }
}

const RESOURCES: [Known; 18] = [
    amount("core"),
    amount("data"),
    amount("fsize"),
    amount("memlock"),
    amount("nofile"),
    amount("rss"),
    amount("stack"),
    amount("cpu"),
    amount("nproc"),
    amount("as"),
    amount("maxlogins"),
    amount("maxsyslogins"),
    amount("locks"),
    amount("sigpending"),
    amount("msgqueue"),
    between("priority", -20, 19),
    between("nice", -20, 19),
    between("rtprio", 0, 99),
];

#[derive(Debug)]
struct LimitDecl {
    domain: TextAt,
    kind: TextAt,
    resource: TextAt,
    value: Spanned<Plain>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let domain = cursor.arg("domain");
    let kind = cursor.arg("type");
    let resource = cursor.arg("resource");
    let value = cursor.arg("value");
    Some(Box::new(LimitDecl { domain: domain?, kind: kind?, resource: resource?, value: value? }))
}

impl Declaration for LimitDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let domain = domain(cx, &self.domain);
        let kind = word(cx, &self.kind, &TYPES, "type of a limit");
        let names = RESOURCES.map(|known| known.name);
        let resource = word(cx, &self.resource, &names, "resource that can be limited");
        let value = cx.text(&self.value.clone().map(|plain| plain.0));
        let known = resource.and_then(|name| RESOURCES.into_iter().find(|one| one.name == name));
        let value = number(cx, &self.value, &value?, known.as_ref());
        let (domain, kind) = (domain?, kind?);
        Some(ItemKind::System(SystemFact::Limit(Limit {
            domain,
            soft: kind != "hard",
            hard: kind != "soft",
            resource: resource?.to_owned(),
            value: value?,
        })))
    }
}

fn domain(cx: &mut Context<'_>, text: &TextAt) -> Option<Domain> {
    let value = cx.text(text)?;
    if value.contains(':') {
        let found = match value.strip_prefix('@') {
            Some(written) => ids(written).map(Domain::Groups),
            None => ids(&value).map(Domain::Users),
        };
        return found
            .map_err(|(label, help)| {
                let headline = format!("`{value}` is no range of ids");
                cx.report(bad_value(text.span, headline, label).help(help));
            })
            .ok();
    }
    match value.strip_prefix('@') {
        _ if value == "*" => Some(Domain::All),
        Some(group) => cx.check_account(text.span, group).then(|| Domain::Group(group.to_owned())),
        None => cx.check_account(text.span, &value).then_some(Domain::User(value)),
    }
}

/// Ids as limits.conf(5) writes them, or what is wrong with help.
fn ids(written: &str) -> Result<Ids, (&'static str, String)> {
    let help =
        || "write \"1000:2000\", \"1000:\" for all from there on, \":1000\" for one".to_owned();
    let (first, last) = written.split_once(':').ok_or_else(|| ("no ids", help()))?;
    let id = |text: &str| match text {
        "" => Ok(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map(Some).map_err(|_| ("an id is larger than any", help()))
        }
        _ => Err(("ids are numbers", help())),
    };
    match (id(first)?, id(last)?) {
        (None, None) => Err(("it names no id", help())),
        (Some(first), Some(last)) if first > last => {
            Err(("it ends before it begins", format!("write \"{last}:{first}\"")))
        }
        (first, last) => Ok(Ids { first, last }),
    }
}

/// One of some words, given as an argument.
fn word(
    cx: &mut Context<'_>,
    text: &TextAt,
    words: &[&'static str],
    what: &str,
) -> Option<&'static str> {
    let value = cx.text(text)?;
    if let Some(word) = words.iter().find(|word| **word == value) {
        return Some(word);
    }
    let found = Diagnostic::error(codes::SPEC_CHOICE, format!("`{value}` is no {what}"))
        .at(text.span, "not known");
    let near = forge_syntax::closest(&value, words.iter().copied());
    cx.report(match near {
        Some(near) if text.value.value == value => {
            found.help(format!("did you mean \"{near}\"?")).offer(text.span, quote(near))
        }
        Some(near) => found.help(format!("did you mean \"{near}\"?")),
        None => found.help(format!("one of {}", words.join(", "))),
    });
    None
}

/// The number; none inside for `unlimited`.
#[expect(clippy::option_option, reason = "none outside is a reported mistake")]
fn number(
    cx: &mut Context<'_>,
    at: &Spanned<Plain>,
    value: &str,
    known: Option<&Known>,
) -> Option<Option<i64>> {
    let known = known?;
    let mut mistake = |label: String, help: String| {
        let headline = format!("`{value}` is no limit of `{}`", known.name);
        cx.report(bad_value(at.span, headline, &label).help(help));
    };
    if known.endless && ["-1", "infinity"].contains(&value) {
        mistake("one spelling for what has no end".to_owned(), "write \"unlimited\"".to_owned());
        return None;
    }
    if value == "unlimited" && known.endless {
        return Some(None);
    }
    match value.parse::<i64>() {
        Ok(number) if (known.least..=known.greatest).contains(&number) => Some(Some(number)),
        Ok(_) if known.endless => {
            mistake("less than nothing".to_owned(), "write \"unlimited\" for no limit".to_owned());
            None
        }
        Ok(_) => {
            let range = format!("it goes from {} to {}", known.least, known.greatest);
            mistake("out of its range".to_owned(), range);
            None
        }
        Err(_) => {
            let range = if known.endless {
                "a whole number, or \"unlimited\"".to_owned()
            } else {
                format!("a whole number from {} to {}", known.least, known.greatest)
            };
            mistake("no number".to_owned(), range);
            None
        }
    }
}
