//! What images keep in files: package records, accounts, unit files, kernel parameters. Shared by
//! every target that has files, so that all of them read an image alike and never ask the
//! machine that they run on.

mod accounts;
mod dpkg;
mod modules;
mod rpm;
mod sysctl;
mod units;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use forge_model::{
    Account, Answer, Files, GroupRecord, InstalledPackage, KernelSetting, ModuleState, UnitState,
};

pub use accounts::Accounts;
pub use dpkg::{Packages, STATUS, keeps_dpkg};
pub use rpm::{RpmPackage, RpmRecord};
pub(crate) use units::is_null;

/// Facts of one image, each file parsed once. Always to be asked with the same files.
#[derive(Debug, Default)]
pub struct Facts {
    packages: OnceCell<Answer<Packages>>,
    accounts: OnceCell<Answer<Accounts>>,
    parameters: OnceCell<Answer<sysctl::Parameters>>,
    modules: OnceCell<Answer<modules::Modules>>,
    links: OnceCell<Answer<units::Links>>,
}

impl Facts {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A package, when dpkg's or rpm's record calls it installed.
    pub fn package(&self, files: &dyn Files, name: &str) -> Answer<Option<InstalledPackage>> {
        let packages = self.packages.get_or_init(|| Packages::read(files));
        Ok(packages.as_ref().map_err(Clone::clone)?.get(name))
    }

    /// Accounts of the image's own `passwd` and `group`.
    pub fn accounts(&self, files: &dyn Files) -> Answer<&Accounts> {
        self.accounts.get_or_init(|| Accounts::read(files)).as_ref().map_err(Clone::clone)
    }

    /// An account.
    pub fn user(&self, files: &dyn Files, name: &str) -> Answer<Option<Account>> {
        Ok(self.accounts(files)?.user(name))
    }

    /// A group.
    pub fn group(&self, files: &dyn Files, name: &str) -> Answer<Option<GroupRecord>> {
        Ok(self.accounts(files)?.group(name))
    }

    /// A unit, by its full name, as the files describe it: not whether it runs.
    pub fn unit(&self, files: &dyn Files, name: &str) -> Answer<UnitState> {
        let links = self.links.get_or_init(|| units::Links::read(files));
        units::unit(files, links.as_ref().map_err(Clone::clone)?, name)
    }

    /// The value that systemd would give a kernel parameter at boot.
    pub fn kernel_parameter(&self, files: &dyn Files, name: &str) -> Answer<Option<KernelSetting>> {
        let parameters = self.parameters.get_or_init(|| sysctl::Parameters::read(files));
        Ok(parameters.as_ref().map_err(Clone::clone)?.get(name))
    }

    /// A kernel module, as the tables of the image's kernels and its modprobe.d have it.
    pub fn kernel_module(&self, files: &dyn Files, name: &str) -> Answer<ModuleState> {
        let modules = self.modules.get_or_init(|| modules::Modules::read(files));
        Ok(modules.as_ref().map_err(Clone::clone)?.get(name))
    }
}

/// The `*.conf` files of several directories, the strongest first: in the order of their names
/// whatever their directory, a name in a stronger directory in place of the same name in a weaker
/// one. A link to `/dev/null` masks a name: it is no regular file, so it reads as absent.
pub(crate) fn conf_files(files: &dyn Files, directories: &[&str]) -> Answer<Vec<String>> {
    let mut chosen = BTreeMap::new();
    for directory in directories {
        for name in files.list(directory)?.unwrap_or_default() {
            let hidden = name.starts_with('.');
            if !hidden && name.ends_with(".conf") {
                let path = format!("{directory}/{name}");
                chosen.entry(name).or_insert(path);
            }
        }
    }
    Ok(chosen.into_values().collect())
}

/// A file's text, bytes that are not UTF-8 replaced; none when it is absent.
fn text(files: &dyn Files, path: &str) -> Answer<Option<String>> {
    Ok(files.read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
