//! How much the images of a project may come to, all together: a few lines of a spec can ask for more
//! than any machine holds.
//!
//! What is counted is what is made, so the sum is the same in whichever order images are resolved;
//! once it is spent, nothing more is made, and the one finding names no image that happened to be
//! the last.

use std::sync::atomic::{AtomicU64, Ordering};

use forge_diag::{Diagnostic, Span, codes};
use forge_param::ParamValue;

/// Bytes of the resolved form of all images: some times what 1,000 images of 1,000 items come to.
const MOST: u64 = 512 << 20;

/// What an item, a parameter or a path costs beside its text.
const EACH: u64 = 256;

/// What has been made so far.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    spent: AtomicU64,
}

/// What something comes to that is being made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally(u64);

impl Tally {
    /// Something without a text.
    pub(crate) const fn each() -> Self {
        Self(EACH)
    }

    /// Something with a text of this length is made.
    pub(crate) fn add(&mut self, text: usize) {
        self.0 = self.0.saturating_add(EACH).saturating_add(text as u64);
    }

    /// Values of parameters are kept beside what is made with them.
    pub(crate) fn add_value(&mut self, value: &ParamValue) {
        match value {
            ParamValue::Text(text) => self.add(text.len()),
            ParamValue::List(values) => values.iter().for_each(|value| self.add_value(value)),
            ParamValue::Hosts(list) => self.add(list.hosts().iter().map(String::len).sum()),
            ParamValue::Integer(_)
            | ParamValue::Bool(_)
            | ParamValue::Size(_)
            | ParamValue::Duration(_) => self.add(0),
        }
    }
}

impl Budget {
    /// So much is made already.
    pub(crate) fn after(spent: u64) -> Self {
        Self { spent: AtomicU64::new(spent) }
    }

    /// What was made.
    pub(crate) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Something is made.
    pub(crate) fn spend(&self, Tally(cost): Tally) {
        // Relaxed: the sum alone counts. It cannot overflow, since a text is bounded.
        self.spent.fetch_add(cost, Ordering::Relaxed);
    }

    /// Nothing more may be made.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > MOST
    }

    /// That it was too much.
    pub(crate) fn finding(images: usize, first: Span) -> Diagnostic {
        let headline = format!(
            "the items of {images} {} come to more than {} MiB",
            if images == 1 { "image" } else { "images, together," },
            MOST >> 20
        );
        Diagnostic::error(codes::SYNTAX_SIZE, headline)
            .at(first, if images == 1 { "this image" } else { "the first of them" })
            .help("put large texts into files, `source=`; a file counts once, however often it is named")
    }
}
