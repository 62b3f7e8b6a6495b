//! Control results as `JUnit` XML, in the way in which GitLab reads it.
//!
//! GitLab takes from a test case its name, `classname`, `file` and the *element text* of
//! `failure`, `error` and `skipped`, and of several cases with one name only the first.

use std::collections::BTreeMap;

use forge_model::{CheckResult, Origin, Status, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::verdicts::{ImageVerdicts, details, settled, telling};

/// A text that could not become XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JunitError(String);

impl std::fmt::Display for JunitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the JUnit report could not be written: {}", self.0)
    }
}

impl std::error::Error for JunitError {}

/// One suite for each image, one case for each expectation: name `CONTROL: text`, class the image,
/// file the KDL file with the expectation.
///
/// A control that fails with impact 0 does not block, and stands as skipped with its reason.
pub fn junit(images: &[ImageVerdicts<'_>]) -> Result<String, JunitError> {
    let mut report = Report::new("forge");
    for ImageVerdicts { image, verdicts } in images {
        let mut suite = TestSuite::new(*image);
        let mut names = Names::default();
        for verdict in settled(verdicts) {
            for case in cases(image, verdicts, verdict, &mut names) {
                suite.add_test_case(case);
            }
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| JunitError(error.to_string()))
}

/// Names that were given, with how often.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    fn unique(&mut self, name: String) -> String {
        let times = self.0.entry(name.clone()).or_default();
        *times += 1;
        if *times == 1 { name } else { format!("{name} ({times})") }
    }
}

fn cases(image: &str, verdicts: &[Verdict], verdict: &Verdict, names: &mut Names) -> Vec<TestCase> {
    let control = &verdict.control;
    let mut cases: Vec<_> = telling(verdicts, verdict)
        .map(|result| {
            let name = names.unique(format!("{control}: {}", result.text));
            case(image, name, status(verdict, result.status, text(verdict, result)), &result.origin)
        })
        .collect();
    if cases.is_empty() {
        // A control is never left out, whatever became of it.
        let name = names.unique(format!("{control}: {}", verdict.title));
        let text = format!("control at {}", verdict.origin);
        cases.push(case(image, name, status(verdict, verdict.status, text), &verdict.origin));
    }
    cases
}

fn case(image: &str, name: String, status: TestCaseStatus, origin: &Origin) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(image);
    case.extra.insert("file".into(), (&*origin.file).into());
    case
}

fn status(verdict: &Verdict, status: Status, text: String) -> TestCaseStatus {
    let (mut status, text) = match status {
        _ if verdict.status == Status::Waived => {
            (TestCaseStatus::skipped(), format!("waived; {}\n{text}", status.name()))
        }
        Status::Passed => return TestCaseStatus::success(),
        Status::Failed | Status::Error if verdict.impact <= 0.0 => {
            (TestCaseStatus::skipped(), format!("does not block, its impact is 0\n{text}"))
        }
        Status::Failed => (TestCaseStatus::non_success(NonSuccessKind::Failure), text),
        Status::Error => (TestCaseStatus::non_success(NonSuccessKind::Error), text),
        Status::Skipped => (TestCaseStatus::skipped(), text),
        Status::NotReviewed | Status::Waived | Status::NotApplicable | Status::Empty => {
            (TestCaseStatus::skipped(), format!("{}\n{text}", status.name()))
        }
        Status::NotKnownHere => {
            let level = verdict.level.name();
            (TestCaseStatus::skipped(), format!("not known at the level `{level}`\n{text}"))
        }
    };
    status.set_description(text);
    status
}

fn text(verdict: &Verdict, result: &CheckResult) -> String {
    let mut lines = details(result);
    if let Some(waiver) = &verdict.waiver {
        lines.insert(0, format!("{}, at {}", waiver.text(), waiver.origin));
    }
    lines.push(format!("expected at {}", result.origin));
    lines.push(format!(
        "control {} of profile {}, impact {}, judged at the level `{}`",
        verdict.control,
        verdict.profile,
        verdict.impact,
        verdict.level.name()
    ));
    lines.join("\n")
}
