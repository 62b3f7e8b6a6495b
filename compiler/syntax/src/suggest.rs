use forge_diag::{Diagnostic, Spanned};

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
        (Some(near), Written::Bare) => found.offer(name.span, near),
        (Some(near), Written::Quoted) => found.offer(name.span, quote(near)),
        (None, _) => found,
    }
}

/// The candidate that a mistyped name most likely means, if one is near enough: at most a third
/// of the letters wrong (one in short names), swapped neighbors counted once.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit && *distance < candidate.chars().count().max(1)
        })
        .min()
        .map(|(_, candidate)| candidate)
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
    if all.is_empty() || all.len() > 12 {
        return None;
    }
    let list: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("known here: {}", list.join(", ")))
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
        ];
        for (name, want) in cases {
            assert_eq!(closest(name, known), want, "{name}");
        }
        assert_eq!(
            did_you_mean("zzz", known).as_deref(),
            Some("known here: `file`, `group`, `mode`, `packages`")
        );
    }
}
