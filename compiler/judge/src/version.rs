use std::cmp::Ordering;

/// Orders two versions as dpkg does (`deb-version(7)`): epoch, upstream version, revision; in
/// each, runs of other characters and runs of digits by turns, `~` before everything, letters
/// before the rest.
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    let (left, right) = (split(left), split(right));
    compare_digits(left.0, right.0)
        .then_with(|| compare_part(left.1, right.1))
        .then_with(|| compare_part(left.2, right.2))
}

/// Epoch, upstream version, revision.
fn split(version: &str) -> (&str, &str, &str) {
    let version = version.trim();
    let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

fn compare_part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (mine, rest) = turn(left);
        let (theirs, other) = turn(right);
        let order = compare_text(mine.0, theirs.0).then_with(|| compare_digits(mine.1, theirs.1));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest, other);
    }
    Ordering::Equal
}

/// A run of other characters with the run of digits behind it, and the rest.
fn turn(text: &str) -> ((&str, &str), &str) {
    let (word, rest) = cut(text, |c| !c.is_ascii_digit());
    let (digits, rest) = cut(rest, |c| c.is_ascii_digit());
    ((word, digits), rest)
}

fn cut(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn compare_text(left: &str, right: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, u32::from(c)),
        Some(c) => (3, u32::from(c)),
    };
    let (mut left, mut right) = (left.chars(), right.chars());
    loop {
        let (a, b) = (left.next(), right.next());
        let order = weight(a).cmp(&weight(b));
        if order != Ordering::Equal || (a.is_none() && b.is_none()) {
            return order;
        }
    }
}

/// Numbers of any length, leading zeros left out.
fn compare_digits(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_order_as_in_dpkg() {
        use Ordering::{Equal, Greater, Less};
        let cases = [
            ("1.10", "1.9", Greater),
            ("1.0", "1.0-0", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.0~~", "1.0~", Less),
            ("1.0a", "1.0+", Less),
            ("1.0", "1.0a", Less),
            ("2:1.0", "1:9.9", Greater),
            ("0:1.0", "1.0", Equal),
            ("1:9.2p1-2+deb12u7", "1:9.2p1-2+deb12u10", Less),
            ("1.0-1", "1.0-1.1", Less),
            ("22.05.8-4+deb12u2", "22.05.8-4", Greater),
            ("1.007", "1.7", Equal),
            ("", "0", Equal),
            ("99999999999999999999999", "100000000000000000000000", Less),
        ];
        for (left, right, want) in cases {
            assert_eq!(compare_versions(left, right), want, "{left} {right}");
            assert_eq!(compare_versions(right, left), want.reverse(), "{right} {left}");
        }
    }
}
