//! What mends a need that is not met.

use forge_diag::{SourceMap, Span};

use super::Need;
use super::known::package_of;

impl Need {
    /// How to mend it, in words.
    pub(super) fn help(self, subject: &str) -> String {
        match self {
            Self::User => format!("add `user \"{subject}\"`, or a package that makes it"),
            Self::Group => format!("add `group \"{subject}\"`, or a package that makes it"),
            Self::Unit => {
                format!("add a package that brings it, or `unit \"{subject}\"` with its content")
            }
            Self::Program => match package_of(subject) {
                Some(package) => format!("add `packages \"{package}\"`"),
                None => "add a package that brings it, or a `file` with a mode such as \"0755\""
                    .to_owned(),
            },
            Self::Module => "take one of the two lines away".to_owned(),
            Self::File => "add a `file`, or a package that brings it".to_owned(),
            Self::Zone => "add `packages \"tzdata\"`".to_owned(),
            Self::NoHostname => "take it out of the base".to_owned(),
            Self::Locale => "add `packages \"locales\"` to the same role".to_owned(),
        }
    }

    /// The node that makes what is missing, where one alone can.
    pub(super) fn node(self, subject: &str) -> Option<String> {
        let package = match self {
            Self::User => return Some(format!("user \"{subject}\"")),
            Self::Group => return Some(format!("group \"{subject}\"")),
            Self::Program => package_of(subject)?,
            Self::Zone => "tzdata",
            Self::Locale => "locales",
            Self::Unit | Self::Module | Self::File | Self::NoHostname => return None,
        };
        Some(format!("packages \"{package}\""))
    }
}

/// A node on a line of its own before the one at a place: where, and the text. None where that one
/// does not begin its line.
pub(super) fn before(at: Span, node: &str, map: &SourceMap) -> Option<(Span, String)> {
    let line = map.lines(at, 0, 0);
    let blank = map.slice(line).get(..at.start.checked_sub(line.start)? as usize)?;
    let alone = blank.chars().all(|c| c == ' ' || c == '\t');
    alone.then(|| (at.slice(0, 0), format!("{node}\n{blank}")))
}
