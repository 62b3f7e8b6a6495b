use forge_diag::{Diagnostic, Spanned};

use crate::reference::NODES;

/// A text as KDL writes it in quotes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// How a name stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The name of a node or a property.
    Bare,
    /// Text in quotes.
    Quoted,
}

/// A finding about a mistyped name, with the help of [`did_you_mean`] and the change that it
/// speaks of.
#[must_use]
pub fn suggest<'a>(
    found: Diagnostic,
    name: &Spanned<String>,
    written: Written,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let all: Vec<&str> = candidates.into_iter().collect();
    let found = found.maybe_help(did_you_mean(&name.value, all.iter().copied()));
    match (closest(&name.value, all), written) {
        (Some(near), Written::Bare) if SURE.contains(&(name.value.as_str(), near)) => {
            found.mend(name.span, near)
        }
        (Some(near), Written::Bare) => found.offer(name.span, near),
        (Some(near), Written::Quoted) => found.offer(name.span, quote(near)),
        (None, _) => found,
    }
}

/// Names that can mean one other name only.
const SURE: [(&str, &str); 8] = [
    ("dir", "directory"),
    ("package", "packages"),
    ("pkg", "packages"),
    ("repo", "repository"),
    ("src", "source"),
    ("sudo", "sudoers"),
    ("symlink", "link"),
    ("env", "environment"),
];

/// Words that other tools have for what is called otherwise here.
const ELSEWHERE: [(&str, &str); 30] = [
    ("env", "environment"),
    ("sudo", "sudoers"),
    ("src", "source"),
    ("src", "what"),
    ("source", "what"),
    ("device", "what"),
    ("user", "owner"),
    ("extends", "from"),
    ("choices", "values"),
    ("gid", "group"),
    ("matrix", "images"),
    ("package", "packages"),
    ("address", "ip"),
    ("boolean", "bool"),
    ("choice", "enum"),
    ("copy", "file"),
    ("desc", "doc"),
    ("description", "doc"),
    ("dir", "directory"),
    ("include", "packages"),
    ("integer", "int"),
    ("ipaddress", "ip"),
    ("number", "int"),
    ("pkg", "packages"),
    ("repo", "repository"),
    ("script", "run"),
    ("str", "string"),
    ("symlink", "link"),
    ("systemd", "unit"),
    ("text", "string"),
];

const NO_LOOP: &str = "there is no loop: a list is passed on whole, `packages \"${list}\"`; else the \
    node is written once for each value";

/// What is written otherwise here, in a sentence.
const SENTENCES: [(&str, &str); 24] = [
    (
        "authorized-key",
        "keys stand in a `user`: `user \"ann\" { authorized-key \"ssh-ed25519 …\" }`",
    ),
    ("control", "a control stands in a `profile`; `controls \"NAME\"` asks for a profile"),
    ("cron", "write a `unit \"x.service\"`, and a `unit \"x.timer\"` with `OnCalendar=`"),
    ("drop-in", "it stands in a `unit`: `unit \"x.service\" { drop-in \"10-site\" … }`"),
    ("exclude", "in `images`, write `except` with the values of the axes"),
    ("extends", "an image begins with another by `from=`: `image \"b\" from=\"a\"`"),
    ("for", NO_LOOP),
    ("for-each", NO_LOOP),
    ("foreach", NO_LOOP),
    ("from", "an image begins with another by `from=`: `image \"b\" from=\"a\"`"),
    ("if", "write `when \"NAME\" is=\"VALUE\" { … }`"),
    (
        "include",
        "roles are used by `role \"NAME\"`, and packages by `packages`; files need no include",
    ),
    ("loop", NO_LOOP),
    ("inherit", "an image begins with another by `from=`: `image \"b\" from=\"a\"`"),
    ("inherits", "an image begins with another by `from=`: `image \"b\" from=\"a\"`"),
    ("matrix", "`images` makes several images of axes; it stands at the top of a file"),
    ("override", "write `override=#true` on the item that changes the other one"),
    ("profile", "a profile is asked for by `controls \"NAME\"`, and declared at the top of a file"),
    (
        "remove-package",
        "no package is taken away: leave out the role or the package that brings it",
    ),
    (
        "remove-packages",
        "no package is taken away: leave out the role or the package that brings it",
    ),
    ("systemd", "write `unit \"x.service\" source=\"x.service\" enabled=#true`"),
    ("timer", "write `unit \"x.timer\" source=\"x.timer\" enabled=#true`"),
    ("unless", "write `when \"NAME\" is-not=\"VALUE\" { … }`"),
    ("use", "a role is used by `role \"NAME\"`"),
];

/// Where nodes stand that are known elsewhere.
const PLACES: [(&str, &[&str]); 5] = [
    ("at the top of a file", &["project", "lints", "mirror", "base", "secret", "image", "images"]),
    ("in an `image`", &["set", "kernel", "output", "expect-failed", "drop-role"]),
    ("in a `role` or a `profile`", &["param"]),
    ("in `images`", &["axis", "cell"]),
    ("in a `base`", &["debian", "archive", "tree"]),
];

/// A finding about an unknown node: what is meant by its name, where it stands if it is known
/// elsewhere, or the nearest name.
#[must_use]
pub fn unknown_node<'a>(
    found: Diagnostic,
    name: &Spanned<String>,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let all: Vec<&str> = candidates.into_iter().collect();
    let word = name.value.as_str();
    if let Some((_, place)) = (closest(word, all.iter().copied()).is_none())
        .then(|| PLACES.iter().find(|(_, nodes)| nodes.contains(&word)))
        .flatten()
        .map(|(place, nodes)| (nodes, place))
    {
        return found.help(format!("`{word}` stands {place}"));
    }
    let body = all.contains(&"packages");
    if !body && NODES.contains(&word) {
        return found.help(format!("`{word}` stands in a `role` or an `image`"));
    }
    // A `service` has no text.
    if all.is_empty() && ["content", "drop-in", "exec", "exec-start", "source"].contains(&word) {
        return found.help("the text of a unit stands in `unit \"x.service\" { content \"…\" }`");
    }
    let top = all.contains(&"images");
    let direct = top && matches!(word, "matrix");
    match SENTENCES.iter().find(|(known, _)| *known == word) {
        Some((_, sentence)) if (body || top) && !direct => found.help(*sentence),
        _ => suggest(found, name, Written::Bare, all),
    }
}

/// The candidate that a mistyped name most likely means, if one is near enough: at most a third
/// of the letters wrong (one in short names), swapped neighbors counted once.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let all: Vec<&str> = candidates.into_iter().collect();
    let near = all
        .iter()
        .map(|&candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit && *distance < candidate.chars().count().max(1)
        })
        .min()
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        let mut meant = ELSEWHERE.iter().filter(|(word, _)| *word == name);
        meant.find_map(|(_, meant)| all.iter().copied().find(|candidate| candidate == meant))
    })
}

/// A help text for a mistyped name: the nearest candidate, else the whole list when it is short.
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let mut all: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = closest(name, all.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    all.sort_unstable();
    all.dedup();
    if all.is_empty() || all.len() > 40 {
        return None;
    }
    let list: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("known here: {}", list.join(", ")))
}

/// The known word that a word of four letters or more is one letter, or one swap of neighbors, away
/// from; none for a known word.
pub fn one_letter_off<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut near = None;
    for known in known {
        if known == word {
            return None;
        }
        if word.len() >= 4 && known.len() >= 4 && is_one_off(word.as_bytes(), known.as_bytes()) {
            near = near.or(Some(known));
        }
    }
    near
}

/// Whether two different words are one letter more, less or other, or one swap of neighbors, apart: in
/// one pass, since each word is compared with hundreds.
fn is_one_off(one: &[u8], other: &[u8]) -> bool {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[same..], &other[same..]);
    match (one, other) {
        ([_, one_rest @ ..], [_, other_rest @ ..])
            if one_rest == other_rest || one_rest == other || one == other_rest =>
        {
            true
        }
        ([a, b, one_rest @ ..], [c, d, other_rest @ ..]) => {
            a == d && b == c && one_rest == other_rest
        }
        ([_], []) | ([], [_]) => true,
        _ => false,
    }
}

/// The escape of a quoted text, as it is written, that means one thing to KDL and another one in a
/// regular expression: `\s` is a blank there, and `\b` a backspace.
pub fn swallowed_escape(written: &str) -> Option<&str> {
    if !written.starts_with('"') {
        return None;
    }
    let mut at = 0;
    while let Some(found) = written.get(at..)?.find('\\') {
        let start = at + found;
        let escape = written.get(start..start + 2)?;
        if matches!(escape, "\\s" | "\\b") {
            return Some(escape);
        }
        at = start + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["packages", "file", "mode", "group"];
        let cases = [
            ("package", Some("packages")),
            ("fiel", Some("file")),
            ("mod", Some("mode")),
            ("x", None),
            ("directory", None),
            ("pkg", Some("packages")),
            ("copy", Some("file")),
            ("symlink", None),
        ];
        for (name, want) in cases {
            assert_eq!(closest(name, known), want, "{name}");
        }
        assert_eq!(
            did_you_mean("zzz", known).as_deref(),
            Some("known here: `file`, `group`, `mode`, `packages`")
        );
    }

    #[test]
    fn words_one_letter_off_are_near() {
        let known = ["nosuid", "noexec", "vm.swappiness", "size"];
        for (word, want) in [
            ("nosiud", Some("nosuid")),
            ("nosuidd", Some("nosuid")),
            ("nosud", Some("nosuid")),
            ("nosuix", Some("nosuid")),
            ("xosuid", Some("nosuid")),
            ("osuid", Some("nosuid")),
            ("vm.swapiness", Some("vm.swappiness")),
            ("nosuid", None),
            ("nosdiu", None),
            ("noexecutable", None),
            ("siz", None),
            ("sizes", Some("size")),
            ("", None),
        ] {
            assert_eq!(one_letter_off(word, known), want, "{word}");
            let one = known.iter().any(|known| strsim::damerau_levenshtein(word, known) == 1);
            assert_eq!(want.is_some(), one && word.len() >= 4, "{word}");
        }
    }
}
