use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use forge_model::{Located, Origin, Pin};
use forge_sys::process::ProcessError;

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The spec, or what it makes packages do.
    User,
    /// This machine, its network or a mirror.
    Environment,
    /// The run was stopped.
    Interrupted,
}

/// A name that no source has as a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPackage {
    /// The name, and where it was asked for.
    pub name: Located<String>,
    /// Names that are spelled alike, the nearest first.
    pub near: Vec<String>,
    /// Packages that provide the name, which is a virtual one then.
    pub providers: Vec<String>,
}

/// A pin that no version in the lists meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UselessPin {
    /// The pin.
    pub pin: Pin,
    /// What there is: versions of the package, or names of releases; none when there is no such
    /// package.
    pub known: Vec<String>,
    /// Names that are spelled alike, when there is no such package.
    pub near: Vec<String>,
}

/// Why packages could not be resolved, fetched or installed.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// Names that are no packages.
    #[error("{}", describe_unknown(.0))]
    UnknownPackages(Vec<UnknownPackage>),
    /// Pins that say nothing.
    #[error("{}", describe_pins(.0))]
    UselessPins(Vec<UselessPin>),
    /// Packages to hold that are not installed by then.
    #[error("{}", describe_held(.0))]
    NotInstalled(Vec<UnknownPackage>),
    /// A package file of the project that cannot be used.
    #[error("`{}`: {why}", file.value)]
    PackageFile {
        /// The file, and where it was asked for.
        file: Located<String>,
        /// Why.
        why: String,
    },
    /// A secret that is no login.
    #[error(
        "the login of the repository `{}` is not `USER:PASSWORD` on one line", repository.value
    )]
    Login {
        /// The repository's name, and where it is declared.
        repository: Located<String>,
    },
    /// The packages exist, but not together.
    #[error("the packages cannot be installed together{}", describe_tail(tail))]
    Unsatisfiable {
        /// Where the names were asked for.
        origins: Vec<Origin>,
        /// apt's explanation.
        tail: Vec<String>,
    },
    /// Neither the spec nor the host says where the suite is.
    #[error(
        "no source of packages for `{suite}`: the spec names no `mirror`, and the host's own apt \
         configuration has no Debian entry for it"
    )]
    NoSources {
        /// The suite.
        suite: String,
    },
    /// The host has the suite without a component that the spec names.
    #[error(
        "no source of the component `{component}` of `{suite}`: the spec names no `mirror`, and the \
         host's own apt configuration has Debian's `{suite}` without it"
    )]
    NoComponent {
        /// The suite.
        suite: String,
        /// The component.
        component: String,
    },
    /// The lists have none of the packages that every system has.
    #[error("the lists of {hosts} have no essential package: an empty base is not made")]
    EmptyBase {
        /// Where the lists are from.
        hosts: String,
    },
    /// Lists or packages could not be fetched.
    #[error("{what} could not be fetched{}", describe_tail(tail))]
    Unreachable {
        /// What, and from where.
        what: String,
        /// The end of the output.
        tail: Vec<String>,
    },
    /// A file is not what its list says.
    #[error("package file `{file}` is not what its list says: expected {expected}, found {found}")]
    Corrupt {
        /// The file.
        file: String,
        /// SHA-256 or size of the list.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A program that installs packages failed.
    #[error(
        "`{command}` ended with status {status}{}\nthe whole log is `{}`",
        describe_tail(tail), log.display()
    )]
    Failed {
        /// The program.
        command: String,
        /// Its exit status.
        status: i32,
        /// The end of its output.
        tail: Vec<String>,
        /// All of its output.
        log: PathBuf,
    },
    /// A program could not be run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of this machine could not be read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DebianError {
    /// Who has to act on it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownPackages(_)
            | Self::UselessPins(_)
            | Self::NotInstalled(_)
            | Self::PackageFile { .. }
            | Self::Login { .. }
            | Self::Unsatisfiable { .. }
            | Self::Failed { .. } => ErrorKind::User,
            Self::Process(ProcessError::Cancelled { .. }) => ErrorKind::Interrupted,
            Self::NoSources { .. }
            | Self::NoComponent { .. }
            | Self::EmptyBase { .. }
            | Self::Unreachable { .. }
            | Self::Corrupt { .. }
            | Self::Process(_)
            | Self::Io { .. } => ErrorKind::Environment,
        }
    }

    /// Places of the spec that it is about.
    pub fn origins(&self) -> Vec<Origin> {
        match self {
            Self::UselessPins(pins) => pins.iter().map(|one| one.pin.origin.clone()).collect(),
            Self::PackageFile { file, .. } => vec![file.origin.clone()],
            Self::Login { repository } => vec![repository.origin.clone()],
            Self::UnknownPackages(unknown) | Self::NotInstalled(unknown) => {
                unknown.iter().map(|one| one.name.origin.clone()).collect()
            }
            Self::Unsatisfiable { origins, .. } => origins.clone(),
            Self::NoSources { .. }
            | Self::NoComponent { .. }
            | Self::EmptyBase { .. }
            | Self::Unreachable { .. }
            | Self::Corrupt { .. }
            | Self::Failed { .. }
            | Self::Process(_)
            | Self::Io { .. } => Vec::new(),
        }
    }
}

/// An I/O error with its path.
pub(crate) fn io_error(path: &Path, source: std::io::Error) -> DebianError {
    DebianError::Io { path: path.to_owned(), source }
}

fn describe_unknown(unknown: &[UnknownPackage]) -> String {
    let mut out = String::new();
    for UnknownPackage { name, near, providers } in unknown {
        if !out.is_empty() {
            out.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{}: ", name.origin);
        let _ = match (providers.as_slice(), near.as_slice()) {
            ([], []) => write!(out, "no package is named `{}`", name.value),
            ([], near) => {
                write!(out, "no package is named `{}`; did you mean {}?", name.value, list(near))
            }
            (providers, _) => write!(
                out,
                "`{}` is a virtual package; name one that provides it: {}",
                name.value,
                list(providers)
            ),
        };
    }
    out
}

fn describe_pins(pins: &[UselessPin]) -> String {
    let lines = pins.iter().map(|UselessPin { pin, known, near }| {
        let what = format!("{}: no `{}` has {}", pin.origin, pin.package, pin.to_apt());
        match known.as_slice() {
            [] => describe_unknown(&[UnknownPackage {
                name: Located::new(pin.package.clone(), pin.origin.clone()),
                near: near.clone(),
                providers: Vec::new(),
            }]),
            known => format!("{what}; there is {}", list(known)),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn describe_held(held: &[UnknownPackage]) -> String {
    let lines = held.iter().map(|UnknownPackage { name, near, providers: _ }| {
        let what =
            format!("{}: `{}` is to be held, and nothing installs it", name.origin, name.value);
        if near.is_empty() { what } else { format!("{what}; did you mean {}?", list(near)) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn describe_tail(tail: &[String]) -> String {
    tail.iter().fold(String::new(), |mut out, line| {
        out.push_str("\n  ");
        out.push_str(line);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_says_where_and_what_instead() {
        let unknown = |near: &[&str], providers: &[&str]| UnknownPackage {
            name: Located::new("chronny".to_owned(), Origin::new("roles/time.kdl", 4, 5)),
            near: near.iter().map(|&name| name.to_owned()).collect(),
            providers: providers.iter().map(|&name| name.to_owned()).collect(),
        };
        let cases = [
            (unknown(&[], &[]), "roles/time.kdl:4: no package is named `chronny`"),
            (
                unknown(&["chrony"], &[]),
                "roles/time.kdl:4: no package is named `chronny`; did you mean `chrony`?",
            ),
            (
                unknown(&["chrony"], &["a", "b"]),
                "roles/time.kdl:4: `chronny` is a virtual package; name one that provides it: \
                 `a`, `b`",
            ),
        ];
        for (unknown, want) in cases {
            let error = DebianError::UnknownPackages(vec![unknown]);
            assert_eq!(error.to_string(), want);
            assert_eq!(error.kind(), ErrorKind::User);
            assert_eq!(error.origins().len(), 1);
        }
    }

    #[test]
    fn the_tail_and_the_log_are_shown() {
        let error = DebianError::Failed {
            command: "apt-get".to_owned(),
            status: 100,
            tail: vec!["E: one".to_owned(), "E: two".to_owned()],
            log: PathBuf::from("/logs/1"),
        };
        assert_eq!(
            error.to_string(),
            "`apt-get` ended with status 100\n  E: one\n  E: two\nthe whole log is `/logs/1`"
        );
    }
}
