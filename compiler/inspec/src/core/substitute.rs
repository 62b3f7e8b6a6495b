//! `gsub`, `split`, `tr` and their kind.

use std::rc::Rc;

use super::string::text_or_pattern;
use crate::interp::{Given, Machine};
use crate::pattern::Pattern;
use crate::stop::Stop;
use crate::value::{Match, Value};

/// All matches, none over another.
pub(super) fn all_matches(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    pattern: &Rc<Pattern>,
) -> Result<Vec<Rc<Match>>, Stop> {
    let mut all = Vec::new();
    let mut from = 0;
    while from <= text.len() {
        let Some(found) = machine.search(pattern, text, from)? else { break };
        let (begin, end) = found.groups.first().copied().flatten().unwrap_or((from, from));
        from = if end == begin { next_char(text, end) } else { end };
        machine.meter.charge(128)?;
        all.push(found);
    }
    Ok(all)
}

fn next_char(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(text.len() + 1, |c| at + c.len_utf8())
}

pub(super) fn substitute(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    what: &Value,
    with: Option<&Value>,
    block: Given<'_>,
    all: bool,
) -> Result<Value, Stop> {
    let pattern = text_or_pattern(machine, what);
    let mut out = String::new();
    let mut done = 0;
    let mut from = 0;
    while from <= text.len() {
        let Some(found) = machine.search(&pattern, text, from)? else { break };
        let (begin, end) = found.groups.first().copied().flatten().unwrap_or((from, from));
        out.push_str(&text[done..begin]);
        match (with, block) {
            (Some(Value::Hash(map)), _) => {
                let key = Value::from(found.group(0).unwrap_or_default());
                let new = map.borrow().get(&key).cloned().unwrap_or(Value::Nil);
                out.push_str(&machine.to_s(&new)?);
            }
            (Some(with), _) => out.push_str(&expand(&with.text(), &found)),
            (None, Some(block)) => {
                let new = machine.call_block(block, &[found.group(0).into()])?;
                out.push_str(&machine.to_s(&new)?);
            }
            (None, None) => return Err(machine.needs_ruby("`gsub` without a replacement")),
        }
        machine.meter.charge(out.len().min(4096))?;
        done = end;
        from = if end == begin { next_char(text, end) } else { end };
        if end == begin && from <= text.len() {
            out.push_str(&text[end..from]);
            done = from;
        }
        if !all {
            break;
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    machine.meter.charge(out.len())?;
    Ok(out.into())
}

/// `\1`, `\0`, `\k<name>` and `\\` of a replacement.
fn expand(with: &str, found: &Match) -> String {
    let mut out = String::new();
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let number = digit.to_digit(10).unwrap_or(0) as usize;
                out.push_str(found.group(number).unwrap_or_default());
            }
            Some('k') if chars.peek() == Some(&'<') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                out.push_str(found.named(&name).unwrap_or_default());
            }
            Some('&') => out.push_str(found.group(0).unwrap_or_default()),
            Some('\\') => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

pub(super) fn split(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    args: &[Value],
) -> Result<Vec<Value>, Stop> {
    let limit = args.get(1).and_then(Value::as_int).unwrap_or(0);
    let most = usize::try_from(limit).ok().filter(|most| *most > 0);
    let mut items: Vec<Value> = match args.first() {
        None | Some(Value::Nil) => words(text, most),
        Some(Value::Str(space)) if &**space == " " => words(text, most),
        Some(Value::Str(with)) if !with.is_empty() => match most {
            Some(most) => text.splitn(most, &**with).map(Value::from).collect(),
            None => text.split(&**with).map(Value::from).collect(),
        },
        Some(Value::Str(_)) => text.chars().map(|c| c.to_string().into()).collect(),
        Some(Value::Regex(pattern)) => split_at(machine, text, &pattern.clone(), most)?,
        Some(other) => {
            let why = format!("wrong argument type {} (expected Regexp)", other.class_name());
            return Err(machine.raise("TypeError", why));
        }
    };
    if limit == 0 {
        while matches!(items.last(), Some(Value::Str(last)) if last.is_empty()) {
            items.pop();
        }
    }
    if text.is_empty() {
        items.clear();
    }
    Ok(items)
}

fn words(text: &str, most: Option<usize>) -> Vec<Value> {
    let Some(most) = most else {
        return text.split_ascii_whitespace().map(Value::from).collect();
    };
    let mut items = Vec::new();
    let mut rest = text.trim_start();
    while items.len() + 1 < most
        && let Some(end) = rest.find(|c: char| c.is_ascii_whitespace())
    {
        items.push(rest[..end].into());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        items.push(rest.into());
    }
    items
}

fn split_at(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    pattern: &Rc<Pattern>,
    most: Option<usize>,
) -> Result<Vec<Value>, Stop> {
    let mut items = Vec::new();
    let mut done = 0;
    for found in all_matches(machine, text, pattern)? {
        let (begin, end) = found.groups.first().copied().flatten().unwrap_or_default();
        // An empty match at either end cuts nothing off.
        if end == begin && (begin == 0 || begin >= text.len()) {
            continue;
        }
        if most.is_some_and(|most| items.len() + 1 >= most) {
            break;
        }
        items.push(text[done..begin].into());
        for number in 1..found.groups.len() {
            if let Some(group) = found.group(number) {
                items.push(group.into());
            }
        }
        done = end;
    }
    items.push(text[done..].into());
    Ok(items)
}

/// Whether a set of `tr` holds a character: ranges, and `^` for all others.
pub(super) fn in_set(c: char, set: &str) -> bool {
    match set.strip_prefix('^').filter(|rest| !rest.is_empty()) {
        Some(rest) => !members(rest).contains(&c),
        None => members(set).contains(&c),
    }
}

fn members(set: &str) -> Vec<char> {
    let chars: Vec<char> = set.chars().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(&end)) if c <= end => {
                all.extend(c..=end);
                at += 3;
            }
            (Some(&escaped), _) if c == '\\' => {
                all.push(escaped);
                at += 2;
            }
            _ => {
                all.push(c);
                at += 1;
            }
        }
    }
    all
}

/// `String#tr`; with nothing to put in, `String#delete`.
pub(super) fn translate(text: &str, from: &str, to: &str) -> String {
    let to = members(to);
    let negated = from.starts_with('^') && from.len() > 1;
    let from_members = members(from);
    let new = |c: char| -> Option<char> {
        if !in_set(c, from) {
            return Some(c);
        }
        let at = if negated { to.len() } else { from_members.iter().position(|m| *m == c)? };
        to.get(at).or(to.last()).copied()
    };
    text.chars().filter_map(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_tr() {
        for (text, from, to, want) in [
            ("hello", "l", "r", "herro"),
            ("hello", "a-y", "b-z", "ifmmp"),
            ("a1b2", "^0-9", "", "12"),
            ("a\"b", "\"", "", "ab"),
            ("a b", " ", "_", "a_b"),
        ] {
            assert_eq!(translate(text, from, to), want, "{text} {from} {to}");
        }
    }
}
