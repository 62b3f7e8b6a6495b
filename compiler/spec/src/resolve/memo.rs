//! What is the same in several images and is made once, whichever processor comes to it first.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forge_model::{SourceError, SourceFile};
use forge_param::ParamValue;

use super::part::BuiltItem;
use crate::value::{Reads, Scope};

/// Items of one declaration.
pub(crate) type Made = Arc<[Arc<BuiltItem>]>;

/// What a declaration came to, by the values that were asked for. It stands beside the declaration:
/// it is asked for each item of each image.
#[derive(Debug, Default)]
pub(crate) struct ItemMemo {
    /// Without any value.
    constant: OnceLock<Made>,
    variants: Mutex<Vec<(BTreeSet<String>, ByValues)>>,
}

/// The values of some names, in their order, and what is made with them.
type ByValues = BTreeMap<Vec<Option<ParamValue>>, Made>;

impl ItemMemo {
    /// What the declaration comes to with the values of a scope, if it was made before.
    pub(crate) fn get(&self, scope: &Scope) -> Option<Made> {
        if let Some(made) = self.constant.get() {
            return Some(Arc::clone(made));
        }
        let variants = lock(&self.variants);
        variants.iter().find_map(|(names, made)| made.get(&scope.values_of(names)).cloned())
    }

    /// Keeps what was made; gives what somebody else made meanwhile, if so.
    pub(crate) fn keep(&self, scope: &Scope, reads: Reads, made: &Made) -> Option<Made> {
        if reads.names.is_empty() {
            let mut kept = false;
            let first = self.constant.get_or_init(|| {
                kept = true;
                Arc::clone(made)
            });
            return (!kept).then(|| Arc::clone(first));
        }
        let values = scope.values_of(&reads.names);
        let mut variants = lock(&self.variants);
        let at = variants.iter().position(|(names, _)| *names == reads.names);
        let at = at.unwrap_or_else(|| {
            variants.push((reads.names, ByValues::new()));
            variants.len() - 1
        });
        match variants.get_mut(at)?.1.entry(values) {
            Entry::Occupied(faster) => Some(Arc::clone(faster.get())),
            Entry::Vacant(place) => {
                place.insert(Arc::clone(made));
                None
            }
        }
    }
}

/// Files of the project, each looked at once.
#[derive(Debug, Default)]
pub(crate) struct FileMemo(Mutex<BTreeMap<String, Result<SourceFile, SourceError>>>);

impl FileMemo {
    /// A file of the project. Asked for twice at the same time, it is read twice.
    pub(crate) fn get(
        &self,
        path: &str,
        read: impl FnOnce() -> Result<SourceFile, SourceError>,
    ) -> Result<SourceFile, SourceError> {
        if let Some(known) = lock(&self.0).get(path) {
            return known.clone();
        }
        let found = read();
        lock(&self.0).entry(path.to_owned()).or_insert(found).clone()
    }
}

/// What is under these locks is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
