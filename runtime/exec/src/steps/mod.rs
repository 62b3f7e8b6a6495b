//! The steps, one file for each way of working.

pub(crate) mod base;
pub(crate) mod debian;
pub(crate) mod fetch;
pub(crate) mod leak;
pub(crate) mod native;
pub(crate) mod run;
pub(crate) mod scratch;
pub(crate) mod unpack;

use forge_model::{Action, Change, ImagePath, Key, Shared, TreeEntry};

use crate::changes::{Draft, View, apply};
use crate::keys::{Facts, narrow_key};
use crate::sight::Sight;

/// True for kinds that read only part of the layers below, and whose output is a pure function of
/// that part.
pub(crate) fn reads_part(action: &Action) -> bool {
    matches!(action, Action::Changes(_) | Action::Secrets(_) | Action::Stamp(_))
}

/// The narrower key of a node that reads only part of the layers below; none for kinds that see
/// all of them, and where the step would fail.
pub(crate) fn narrow_key_of(action: &Action, sight: &Sight, facts: &dyn Facts) -> Option<Key> {
    match action {
        Action::Changes(changes) => {
            let draft = drafted(&changes.changes, sight)?;
            narrow_key(action, &draft.selector, facts).ok()
        }
        Action::Secrets(secrets) => {
            let draft = drafted(&native::secret_changes(secrets), sight)?;
            narrow_key(action, &draft.selector, facts).ok()
        }
        Action::Stamp(_) => Some(native::image_key(action, &sight.tree)),
        Action::Resolve(_)
        | Action::Base(_)
        | Action::Packages(_)
        | Action::Fetch(_)
        | Action::Unpack(_)
        | Action::Run(_)
        | Action::Verify(_)
        | Action::Pack(_) => None,
    }
}

/// The layer that a node will make, where it is a pure function of what lies below: none for kinds
/// that run programs, and where the step would fail.
pub(crate) fn predicted(action: &Action, sight: &Sight) -> Option<Draft> {
    match action {
        Action::Changes(changes) => drafted(&changes.changes, sight),
        Action::Stamp(stamp) => {
            let key = native::image_key(action, &sight.tree);
            drafted(&native::stamp_changes(stamp, &key, &sight.tree), sight)
        }
        // What a secrets layer is named by is known to those who may open the secret.
        Action::Secrets(_)
        | Action::Resolve(_)
        | Action::Base(_)
        | Action::Packages(_)
        | Action::Fetch(_)
        | Action::Unpack(_)
        | Action::Run(_)
        | Action::Verify(_)
        | Action::Pack(_) => None,
    }
}

fn drafted(changes: &[Shared<Change>], sight: &Sight) -> Option<Draft> {
    let read = |path: &ImagePath, entry: &TreeEntry| sight.read(path, entry);
    apply(changes, &View::new(&sight.tree, &read)).ok()
}
