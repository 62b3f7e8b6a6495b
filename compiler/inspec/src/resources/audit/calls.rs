//! System calls of rules, by the tables of the two machines that images are made for most.

use std::collections::BTreeSet;

use syscalls::{x86, x86_64};

use super::ctl::{Failure, refused};

/// Whose system calls a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abi {
    X86_64,
    X86,
    /// One whose table is not here: names stand as they are written.
    Other {
        bits: u8,
    },
}

impl Abi {
    /// That of the system itself, by what `os.arch` says.
    pub(super) fn native(arch: &str) -> Self {
        match arch {
            "" | "x86_64" | "amd64" => Self::X86_64,
            _ => Self::Other { bits: 64 },
        }
    }

    /// What `arch=` means.
    pub(super) fn named(name: &str, native: Self) -> Result<Self, Failure> {
        Ok(match (name.to_ascii_lowercase().as_str(), native) {
            ("b64", native) => native,
            ("b32", Self::X86_64) => Self::X86,
            ("b32", _) => Self::Other { bits: 32 },
            ("x86_64", _) => Self::X86_64,
            ("i386" | "i486" | "i586" | "i686", _) => Self::X86,
            ("aarch64" | "ppc64" | "ppc64le" | "s390x", _) => Self::Other { bits: 64 },
            ("arm" | "armv7l" | "ppc" | "s390", _) => Self::Other { bits: 32 },
            _ => return refused(),
        })
    }

    /// As rules are listed.
    pub(super) fn listed(self) -> &'static str {
        match self {
            Self::X86_64 | Self::Other { bits: 64 } => "b64",
            Self::X86 | Self::Other { .. } => "b32",
        }
    }

    fn number(self, name: &str) -> Option<usize> {
        let name = name.to_ascii_lowercase();
        let kernels = |names: &[(&str, &str)]| {
            let found = names.iter().find(|(kernel, audit)| *audit == name || *kernel == name);
            match found {
                Some((kernel, audit)) if *audit == name => Some((*kernel).to_owned()),
                Some(_) => None,
                None => Some(name.clone()),
            }
        };
        match self {
            Self::X86_64 => Some(kernels(&X86_64)?.parse::<x86_64::Sysno>().ok()? as usize),
            Self::X86 => Some(kernels(&X86)?.parse::<x86::Sysno>().ok()? as usize),
            Self::Other { .. } => None,
        }
    }

    fn name(self, number: usize) -> Option<&'static str> {
        let (kernel, names): (_, &[_]) = match self {
            Self::X86_64 => (x86_64::Sysno::new(number)?.name(), &X86_64),
            Self::X86 => (x86::Sysno::new(number)?.name(), &X86),
            Self::Other { .. } => return None,
        };
        let found = names.iter().find(|(name, _)| *name == kernel);
        Some(found.map_or(kernel, |(_, audit)| audit))
    }
}

/// Names that auditctl has for calls which the kernel's tables name otherwise (ausyscall(8)).
const X86_64: [(&str, &str); 2] = [("pread64", "pread"), ("pwrite64", "pwrite")];
const X86: [(&str, &str); 3] = [
    ("r#break", "break"),
    ("kexec_load", "sys_kexec_load"),
    ("sched_rr_get_interval_time64", "sched_rr_get_interval64"),
];

/// The calls of a rule.
#[derive(Debug, Default)]
pub(super) struct Calls {
    all: bool,
    numbers: BTreeSet<usize>,
    /// Of machines without a table.
    names: Vec<String>,
}

impl Calls {
    /// Those of `-S`: names and numbers, with commas between.
    pub(super) fn add(&mut self, text: &str, abi: Abi) -> Result<(), Failure> {
        for name in text.split(',').filter(|name| !name.is_empty()) {
            if name == "all" {
                self.all = true;
            } else if let Some(number) = abi.number(name) {
                self.numbers.insert(number);
            } else if name.starts_with(|c: char| c.is_ascii_digit()) {
                self.numbers.insert(name.parse().or_else(|_| refused())?);
            } else if matches!(abi, Abi::Other { .. }) {
                self.names.push(name.to_owned());
            } else {
                return refused();
            }
        }
        Ok(())
    }

    pub(super) fn all(&mut self) {
        self.all = true;
    }

    pub(super) fn are_all(&self) -> bool {
        self.all
    }

    /// In the order of their numbers.
    pub(super) fn listed(&self, abi: Abi) -> String {
        if self.all {
            return " -S all".to_owned();
        }
        let numbers = self.numbers.iter();
        let named = numbers
            .map(|number| abi.name(*number).map_or_else(|| number.to_string(), str::to_owned));
        let calls: Vec<_> = named.chain(self.names.iter().cloned()).collect();
        if calls.is_empty() { String::new() } else { format!(" -S {}", calls.join(",")) }
    }
}
