//! Results for people and for CI: merge-request text, `JUnit`, Terraform widget, JSON.
//!
//! Everything here is pure: data in, text out. Nothing opens a file or asks for the time, and no
//! secret's value can reach it, because its input types have no place for one.

mod code_quality;
mod graph;
mod junit;
mod plan;
mod plan_json;
mod plan_markdown;
mod plan_text;
mod summary;
mod text;
mod verdicts;

pub use code_quality::code_quality;
pub use graph::{graph_dot, graph_mermaid};
pub use junit::{JunitError, junit};
pub use plan::{
    Basis, ChangeKind, FieldDiff, ImageDiff, LayerDiff, NamedChange, Outlook, PlanDiff,
};
pub use plan_json::{PLAN_JSON_VERSION, plan_json, plan_terraform};
pub use plan_markdown::plan_markdown;
pub use plan_text::plan_text;
pub use verdicts::{ImageVerdicts, Tally, tally, verdicts_text};
