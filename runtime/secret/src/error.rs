use std::io;
use std::path::PathBuf;

use forge_model::Origin;
use thiserror::Error;

use crate::{IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE};

/// Why a secret could not be opened. No variant holds any part of a value or of an identity.
#[derive(Debug, Error)]
pub enum SecretError {
    /// No age identity was given at all.
    #[error("no age identity is at hand for secret `{secret}` ({origin})")]
    NoIdentity {
        /// The secret.
        secret: String,
        /// Where it is declared.
        origin: Origin,
    },
    /// A place that should hold an age identity does not.
    #[error("{place} holds no usable age identity: {why}")]
    BadIdentity {
        /// The file or variable.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// None of the identities opens the ciphertext.
    #[error("secret `{secret}` ({origin}) is encrypted for another identity than {}", .tried.join(" and "))]
    WrongIdentity {
        /// The secret.
        secret: String,
        /// Where it is declared.
        origin: Origin,
        /// The files and variables whose identities were tried.
        tried: Vec<String>,
    },
    /// The ciphertext cannot be read, is broken, or is not what was planned.
    #[error("secret `{secret}` ({origin}) cannot be decrypted: `{path}`: {why}")]
    Ciphertext {
        /// The secret.
        secret: String,
        /// Where it is declared.
        origin: Origin,
        /// The ciphertext, relative to the project.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The environment variable that holds the value is not set.
    #[error(
        "secret `{secret}` ({origin}) needs the environment variable `{variable}`, which is not set"
    )]
    NoVariable {
        /// The secret.
        secret: String,
        /// Where it is declared.
        origin: Origin,
        /// The variable.
        variable: String,
    },
    /// The file that holds the value cannot be read.
    #[error("secret `{secret}` ({origin}) is in `{}`, which cannot be read", .path.display())]
    Unreadable {
        /// The secret.
        secret: String,
        /// Where it is declared.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The value has no byte.
    #[error("secret `{secret}` ({origin}) is empty")]
    Empty {
        /// The secret.
        secret: String,
        /// Where it is declared.
        origin: Origin,
    },
    /// The values are too many or too long to be searched for.
    #[error("the values of the secrets cannot be searched for: {why}")]
    TooMuch {
        /// What the search says.
        why: String,
    },
}

impl SecretError {
    /// What to do about it, in one line.
    pub fn help(&self) -> String {
        match self {
            Self::NoIdentity { .. } => format!(
                "give `--identity FILE`, or set `{IDENTITY_FILE_VARIABLE}` to a file or \
                 `{IDENTITY_VARIABLE}` to an `AGE-SECRET-KEY-1…`; none of the three is set"
            ),
            Self::BadIdentity { .. } => {
                "an identity is a line `AGE-SECRET-KEY-1…`, as `age-keygen` writes it".to_owned()
            }
            Self::WrongIdentity { .. } => {
                "name the identity of one of its recipients, or encrypt it for this one too: \
                 `age -r RECIPIENT`"
                    .to_owned()
            }
            Self::Ciphertext { .. } => {
                "it must be a file that `age -r RECIPIENT` wrote, unchanged while forgec runs"
                    .to_owned()
            }
            Self::NoVariable { variable, .. } => {
                format!(
                    "export `{variable}` in the builder's environment or the CI job's variables"
                )
            }
            Self::Unreadable { .. } => {
                "the file belongs to the builder: create it there, readable for whoever builds"
                    .to_owned()
            }
            Self::Empty { .. } => "an empty secret protects nothing: check its source".to_owned(),
            Self::TooMuch { .. } => "keep bulk data out of secrets".to_owned(),
        }
    }
}
