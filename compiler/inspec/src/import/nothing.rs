//! A target that answers nothing: what rests on one cannot be imported.

use forge_model::{
    Account, Answer, CommandOutput, FileStat, Files, GroupRecord, InstalledPackage, KernelSetting,
    Level, ModuleState, NoAnswer, Provenance, Resource, Target, UnitState,
};

/// No system at all.
pub(super) struct Nothing;

fn no<T>(asked: &str, of: &str) -> Answer<T> {
    Err(NoAnswer::Unknown(format!("what Ruby does rests on {asked} `{of}`")))
}

impl Files for Nothing {
    fn stat(&self, path: &str, _follow: bool) -> Answer<Option<FileStat>> {
        no("the file", path)
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        no("the file", path)
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        no("the directory", path)
    }
}

impl Target for Nothing {
    fn level(&self) -> Level {
        Level::Tree
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        no("the package", name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        no("the account", name)
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        no("the group", name)
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        no("the unit", name)
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        no("the kernel parameter", name)
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        no("the kernel module", name)
    }

    fn command(&self, line: &str, _timeout: u32) -> Answer<CommandOutput> {
        no("the command", line)
    }

    fn provenance(&self, _resource: &Resource, _evidence: Option<&str>) -> Option<Provenance> {
        None
    }
}
