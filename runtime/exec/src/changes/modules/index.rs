//! The index files of kmod (`index.c` of its `depmod`): a trie of keys, each node written after its
//! children, all numbers big-endian.

use std::collections::BTreeMap;

const MAGIC: u32 = 0xb007_f457;
const VERSION: u32 = 0x0002_0001;
/// Marks of what a node has, in the offset that leads to it.
const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;

/// A trie in the making. A node holds what its keys have in common after the byte that leads to it.
#[derive(Default)]
pub(super) struct Index {
    prefix: Vec<u8>,
    children: BTreeMap<u8, Index>,
    /// With their priorities, the smallest first.
    values: Vec<(u32, Vec<u8>)>,
}

impl Index {
    /// Adds a value; among those of one key the smaller priority comes first.
    pub(super) fn insert(&mut self, key: &str, value: &str, priority: u32) {
        self.insert_bytes(key.as_bytes(), value.as_bytes(), priority);
    }

    fn insert_bytes(&mut self, key: &[u8], value: &[u8], priority: u32) {
        let common = self.prefix.iter().zip(key).take_while(|(one, other)| one == other).count();
        if common < self.prefix.len() {
            let rest = self.prefix.split_off(common);
            let lower = Self {
                prefix: rest[1..].to_vec(),
                children: std::mem::take(&mut self.children),
                values: std::mem::take(&mut self.values),
            };
            self.children.insert(rest[0], lower);
        }
        let Some((next, rest)) = key[common..].split_first() else {
            let place = self.values.partition_point(|(other, _)| *other < priority);
            self.values.insert(place, (priority, value.to_vec()));
            return;
        };
        let new = || Self { prefix: rest.to_vec(), ..Self::default() };
        let child = self.children.entry(*next).or_insert_with(new);
        child.insert_bytes(rest, value, priority);
    }

    /// The whole file.
    pub(super) fn written(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [MAGIC, VERSION, 0] {
            out.extend(number.to_be_bytes());
        }
        let root = self.write(&mut out);
        out[8..12].copy_from_slice(&root.to_be_bytes());
        out
    }

    /// Writes the node; gives its offset with the marks of what it has.
    fn write(&self, out: &mut Vec<u8>) -> u32 {
        let children: Vec<(u8, u32)> =
            self.children.iter().map(|(byte, child)| (*byte, child.write(out))).collect();
        // Such a file has a few megabytes.
        let mut offset = u32::try_from(out.len()).unwrap_or(u32::MAX);
        if !self.prefix.is_empty() {
            out.extend(&self.prefix);
            out.push(0);
            offset |= PREFIX;
        }
        if let (Some((first, _)), Some((last, _))) = (children.first(), children.last()) {
            out.extend([*first, *last]);
            let offsets: BTreeMap<u8, u32> = children.iter().copied().collect();
            for byte in *first..=*last {
                out.extend(offsets.get(&byte).copied().unwrap_or_default().to_be_bytes());
            }
            offset |= CHILDREN;
        }
        if !self.values.is_empty() {
            let count = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
            out.extend(count.to_be_bytes());
            for (priority, value) in &self.values {
                out.extend(priority.to_be_bytes());
                out.extend(value);
                out.push(0);
            }
            offset |= VALUES;
        }
        offset
    }
}
