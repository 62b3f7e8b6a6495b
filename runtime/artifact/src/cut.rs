//! Where the row of entries is cut into segments.
//!
//! A cut must not depend on what stands far from it, or one changed file would shift all cuts
//! after it and nothing could be reused. So cuts are found from the top down: a stretch that is
//! too large is parted at the entry whose path has the highest hash, and so on in both parts.
//! A file that grows or shrinks can change cuts only in the stretch that holds it.

use std::ops::Range;

use crate::order::Member;

/// Sizes that segments keep to, in bytes of the archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// No part is smaller, but beside a file that is larger than `max`.
    pub(crate) min: u64,
    /// A stretch is parted while it is larger and has a place for a cut.
    pub(crate) max: u64,
}

/// About 4 MiB on the average. Smaller ones cost compression (zstd -3: 0.6 % at 4 MiB), larger
/// ones time when one of their files changes.
pub(crate) const LIMITS: Limits = Limits { min: 1 << 20, max: 6 << 20 };

/// Ranges of `members`, in order and without gaps. Hard links stay together.
pub(crate) fn cut(members: &[Member<'_>], limits: Limits) -> Vec<Range<usize>> {
    let row = Row::new(members);
    let mut segments = Vec::new();
    // Stretches still to look at, the last one first: parts come out in order.
    let mut stretches = Vec::from([Range { start: 0, end: row.units() }]);
    while let Some(stretch) = stretches.pop() {
        match row.best_cut(&stretch, limits) {
            Some(at) => {
                stretches.push(at..stretch.end);
                stretches.push(stretch.start..at);
            }
            None if stretch.is_empty() => {}
            None => segments.push(row.starts[stretch.start]..row.starts[stretch.end]),
        }
    }
    segments
}

/// What cannot be parted: a single entry, or a hard-link group.
struct Row {
    /// Index of each unit's first member, and the number of members at the end.
    starts: Vec<usize>,
    /// Bytes before each unit, and all bytes at the end.
    before: Vec<u64>,
    /// Hash of each unit's path.
    hashes: Vec<u64>,
}

impl Row {
    fn new(members: &[Member<'_>]) -> Self {
        let mut row = Self { starts: Vec::new(), before: Vec::new(), hashes: Vec::new() };
        let mut size = 0;
        for (index, member) in members.iter().enumerate() {
            if !member.joined {
                row.starts.push(index);
                row.before.push(size);
                row.hashes.push(hash(member.name()));
            }
            size += member.size();
        }
        row.starts.push(members.len());
        row.before.push(size);
        row
    }

    fn units(&self) -> usize {
        self.hashes.len()
    }

    fn size(&self, units: Range<usize>) -> u64 {
        self.before[units.end] - self.before[units.start]
    }

    /// The unit before which a stretch is cut; none when it is small enough or has no such place.
    fn best_cut(&self, stretch: &Range<usize>, limits: Limits) -> Option<usize> {
        if self.size(stretch.clone()) <= limits.max {
            return None;
        }
        let large = |unit: usize| self.size(unit..unit + 1) > limits.max;
        let fits = |at: &usize| {
            let left = self.size(stretch.start..*at);
            let right = self.size(*at..stretch.end);
            left.min(right) >= limits.min || large(*at) || large(*at - 1)
        };
        (stretch.start + 1..stretch.end).filter(fits).max_by_key(|at| self.hashes[*at])
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(name).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeSet;

    use forge_model::ImagePath;
    use proptest::prelude::*;

    use super::*;
    use crate::newc::Header;
    use crate::order::Data;

    const SMALL: Limits = Limits { min: 1000, max: 6000 };

    fn member(name: &str, size: u32, joined: bool) -> Member<'static> {
        let path = Cow::Owned(ImagePath::new(name).unwrap());
        Member { path, header: Header { size, ..Header::default() }, data: Data::None, joined }
    }

    fn row(sizes: &[(u32, bool)]) -> Vec<Member<'static>> {
        let member = |(index, (size, joined)): (usize, &(u32, bool))| {
            member(&format!("f{index:05}"), *size, *joined && index > 0)
        };
        sizes.iter().enumerate().map(member).collect()
    }

    fn size(members: &[Member<'_>]) -> u64 {
        members.iter().map(Member::size).sum()
    }

    /// What a segment's bytes depend on.
    fn content(members: &[Member<'_>]) -> Vec<(Vec<u8>, u32)> {
        members.iter().map(|member| (member.name().to_vec(), member.header.size)).collect()
    }

    fn entry() -> impl Strategy<Value = (u32, bool)> {
        let size = prop_oneof![20 => 0..800_u32, 3 => 800..4000_u32, 1 => 4000..20_000_u32];
        (size, prop::bool::weighted(0.05))
    }

    proptest! {
        #[test]
        fn segments_are_the_whole_row(sizes in prop::collection::vec(entry(), 0..300)) {
            let members = row(&sizes);
            let mut end = 0;
            for segment in cut(&members, SMALL) {
                prop_assert_eq!(segment.start, end);
                prop_assert!(segment.end > segment.start);
                prop_assert!(!members[segment.start].joined);
                end = segment.end;
            }
            prop_assert_eq!(end, members.len());
        }

        #[test]
        fn only_what_cannot_be_parted_is_large(sizes in prop::collection::vec(0..800_u32, 0..300)) {
            let sizes: Vec<_> = sizes.into_iter().map(|size| (size, false)).collect();
            let members = row(&sizes);
            let segments = cut(&members, SMALL);
            for segment in &segments {
                let size = size(&members[segment.clone()]);
                prop_assert!(size <= SMALL.max, "{} bytes", size);
                prop_assert!(size >= SMALL.min || segments.len() == 1, "{} bytes", size);
            }
        }

        #[test]
        fn a_change_stays_where_it_is(
            sizes in prop::collection::vec(0..800_u32, 200..600),
            at in any::<prop::sample::Index>(),
            size in 0..1600_u32,
        ) {
            let mut sizes: Vec<_> = sizes.into_iter().map(|size| (size, false)).collect();
            let segments = |sizes: &[(u32, bool)]| -> BTreeSet<_> {
                let members = row(sizes);
                cut(&members, SMALL).into_iter().map(|at| content(&members[at])).collect()
            };
            let before = segments(&sizes);
            let at = at.index(sizes.len());
            sizes[at].0 = size;
            let after = segments(&sizes);
            let new: usize = after.difference(&before).map(Vec::len).sum();
            // A stretch that is parted, or no longer, takes its neighbour along at the most often:
            // far from the 200 to 600 entries that cuts by running size would touch.
            prop_assert!(new <= 120, "{} of {} entries in new segments", new, sizes.len());
        }
    }

    #[test]
    fn a_large_file_stands_alone() {
        let members = row(&[(100, false), (20_000, false), (100, false), (100, true)]);
        assert_eq!(cut(&members, SMALL), [0..1, 1..2, 2..4]);
    }

    #[test]
    fn an_empty_row_has_no_segment() {
        assert!(cut(&[], SMALL).is_empty());
    }
}
