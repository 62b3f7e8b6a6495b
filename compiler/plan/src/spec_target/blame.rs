//! Which of several edits of a file a failed control is to be told of: the one that made what fails,
//! not the last of them.

use forge_model::{
    Account, Answer, CommandOutput, Control, FileStat, Files, GroupRecord, ImagePath,
    InstalledPackage, KernelSetting, Level, ModuleState, Provenance, Resource, Status, Target,
    UnitState, Verdict,
};

use super::{Path, SpecTarget};

/// Puts the place of the edit to blame in the place of the last one's, where a file was edited more
/// than once, or was known before.
pub(super) fn edits(control: &Control, verdict: &mut Verdict, target: &SpecTarget<'_>) {
    if !verdict.blocks() {
        return;
    }
    for (path, before) in &target.edited {
        let Some(last) = target.paths.get(path) else { continue };
        let last = last.made.provenance();
        let blamed = |verdict: &Verdict| {
            let failed = |(number, result): (usize, &forge_model::CheckResult)| {
                let own =
                    result.status == Status::Failed && result.provenance.as_ref() == Some(&last);
                own.then_some(number)
            };
            verdict.results.iter().enumerate().filter_map(failed).collect::<Vec<_>>()
        };
        let mut left = blamed(verdict);
        // Backwards, as long as it fails: what made it fail first is to blame.
        for state in before.iter().rev() {
            if left.is_empty() {
                break;
            }
            let then = forge_judge::judge(control, &Before { target, path, what: &state.what });
            left.retain(|number| {
                let now = verdict.results.get(*number);
                let fails = then.results.get(*number).zip(now).is_some_and(|(then, now)| {
                    then.status == Status::Failed && then.origin == now.origin
                });
                fails && state.made.origin.is_some()
            });
            for number in &left {
                if let Some(result) = verdict.results.get_mut(*number) {
                    result.provenance = Some(state.made.provenance());
                }
            }
        }
    }
}

/// The target with one file as it was before some of its edits.
struct Before<'t, 'a> {
    target: &'t SpecTarget<'a>,
    path: &'t ImagePath,
    what: &'t Path<'a>,
}

impl Files for Before<'_, '_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        self.target.stat(path, follow)
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        let end = ImagePath::new(self.target.end_of_links(path)?);
        if end.as_ref() == Some(self.path) {
            return self.target.content(self.what);
        }
        self.target.read(path)
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        self.target.list(path)
    }
}

impl Target for Before<'_, '_> {
    fn level(&self) -> Level {
        self.target.level()
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.target.package(name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        self.target.user(name)
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.target.group(name)
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        Target::unit(self.target, name)
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        self.target.kernel_parameter(name)
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.target.kernel_module(name)
    }

    fn command(&self, line: &str, timeout: u32) -> Answer<CommandOutput> {
        self.target.command(line, timeout)
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        self.target.provenance(resource, evidence)
    }
}
