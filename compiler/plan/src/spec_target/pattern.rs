//! Paths as text: where links lead, and which are nearly others.

/// Where a link at `link` with this target leads.
pub(crate) fn join(link: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether two paths differ as a slip of the fingers makes them differ: in one component, one letter
/// is missing, too much, or another, or two have changed their places. Digits count things, and a
/// letter before a name (`gshadow`) makes another name, so these are no slips.
pub(crate) fn is_typo(one: &str, other: &str) -> bool {
    let mut differing = one.split('/').zip(other.split('/')).filter(|(a, b)| a != b);
    let same_depth = one.split('/').count() == other.split('/').count();
    match (differing.next(), differing.next()) {
        (Some((a, b)), None) if same_depth => slipped(a, b),
        _ => false,
    }
}

fn slipped(one: &str, other: &str) -> bool {
    /// In a shorter name one letter is too much of it.
    const SHORTEST: usize = 5;
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    if same == 0 || one.len().max(other.len()) < SHORTEST {
        return false;
    }
    let (one, other) = (one.get(same..).unwrap_or(&[]), other.get(same..).unwrap_or(&[]));
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let rest = |text: &[char]| text.get(..text.len() - end).unwrap_or(&[]).to_vec();
    match (rest(one).as_slice(), rest(other).as_slice()) {
        ([a, b], [c, d]) => a == d && b == c,
        ([a], [b]) => a.is_alphabetic() && b.is_alphabetic(),
        ([a], []) | ([], [a]) => a.is_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_names() {
        let cases = [
            ("/etc/beegfs/beegfs-client.conf", "/etc/beegfs/beegfs-clinet.conf", true),
            ("/etc/beegfs/beegfs-client.conf", "/etc/beegfs/beegfs-clent.conf", true),
            ("/etc/beegfs/beegfs-client.conf", "/etc/beegs/beegfs-client.conf", true),
            ("/etc/chrony/chrony.conf", "/etc/chrony/chrony.comf", true),
            ("/etc/shadow", "/etc/gshadow", false),
            ("/etc/sysctl.d/10-a.conf", "/etc/sysctl.d/20-a.conf", false),
            ("/etc/passwd", "/etc/passwd-", false),
            ("/etc/motd", "/etc/motd", false),
            ("/srv/a", "/srv/b", false),
        ];
        for (one, other, want) in cases {
            assert_eq!(is_typo(one, other), want, "{one} {other}");
            assert_eq!(is_typo(other, one), want, "{other} {one}");
        }
    }
}
