//! The phases of an image: what is built after what, and where a script may stand among them.

/// A phase of an image. The order of the variants is the order in which an image is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The lowest layer.
    Base,
    /// The kernel's package.
    Kernel,
    /// Where packages come from.
    Repositories,
    /// Accounts with `before="packages"`.
    EarlyAccounts,
    /// Files with `before="packages"`.
    EarlyFiles,
    /// Packages.
    Packages,
    /// All other accounts.
    Accounts,
    /// Fetched archives.
    Unpack,
    /// Files, directories, links, edits.
    Files,
    /// The states of units.
    Units,
    /// Scripts.
    Run,
    /// What is taken away.
    Remove,
    /// Files that hold secrets.
    Secrets,
    /// The image's name.
    Stamp,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 14] = [
        Self::Base,
        Self::Kernel,
        Self::Repositories,
        Self::EarlyAccounts,
        Self::EarlyFiles,
        Self::Packages,
        Self::Accounts,
        Self::Unpack,
        Self::Files,
        Self::Units,
        Self::Run,
        Self::Remove,
        Self::Secrets,
        Self::Stamp,
    ];

    /// As specs, plans and labels of steps call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Kernel => "kernel",
            Self::Repositories => "repositories",
            Self::EarlyAccounts => "early-accounts",
            Self::EarlyFiles => "early-files",
            Self::Packages => "packages",
            Self::Accounts => "accounts",
            Self::Unpack => "unpack",
            Self::Files => "files",
            Self::Units => "units",
            Self::Run => "run",
            Self::Remove => "remove",
            Self::Secrets => "secrets",
            Self::Stamp => "stamp",
        }
    }

    /// What is made in it, for the book.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Base => "the image's base",
            Self::Kernel => "the package of `kernel`",
            Self::Repositories => "`repository`, `pin`, `exclude-paths`",
            Self::EarlyAccounts => "`user` and `group` with `before=\"packages\"`",
            Self::EarlyFiles => "`file` and `directory` with `before=\"packages\"`",
            Self::Packages => "`packages`, with the answers of `preseed`, then `hold`",
            Self::Accounts => "all other `user` and `group`",
            Self::Unpack => "`unpack`",
            Self::Files => {
                "`file`, `directory`, `link`, `line`, `setting`, the texts of `unit`, and whatever \
                 else stands for a file"
            }
            Self::Units => "the states of `unit` and `service`",
            Self::Run => "`run`",
            Self::Remove => "`remove`, `kernel-modules`",
            Self::Secrets => "`file` with `secret=`",
            Self::Stamp => "the image's name, `/init`",
        }
    }

    /// Built role by role: all of these phases of one role come before those of the next. Each of
    /// the later phases is built for all roles before the next phase begins.
    pub fn is_by_role(self) -> bool {
        (Self::Repositories..=Self::Packages).contains(&self)
    }

    /// What a script may say of it, `before` and `after`.
    pub fn takes_scripts(self) -> (bool, bool) {
        let before = (Self::Packages..=Self::Secrets).contains(&self);
        (before, before && self != Self::Secrets)
    }

    /// The phase of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    fn number(self) -> usize {
        Self::ALL.iter().position(|phase| *phase == self).unwrap_or_default()
    }
}

/// Where a script stands among the phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepPlace {
    /// In the phase of scripts.
    #[default]
    Usual,
    /// Between a phase and the one before it. Before packages: those of its own role.
    Before(Phase),
    /// Between the packages of its own role and the next role.
    AfterPackages,
}

impl StepPlace {
    /// The place just behind a phase.
    pub(crate) fn after(phase: Phase) -> Self {
        match Phase::ALL.get(phase.number() + 1) {
            _ if phase == Phase::Packages => Self::AfterPackages,
            Some(next) => Self::Before(*next),
            None => Self::Usual,
        }
    }

    /// Where it comes among all places.
    pub(crate) fn order(self) -> usize {
        match self {
            Self::Usual => Phase::Run.number() * 2,
            Self::Before(phase) => (phase.number() * 2).saturating_sub(1),
            Self::AfterPackages => Phase::Packages.number() * 2,
        }
    }

    /// The property that says it, with its value.
    pub(crate) fn shown(self) -> Option<(&'static str, String)> {
        match self {
            Self::Usual => None,
            Self::Before(phase) => Some(("before", phase.name().to_owned())),
            Self::AfterPackages => Some(("after", Phase::Packages.name().to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_phases_stand_in_their_order() {
        let mut sorted = Phase::ALL;
        sorted.sort();
        assert_eq!(sorted, Phase::ALL);
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase.name()), Some(phase));
        }
        assert_eq!(Phase::of("nothing"), None);
    }

    #[test]
    fn places_between_phases_are_ordered() {
        let places = [
            StepPlace::Before(Phase::Packages),
            StepPlace::after(Phase::Packages),
            StepPlace::Before(Phase::Accounts),
            StepPlace::after(Phase::Accounts),
            StepPlace::after(Phase::Files),
            StepPlace::after(Phase::Units),
            StepPlace::Usual,
            StepPlace::after(Phase::Run),
            StepPlace::Before(Phase::Secrets),
        ];
        assert!(places.windows(2).all(|pair| pair[0].order() < pair[1].order()), "{places:?}");
        // One place, said in two ways.
        assert_eq!(StepPlace::after(Phase::Files), StepPlace::Before(Phase::Units));
        assert_eq!(StepPlace::after(Phase::Remove), StepPlace::Before(Phase::Secrets));
    }
}
