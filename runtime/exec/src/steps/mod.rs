//! The steps, one file for each way of working.

pub(crate) mod base;
pub(crate) mod debian;
pub(crate) mod leak;
pub(crate) mod native;
pub(crate) mod run;

use forge_model::{Action, Key};

use crate::keys::{Facts, narrow_key};
use crate::stack::Stack;

/// The narrower key of a node that reads only part of the layers below; none for kinds that see
/// all of them, and where the step would fail.
pub(crate) fn narrow_key_of(action: &Action, stack: &Stack, facts: &dyn Facts) -> Option<Key> {
    match action {
        Action::Changes(changes) => {
            let draft = native::draft(&changes.changes, stack).ok()?;
            narrow_key(action, &draft.selector, facts).ok()
        }
        Action::Secrets(secrets) => {
            let draft = native::draft(&native::secret_changes(secrets), stack).ok()?;
            narrow_key(action, &draft.selector, facts).ok()
        }
        Action::Stamp(_) => Some(native::image_key(action, stack)),
        Action::Resolve(_)
        | Action::Base(_)
        | Action::Packages(_)
        | Action::Run(_)
        | Action::Verify(_)
        | Action::Pack(_) => None,
    }
}
