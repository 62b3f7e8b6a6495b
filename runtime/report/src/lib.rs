//! Results for people and for CI: merge-request text, JUnit, Terraform widget, JSON.
//!
//! Everything here is pure: data in, text out. Nothing opens a file or asks for the time, and no
//! secret's value can reach it, because its input types have no place for one.

mod plan;

pub use plan::{
    Basis, ChangeKind, FieldDiff, ImageDiff, LayerDiff, NamedChange, Outlook, PlanDiff,
};
