use std::path::Path;
use std::time::Duration;

use forge_model::{
    Account, Answer, CommandOutput, ExpectFailed, FileStat, Files, GroupRecord, InstalledPackage,
    KernelSetting, Level, ModuleState, NoAnswer, Origin, Provenance, Resource, Target, UnitState,
};
use forge_sys::nspawn::{self, Booted, NspawnError, Payload};
use forge_sys::process::Output;
use serde::{Deserialize, Serialize};

use crate::container::why_not;
use crate::{Containers, TreeTarget, VerifyError, doubt};

/// Time from the start of a container to its init's readiness.
const BOOT_TIMEOUT: Duration = Duration::from_mins(2);
/// Time that units may take to settle after that, in seconds.
const SETTLE_TIMEOUT: u32 = 120;
/// Seconds that one question to systemd may take.
const ASK_TIMEOUT: u32 = 30;
/// Lines of a failed unit's journal that are shown.
const JOURNAL_LINES: &str = "--lines=8";

/// How an image's boot went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootReport {
    /// What `systemctl is-system-running` said: `running`, `degraded`, …; `not-booted` when the
    /// container never was ready.
    pub state: String,
    /// Milliseconds from the start to the init's readiness.
    pub ready_after: u64,
    /// Units that failed as `expect-failed` says.
    pub expected: Vec<String>,
    /// What is wrong with the boot, whatever the controls say.
    pub failures: Vec<UnitFailure>,
}

/// One thing that is wrong with a boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFailure {
    /// The unit, or `boot`.
    pub unit: String,
    /// One line.
    pub message: String,
    /// What its journal, or the console, said last.
    pub log: Vec<String>,
    /// The `expect-failed` that is wrong about it.
    pub origin: Option<Origin>,
}

/// The image in a booted container.
#[derive(Debug)]
pub struct BootedTarget<'a> {
    tree: TreeTarget<'a>,
    containers: Containers<'a>,
    booted: Option<Booted>,
    report: BootReport,
    doubts: bool,
}

impl<'a> BootedTarget<'a> {
    /// Boots what is mounted at `root` and waits until its units have settled. An image that does
    /// not boot is a finding in the report, and no error: its controls cannot be judged then.
    pub fn boot(
        tree: TreeTarget<'a>,
        containers: Containers<'a>,
        root: &Path,
        expect_failed: &[ExpectFailed],
    ) -> Result<Self, VerifyError> {
        // Without it, an image without a locale or time zone waits for an administrator.
        let sandbox = containers.sandbox(root, Payload::Boot(vec!["systemd.firstboot=off".into()]));
        let Containers { outer, log, scratch, .. } = containers;
        let booted = match nspawn::boot(&sandbox, outer, log, scratch, BOOT_TIMEOUT) {
            Ok(booted) => Some(booted),
            Err(NspawnError::NotReady { machine: _, why, tail }) => {
                let mask = |line: &String| (containers.mask)(line);
                let failure = UnitFailure {
                    unit: "boot".to_owned(),
                    message: format!("the image does not boot: {why}"),
                    log: tail.iter().map(mask).collect(),
                    origin: None,
                };
                let report = BootReport {
                    state: "not-booted".to_owned(),
                    failures: vec![failure],
                    ..BootReport::default()
                };
                return Ok(Self { tree, containers, booted: None, report, doubts: false });
            }
            Err(error) => return Err(VerifyError::Container(error)),
        };
        let report = BootReport::default();
        let mut target = Self { tree, containers, booted, report, doubts: false };
        target.settle(expect_failed)?;
        Ok(target)
    }

    /// One that does not know what only a node's kernel could answer.
    #[must_use]
    pub fn doubting(self) -> Self {
        Self { doubts: true, ..self }
    }

    /// How the boot went.
    pub fn report(&self) -> &BootReport {
        &self.report
    }

    /// Whether it is there to be asked.
    pub fn is_up(&self) -> bool {
        self.booted.is_some()
    }

    /// Powers the container off; gives how the boot went.
    pub fn finish(self) -> BootReport {
        if let Some(booted) = self.booted {
            booted.stop();
        }
        self.report
    }

    fn settle(&mut self, expect_failed: &[ExpectFailed]) -> Result<(), VerifyError> {
        let wait = ["systemctl", "is-system-running", "--wait"];
        let state = match self.exec(&wait, SETTLE_TIMEOUT) {
            Ok(output) => output.stdout.trim().to_owned(),
            // Units that never settle are a finding; what they are is in the list of jobs.
            Err(why) => format!("unsettled ({why})"),
        };
        if self.containers.cancel.is_cancelled() {
            return Err(VerifyError::Cancelled);
        }
        let failed = self.failed_units().map_err(VerifyError::Systemd)?;
        let ready_after = self.booted.as_ref().map_or(0, |booted| booted.ready_after.as_millis());
        let mut report = BootReport {
            state,
            ready_after: u64::try_from(ready_after).unwrap_or(u64::MAX),
            ..BootReport::default()
        };
        for unit in &failed {
            if expect_failed.iter().any(|expected| expected.unit == *unit) {
                report.expected.push(unit.clone());
            } else {
                report.failures.push(UnitFailure {
                    unit: unit.clone(),
                    message: format!("unit `{unit}` failed"),
                    log: self.journal(unit),
                    origin: None,
                });
            }
        }
        report.failures.extend(unfulfilled(expect_failed, &failed));
        if !matches!(report.state.as_str(), "running" | "degraded") {
            report.failures.push(UnitFailure {
                unit: "boot".to_owned(),
                message: format!("the system is not running but `{}`", report.state),
                log: self.jobs(),
                origin: None,
            });
        }
        self.report = report;
        Ok(())
    }

    fn exec(&self, words: &[&str], timeout: u32) -> Result<CommandOutput, String> {
        let Some(booted) = &self.booted else {
            return Err("the image does not boot".to_owned());
        };
        let limit = Duration::from_secs(timeout.into());
        let output: Result<Output, NspawnError> = booted
            .exec(words, |command| command.timeout(limit).bounded().cancel(self.containers.cancel));
        let output = output.map_err(|error| why_not(&error, timeout))?;
        Ok(self.containers.masked(&output))
    }

    fn failed_units(&self) -> Result<Vec<String>, String> {
        let list =
            ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full"];
        let output = self.exec(&list, ASK_TIMEOUT)?;
        if output.status != 0 {
            return Err(output.stderr.trim().to_owned());
        }
        let unit = |line: &str| line.split_whitespace().next().map(str::to_owned);
        Ok(output.stdout.lines().filter_map(unit).collect())
    }

    fn journal(&self, unit: &str) -> Vec<String> {
        let show = ["journalctl", "--no-pager", "--output=cat", JOURNAL_LINES, "--unit", unit];
        let said = self.exec(&show, ASK_TIMEOUT).map(|output| output.stdout).unwrap_or_default();
        said.lines().map(str::to_owned).collect()
    }

    fn jobs(&self) -> Vec<String> {
        let show = ["systemctl", "list-jobs", "--no-pager", "--no-legend", "--full"];
        let said = self.exec(&show, ASK_TIMEOUT).map(|output| output.stdout).unwrap_or_default();
        said.lines().map(str::to_owned).collect()
    }

    fn is_active(&self, unit: &str) -> Result<bool, String> {
        let show = ["systemctl", "show", "--property=ActiveState", "--value", "--", unit];
        let output = self.exec(&show, ASK_TIMEOUT)?;
        match output.stdout.trim() {
            "active" | "reloading" => Ok(true),
            "inactive" | "failed" | "activating" | "deactivating" | "maintenance" => Ok(false),
            other => Err(format!("systemd says `{other}` of `{unit}`")),
        }
    }
}

/// A unit that is expected to fail and does not hides that its reason is gone.
fn unfulfilled(expect_failed: &[ExpectFailed], failed: &[String]) -> Vec<UnitFailure> {
    let did_not = expect_failed.iter().filter(|expected| !failed.contains(&expected.unit));
    did_not
        .map(|ExpectFailed { unit, because, origin }| UnitFailure {
            unit: unit.clone(),
            message: format!(
                "unit `{unit}` did not fail, though `expect-failed` says that it does: {because}"
            ),
            log: Vec::new(),
            origin: Some(origin.clone()),
        })
        .collect()
}

impl Files for BootedTarget<'_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        self.tree.stat(path, follow)
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        self.tree.read(path)
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        self.tree.list(path)
    }
}

impl Target for BootedTarget<'_> {
    fn level(&self) -> Level {
        Level::Booted
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.tree.package(name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        self.tree.user(name)
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.tree.group(name)
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        let state = self.tree.unit(name)?;
        let running = self.is_active(name).map_err(NoAnswer::Failed)?;
        Ok(UnitState { running: Some(running), ..state })
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        self.tree.kernel_parameter(name)
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.tree.kernel_module(name)
    }

    fn command(&self, line: &str, timeout: u32) -> Answer<CommandOutput> {
        if self.doubts {
            doubt::check(line, true)?;
        }
        self.exec(&["/bin/sh", "-c", line], timeout).map_err(NoAnswer::Failed)
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        self.tree.provenance(resource, evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_should_have_failed_is_named_with_its_place() {
        let expected = |unit: &str, line| ExpectFailed {
            unit: unit.to_owned(),
            because: "no controller here".to_owned(),
            origin: Origin::new("images/a.kdl", line, 5),
        };
        let declared = [expected("slurmd.service", 3), expected("munge.service", 4)];
        let found = unfulfilled(&declared, &["slurmd.service".to_owned()]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "unit `munge.service` did not fail, though `expect-failed` says that it does: \
             no controller here"
        );
        assert_eq!(found[0].origin, Some(Origin::new("images/a.kdl", 4, 5)));
    }
}
