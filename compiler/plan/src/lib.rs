//! Resolved specs lowered to a content-hashed graph of actions.
//!
//! ```text
//! ResolvedSpec --lower--> graph of (action, inputs) --key, merge equal keys--> Plan
//! ```
//!
//! The phases decide what stands on what ([`lower`]); two nodes with the same plan key are one
//! node, so images that begin with the same roles share those layers. Nothing here reads a file,
//! a clock or a process: the same resolved spec gives the same plan, byte for byte, anywhere.

mod builder;
mod check;
mod demands;
mod diff;
mod graph;
mod inspec;
mod items;
mod last;
mod lower;
mod packaging;
mod requirement;
mod spec_target;
mod waivers;
mod why_not;

pub use builder::lower;
pub use check::{Checked, check};
pub use demands::{demands, own_changes};
pub use diff::{
    FieldChange, ImageChange, LayerChange, LayerChangeKind, PlanChanges, contents, diff,
};
pub use graph::Graph;
pub use items::ImageChanges;
pub use lower::{Known, LowerError};
pub use requirement::{NearUnit, Needs, needs};
pub use spec_target::{SpecTarget, judge_spec, misfits, mistyped, violations};
pub use why_not::{Presence, Reason, WhyNot, why_not};
