//! Results for people and for CI: merge-request text, `JUnit`, Terraform widget, JSON.
//!
//! Everything here is pure: data in, text out. Nothing opens a file or asks for the time, and no
//! secret's value can reach it, because its input types have no place for one.

mod blame;
mod code_quality;
mod control_quality;
mod doctor;
mod exec_json;
mod graph;
mod html;
mod inspec_status;
mod json_min;
mod junit;
mod plan;
mod plan_json;
mod plan_markdown;
mod plan_text;
mod shape;
mod spec_diff;
mod summary;
mod text;
mod verdicts;
mod why;
mod why_not;

pub use blame::{BlameReport, Blamed, Line, Made, blame_json, blame_text};
pub use code_quality::code_quality;
pub use control_quality::control_quality;
pub use doctor::{HostCheck, HostReport, doctor_json, doctor_text};
pub use exec_json::{Clock, civil_day, exec_json, rfc3339};
pub use graph::{StepState, StepStates, graph_dot, graph_mermaid, graph_svg};
pub use html::{ControlText, ControlTexts, HtmlError, html};
pub use json_min::json_min;
pub use junit::{JunitError, junit};
pub use plan::{
    Basis, ChangeKind, FieldDiff, ImageDiff, Last, LayerDiff, NamedChange, Outlook, PlanDiff, Work,
};
pub use plan_json::{PLAN_JSON_VERSION, plan_json, plan_terraform};
pub use plan_markdown::plan_markdown;
pub use plan_text::plan_text;
pub use shape::schemas;
pub use spec_diff::{
    GivenValue, ItemDiff, PartDiff, PartKind, SaidDiff, Side, SpecDiff, TextDiff, ValueDiff,
    spec_diff_json, spec_diff_text,
};
pub use verdicts::{ImageVerdicts, Tally, tally, verdicts_text};
pub use why::{WhyReport, WhyStep, why_json, why_text};
pub use why_not::{Presence, WhyNotAnswer, WhyNotReason, WhyNotReport, why_not_json, why_not_text};
