//! A value that is asked for as the other kind of text does it: `{{ port }}` in a text of a spec, and
//! `${port}` in a template. Both are literal text there, and what is delivered holds no value.

use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_syntax::Text;

use crate::context::Context;
use crate::node::role::RoleDecl;
use crate::{paths, template};

/// Warns of `{{ name }}` and `{% … name … %}` in a text of a spec, where the name has a value.
pub(crate) fn check_text(cx: &mut Context<'_>, text: &Spanned<Text>) {
    let value = &text.value.value;
    if text.value.raw || !(value.contains("{{") || value.contains("{%")) {
        return;
    }
    for Tag { written, name, whole } in tags(value) {
        let dashed = name.replace('_', "-");
        let known = |name: &&str| cx.scope.read(name).is_some();
        let Some(name) = [name, &dashed].into_iter().find(known) else { continue };
        let place = cx.map.slice(text.span).find(written);
        let span = place.map_or(text.span, |at| text.span.slice(at, at + written.len()));
        let single = cx.scope.read(name).is_some_and(|value| value.text().is_some());
        let found = Diagnostic::warning(
            codes::SPEC_PLACEHOLDER,
            format!("`{written}` stays as it is in a text of a spec"),
        )
        .at(span, "no value is put in here");
        let put_in = format!("${{{name}}}");
        let found = if whole && single {
            let found = found.help(format!(
                "write `{put_in}`; `{{{{ … }}}}` is for a file that `template=` names"
            ));
            if place.is_some() { found.offer(span, put_in) } else { found }
        } else {
            found.help("put the text into a file, and name it by `template=`")
        };
        cx.report(found);
    }
}

/// A tag as templates have it.
#[derive(Debug, PartialEq, Eq)]
struct Tag<'t> {
    written: &'t str,
    /// The first name in it that is no word of the template language.
    name: &'t str,
    /// The tag is that name alone.
    whole: bool,
}

/// The tags of a text that name something.
fn tags(text: &str) -> Vec<Tag<'_>> {
    const WORDS: [&str; 12] =
        ["for", "in", "if", "elif", "not", "and", "or", "is", "set", "else", "endif", "endfor"];
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        at = start + 1;
        let rest = text.get(start..).unwrap_or_default();
        let close = match rest.get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            _ => continue,
        };
        let Some(length) = rest.find(close) else { continue };
        let inner = rest.get(2..length).unwrap_or_default();
        at = start + length + 2;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let words = inner.split(|c| !word(c)).map(|word| word.trim_matches('-'));
        let mut words = words.filter(|word| !word.is_empty());
        // What a loop names is its own; what it goes through stands behind `in`.
        let name = if close == "%}" {
            let mut words = words.filter(|word| !WORDS.contains(word));
            let first = words.next();
            if inner.trim_start_matches(['-', ' ']).starts_with("for ") {
                words.next()
            } else {
                first
            }
        } else {
            words.next().filter(|_| inner.trim_start_matches(['-', ' ']).starts_with(word))
        };
        if let (Some(name), Some(written)) = (name, rest.get(..length + 2)) {
            let whole = close == "}}" && inner.trim_matches(['-', ' ']) == name;
            tags.push(Tag { written, name, whole });
        }
    }
    tags
}

/// Warns of `${name}` of a role's parameter in its templates; gives the names of those parameters.
pub(crate) fn check_templates(cx: &mut Context<'_>, role: &RoleDecl) -> Vec<String> {
    let mut found = Vec::new();
    for named in &role.mentions.templates {
        let Some(path) = paths::join(&cx.map.path(named.span.file), &named.value) else { continue };
        let Some(text) = template_text(cx, &path).filter(|text| text.contains("${")) else {
            continue;
        };
        let mut read = None;
        for name in role.params.iter().map(|param| &param.name.value) {
            let written = format!("${{{name}}}");
            let Some(start) = text.find(&written) else { continue };
            let variable = template::variable(name);
            let read = read.get_or_insert_with(|| template::variables(&text));
            // A script may have a variable of the name, and sets it.
            if read.contains(&variable) || is_set(&text, name) {
                continue;
            }
            let Some(file) = template::load(cx, named.span, &path) else { break };
            let span = Span::new(file, start, start + written.len());
            let put_in = format!("{{{{ {variable} }}}}");
            cx.report(
                Diagnostic::warning(
                    codes::SPEC_PLACEHOLDER,
                    format!("`{written}` stays as it is in a template"),
                )
                .at(span, "no value is put in here")
                .and(named.span, "rendered for this file")
                .help(format!("write `{put_in}`; `${{…}}` is for texts of a spec"))
                .offer(span, put_in),
            );
            found.push(name.clone());
        }
    }
    found
}

/// The text of a template that can be read.
fn template_text(cx: &Context<'_>, path: &str) -> Option<String> {
    if let Some(known) = cx.templates.get(path) {
        return known.map(|file| cx.map.text(file).to_owned());
    }
    let bytes = cx.sources.read_at_most(path, forge_syntax::MAX_SIZE as u64).ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// Whether a script gives a variable of this name a value.
fn is_set(text: &str, name: &str) -> bool {
    text.contains(&format!("{name}="))
        || text.lines().any(|line| {
            let mut words = line.split_whitespace().map(|word| word.trim_end_matches(';'));
            words.any(|word| word == "for" || word == "read") && words.any(|word| word == name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_templates_are_told_from_other_braces() {
        let tag = |written, name, whole| Tag { written, name, whole };
        let cases = [
            ("port={{ port }};", vec![tag("{{ port }}", "port", true)]),
            (
                "{{port}}{{-log_level-}}",
                vec![tag("{{port}}", "port", true), tag("{{-log_level-}}", "log_level", true)],
            ),
            ("{{ a | join(\",\") }}", vec![tag("{{ a | join(\",\") }}", "a", false)]),
            ("{% for x in all %}", vec![tag("{% for x in all %}", "all", false)]),
            ("{% if not debug %}{% endif %}", vec![tag("{% if not debug %}", "debug", false)]),
            ("{{ .Image }} {{}} ${x} {x} {{ open", Vec::new()),
        ];
        for (text, want) in cases {
            assert_eq!(tags(text), want, "{text}");
        }
    }

    #[test]
    fn variables_of_scripts_are_their_own() {
        for (text, want) in [
            ("port=1; echo ${port}", true),
            ("for port in 1 2; do", true),
            ("while read -r port; do", true),
            ("read -r port", true),
            ("echo ${port}", false),
        ] {
            assert_eq!(is_set(text, "port"), want, "{text}");
        }
    }
}
