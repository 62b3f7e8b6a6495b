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

/// Orders names of files as `ls -v` does: runs of digits by their values, `~` before everything,
/// letters before the rest.
pub fn compare_names(left: &str, right: &str) -> Ordering {
    compare_part(left, right).then_with(|| left.cmp(right))
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

/// Whose order of versions it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Dpkg,
    Rpm,
}

impl Order {
    /// That of the record that names the version.
    pub(crate) fn of_record(evidence: &str) -> Self {
        if evidence.contains("/rpm/") { Self::Rpm } else { Self::Dpkg }
    }

    /// The order of a version of the record and one that a control names; an error says why there is none.
    pub(crate) fn compare(self, found: &str, wanted: &str) -> Result<Ordering, String> {
        match self {
            Self::Dpkg => Ok(compare_versions(found, wanted)),
            Self::Rpm if wanted.contains(':') => {
                Err(format!("the epoch of `{wanted}`: rpm's record is read without it"))
            }
            Self::Rpm => Ok(compare_rpm(found, wanted)),
        }
    }
}

/// Orders `VERSION-RELEASE` as rpm does where a package needs another (`rpmverCmp`): where one names no
/// release, the versions alone count.
fn compare_rpm(left: &str, right: &str) -> Ordering {
    let split = |text: &str| match text.rsplit_once('-') {
        Some((version, release)) => (version.to_owned(), Some(release.to_owned())),
        None => (text.to_owned(), None),
    };
    let ((left, mine), (right, theirs)) = (split(left.trim()), split(right.trim()));
    let versions = rpmvercmp(&left, &right);
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => versions.then_with(|| rpmvercmp(&mine, &theirs)),
        _ => versions,
    }
}

/// rpm's `rpmvercmp`: runs of digits and of letters by turns, all else only parts them; digits are newer
/// than letters, `~` is older than everything, the end too, and `^` is newer than the end alone.
fn rpmvercmp(mut left: &str, mut right: &str) -> Ordering {
    let parts = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
    while !left.is_empty() || !right.is_empty() {
        (left, right) = (left.trim_start_matches(parts), right.trim_start_matches(parts));
        for (sign, with) in [('~', Ordering::Less), ('^', Ordering::Greater)] {
            match (left.starts_with(sign), right.starts_with(sign)) {
                (true, true) => return rpmvercmp(&left[1..], &right[1..]),
                // `^` is older than what goes on in its place.
                (true, false) if sign == '^' && !right.is_empty() => return Ordering::Less,
                (false, true) if sign == '^' && !left.is_empty() => return Ordering::Greater,
                (true, false) => return with,
                (false, true) => return with.reverse(),
                (false, false) => {}
            }
        }
        if left.is_empty() || right.is_empty() {
            break;
        }
        let digits = left.starts_with(|c: char| c.is_ascii_digit());
        let kind = |c: char| if digits { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
        let ((mine, rest), (theirs, other)) = (cut(left, kind), cut(right, kind));
        if theirs.is_empty() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let order = if digits { compare_digits(mine, theirs) } else { mine.cmp(theirs) };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest, other);
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_order_as_in_rpm() {
        use Ordering::{Equal, Greater, Less};
        // From rpm's own `rpmvercmp.at`, and with releases.
        let cases = [
            ("1.0", "1.0", Equal),
            ("1.0", "2.0", Less),
            ("2.0.1a", "2.0.1", Greater),
            ("5.5p1", "5.5p10", Less),
            ("10xyz", "10.1xyz", Less),
            ("xyz10", "xyz10.1", Less),
            ("xyz.4", "8", Less),
            ("5.5p2", "5.6p1", Less),
            ("6.0.rc1", "6.0", Greater),
            ("10b2", "10a1", Greater),
            ("1.0aa", "1.0a", Greater),
            ("10.0001", "10.1", Equal),
            ("10.0039", "10.0001", Greater),
            ("4.999.9", "5.0", Less),
            ("20101121", "20101122", Less),
            ("2_0", "2.0", Equal),
            ("a+", "a_", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.0~rc1", "1.0~rc2", Less),
            ("1.0~rc1~git123", "1.0~rc1", Less),
            ("1.0^", "1.0", Greater),
            ("1.0^git1", "1.0^git2", Less),
            ("1.0^git1", "1.01", Less),
            ("1.0^20160101", "1.0.1", Less),
            ("1.0~rc1^git1", "1.0~rc1", Greater),
            ("1.0^git1~pre", "1.0^git1", Less),
            ("0.5.13-1.el9", "0.5.13", Equal),
            ("0.5.13-9.el9", "0.5.13-10.el9", Less),
            ("0.5.13-1.el9", "0.5.12-7.el9", Greater),
        ];
        for (left, right, want) in cases {
            assert_eq!(compare_rpm(left, right), want, "{left} {right}");
            assert_eq!(compare_rpm(right, left), want.reverse(), "{right} {left}");
        }
        // Where the two orders differ.
        assert_ne!(compare_versions("2_0", "2.0"), Equal);
        assert_eq!(Order::of_record("/var/lib/rpm/rpmdb.sqlite"), Order::Rpm);
        assert_eq!(Order::of_record("/var/lib/dpkg/status"), Order::Dpkg);
        assert!(Order::Rpm.compare("1-1", "1:1-1").is_err());
    }

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
