//! The choice of ids, as `find_new_uid` and `find_new_gid` of shadow-utils make it.

use std::collections::BTreeSet;

/// Users and groups have ids of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    User,
    Group,
}

/// A free id of `range`, both ends included. System ids go downward from below the lowest that
/// is used, the others upward from above the highest, each beginning anew at its end of the range
/// when there is none. `reserved` ids are passed over.
pub(super) fn choose(
    used: &BTreeSet<u32>,
    reserved: &BTreeSet<u32>,
    (low, high): (u32, u32),
    system: bool,
) -> Option<u32> {
    if low > high {
        return None;
    }
    let free = |id: &u32| !used.contains(id) && !reserved.contains(id);
    if system {
        let start =
            used.range(low..=high).next().map_or(Some(high), |lowest| lowest.checked_sub(1));
        let below = start.and_then(|start| (low..=start).rev().find(free));
        below.or_else(|| (low..=high).rev().find(free))
    } else {
        let start = used.range(low..=high).next_back().map_or(low, |highest| highest + 1);
        (start..=high).find(free).or_else(|| (low..=high).find(free))
    }
}

/// The first id of a free run of `count` ids in `low..=high`, as `find_free_range` of
/// shadow-utils finds it: the lowest gap.
pub(super) fn free_run(taken: &[(u64, u64)], (low, high): (u64, u64), count: u64) -> Option<u64> {
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    let mut start = low;
    for (first, length) in taken {
        if first >= start && first - start >= count {
            break;
        }
        start = start.max(first.saturating_add(length));
    }
    (start.checked_add(count)? <= high.checked_add(1)?).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (&'a str, &'a [u32], &'a [u32], bool, Option<u32>);

    #[test]
    fn ids_are_chosen_as_useradd_does() {
        let cases: &[Case<'_>] = &[
            ("first system id", &[0, 1, 65534], &[], true, Some(999)),
            ("below the lowest", &[997, 999], &[], true, Some(996)),
            ("first free from above, at the end", &[101, 999], &[], true, Some(998)),
            ("reserved", &[998], &[997], true, Some(996)),
            ("first user", &[0, 999, 65534], &[], false, Some(1000)),
            ("above the highest", &[1000, 1005], &[], false, Some(1006)),
            ("around", &[1000, 60000], &[1001], false, Some(1002)),
        ];
        for (name, used, reserved, system, want) in cases {
            let range = if *system { (101, 999) } else { (1000, 60000) };
            let sets = [used, reserved].map(|ids| ids.iter().copied().collect());
            assert_eq!(choose(&sets[0], &sets[1], range, *system), *want, "{name}");
        }
        let all = (101..=999).collect();
        assert_eq!(choose(&all, &BTreeSet::new(), (101, 999), true), None);
    }

    #[test]
    fn runs_fill_the_lowest_gap() {
        let range = (100_000, 600_100_000);
        assert_eq!(free_run(&[], range, 65536), Some(100_000));
        assert_eq!(free_run(&[(100_000, 65536)], range, 65536), Some(165_536));
        assert_eq!(free_run(&[(200_000, 65536)], range, 65536), Some(100_000));
        assert_eq!(free_run(&[(165_536, 9), (100_000, 65536)], range, 65536), Some(165_545));
        assert_eq!(free_run(&[(100_000, 10)], (100_000, 100_010), 2), None);
        assert_eq!(free_run(&[(5, u64::MAX)], range, 2), None);
    }
}
