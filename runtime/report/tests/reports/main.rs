//! Golden texts of all reports.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod plans;
mod verdicts;
