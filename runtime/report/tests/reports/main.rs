//! Golden texts of all reports.

mod plans;
mod verdicts;
