//! What cuts the output of another program: `cut`, `head`, `tail`, `wc`, `sort`, `uniq`, `tr`, `cat`.

use super::Output;

/// A text's lines, with or without a newline behind the last.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.last() == Some(&"") {
        lines.pop();
    }
    lines
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// The output of a program that reads another's.
pub(super) fn run(program: &str, args: &[&str], input: &str) -> Option<Output> {
    let all = lines(input);
    let printed = match (program, args) {
        ("cat", []) => input.to_owned(),
        ("cut", args) => cut(args, &all)?,
        ("head", args) => joined(&all[..count(args)?.min(all.len())]),
        ("tail", args) => joined(&all[all.len() - count(args)?.min(all.len())..]),
        ("wc", ["-l"]) => format!("{}\n", input.matches('\n').count()),
        ("sort", args) => {
            let mut all = all;
            all.sort_unstable();
            match args {
                [] => {}
                ["-u"] => all.dedup(),
                ["-r"] => all.reverse(),
                _ => return None,
            }
            joined(&all)
        }
        ("uniq", []) => {
            let mut all = all;
            all.dedup();
            joined(&all)
        }
        ("tr", ["-d", set]) => {
            let set = plain_set(set)?;
            input.chars().filter(|c| !set.contains(c)).collect()
        }
        _ => return None,
    };
    Some(Output::printed(printed))
}

/// Characters that stand for themselves.
fn plain_set(set: &str) -> Option<Vec<char>> {
    match set {
        "\\n" => Some(vec!['\n']),
        _ if set.is_empty() || !set.is_ascii() => None,
        _ if set.contains(['\\', '[', '-']) => None,
        _ => Some(set.chars().collect()),
    }
}

/// The lines that `head` and `tail` print.
fn count(args: &[&str]) -> Option<usize> {
    let number = match args {
        [] => return Some(10),
        ["-n", number] => number,
        [one] => one.strip_prefix("-n").or(one.strip_prefix('-'))?,
        _ => return None,
    };
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok()).flatten()
}

/// `cut -d X -f LIST`.
fn cut(args: &[&str], lines: &[&str]) -> Option<String> {
    let (mut delimiter, mut fields) = ('\t', None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = |short: &str| -> Option<String> {
            match arg.strip_prefix(short)? {
                "" => args.next().map(|value| (*value).to_owned()),
                glued => Some(glued.to_owned()),
            }
        };
        if let Some(value) = value("-d") {
            let mut chars = value.chars();
            delimiter = chars.next()?;
            if chars.next().is_some() {
                return None;
            }
        } else if let Some(value) = value("-f") {
            fields = Some(value);
        } else {
            return None;
        }
    }
    let ranges = ranges(&fields?)?;
    let mut printed = String::new();
    for line in lines {
        if line.contains(delimiter) {
            let parts = line.split(delimiter).enumerate().filter(|(at, _)| {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&(at + 1)))
            });
            let parts: Vec<&str> = parts.map(|(_, part)| part).collect();
            printed.push_str(&parts.join(delimiter.encode_utf8(&mut [0; 4])));
        } else {
            printed.push_str(line);
        }
        printed.push('\n');
    }
    Some(printed)
}

fn ranges(list: &str) -> Option<Vec<(usize, usize)>> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
    let range = |part: &str| match part.split_once('-') {
        None => number(part).map(|one| (one, one)),
        Some(("", "")) => None,
        Some((from, to)) => {
            let from = if from.is_empty() { 1 } else { number(from)? };
            let to = if to.is_empty() { usize::MAX } else { number(to)? };
            (from <= to).then_some((from, to))
        }
    };
    list.split(',').map(range).collect()
}
