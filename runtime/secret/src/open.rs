use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, x25519};
use forge_model::{Digest, SecretReference, SecretSource, SourceFile, Sources};
use zeroize::Zeroizing;

use crate::{Builder, HostBuilder, SecretError, SecretValue};

/// The environment variable that names a file with age identities.
pub const IDENTITY_FILE_VARIABLE: &str = "FORGE_AGE_IDENTITY_FILE";

/// The environment variable that holds age identities.
pub const IDENTITY_VARIABLE: &str = "FORGE_AGE_IDENTITY";

/// Opens secrets by their references.
pub struct Opener {
    identity: Option<PathBuf>,
    builder: Box<dyn Builder>,
}

impl Opener {
    /// An opener on this machine; `identity` is the file given on the command line.
    pub fn new(identity: Option<PathBuf>) -> Self {
        Self::on(HostBuilder, identity)
    }

    /// An opener that asks `builder` for variables and files.
    pub fn on(builder: impl Builder + 'static, identity: Option<PathBuf>) -> Self {
        Self { identity, builder: Box::new(builder) }
    }

    /// The value behind `reference`; ciphertext in git is read from `sources` and must be what
    /// the plan saw.
    pub fn open(
        &self,
        reference: &SecretReference,
        sources: &dyn Sources,
    ) -> Result<SecretValue, SecretError> {
        let value = match &reference.source {
            SecretSource::Age(file) => self.decrypt(reference, file, sources)?,
            SecretSource::Environment { variable, version: _ } => {
                self.variable(reference, variable)?
            }
            SecretSource::File { path, version: _ } => self.file(reference, Path::new(path))?,
        };
        if value.expose().is_empty() {
            let SecretReference { name, origin, source: _ } = reference.clone();
            return Err(SecretError::Empty { secret: name, origin });
        }
        Ok(value)
    }

    fn variable(
        &self,
        reference: &SecretReference,
        variable: &str,
    ) -> Result<SecretValue, SecretError> {
        use std::os::unix::ffi::OsStringExt;

        self.builder.variable(variable).map(|value| SecretValue::new(value.into_vec())).ok_or_else(
            || SecretError::NoVariable {
                secret: reference.name.clone(),
                origin: reference.origin.clone(),
                variable: variable.to_owned(),
            },
        )
    }

    fn file(&self, reference: &SecretReference, path: &Path) -> Result<SecretValue, SecretError> {
        match self.builder.read(path) {
            Ok(mut bytes) => Ok(SecretValue::new(std::mem::take(&mut *bytes))),
            Err(source) => Err(SecretError::Unreadable {
                secret: reference.name.clone(),
                origin: reference.origin.clone(),
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn decrypt(
        &self,
        reference: &SecretReference,
        file: &SourceFile,
        sources: &dyn Sources,
    ) -> Result<SecretValue, SecretError> {
        let broken = |why: String| SecretError::Ciphertext {
            secret: reference.name.clone(),
            origin: reference.origin.clone(),
            path: file.path.clone(),
            why,
        };
        let ciphertext = sources.read(&file.path).map_err(|error| broken(error.to_string()))?;
        if Digest::of(&ciphertext) != file.digest {
            return Err(broken("it changed after the plan was made".to_owned()));
        }
        let identities = self.identities()?;
        if identities.is_empty() {
            return Err(SecretError::NoIdentity {
                secret: reference.name.clone(),
                origin: reference.origin.clone(),
            });
        }
        let keys = identities.iter().flat_map(|(_, keys)| keys.iter());
        decrypt_with(&ciphertext, keys).map_err(|error| match error {
            DecryptError::NoMatchingKeys => SecretError::WrongIdentity {
                secret: reference.name.clone(),
                origin: reference.origin.clone(),
                tried: identities.iter().map(|(place, _)| place.clone()).collect(),
            },
            error => broken(error.to_string()),
        })
    }

    /// All identities at hand, each with the place that it came from. A place that is named but
    /// holds none is an error: silence would end in a riddle later.
    fn identities(&self) -> Result<Vec<(String, Vec<x25519::Identity>)>, SecretError> {
        let mut found = Vec::new();
        let from_variable = self.builder.variable(IDENTITY_FILE_VARIABLE).map(PathBuf::from);
        for path in self.identity.iter().chain(&from_variable) {
            let place = format!("`{}`", path.display());
            let bytes = self.builder.read(path).map_err(|error| SecretError::BadIdentity {
                place: place.clone(),
                why: error.to_string(),
            })?;
            found.push((place.clone(), parse_identities(&place, &bytes)?));
        }
        if let Some(text) = self.builder.variable(IDENTITY_VARIABLE) {
            let place = format!("the variable `{IDENTITY_VARIABLE}`");
            let text = Zeroizing::new(text.into_encoded_bytes());
            found.push((place.clone(), parse_identities(&place, &text)?));
        }
        Ok(found)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("identity", &self.identity).finish_non_exhaustive()
    }
}

fn decrypt_with<'a>(
    ciphertext: &[u8],
    identities: impl Iterator<Item = &'a x25519::Identity>,
) -> Result<SecretValue, DecryptError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(ciphertext))?;
    let mut reader = decryptor.decrypt(identities.map(|identity| identity as &dyn Identity))?;
    // Ciphertext is longer than plaintext, so the buffer never moves and leaves no copy behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
    reader.read_to_end(&mut plaintext)?;
    Ok(SecretValue::new(std::mem::take(&mut *plaintext)))
}

/// Identities stand one to a line; blank lines and comments (`#`) between them do not count.
fn parse_identities(place: &str, text: &[u8]) -> Result<Vec<x25519::Identity>, SecretError> {
    let bad = |why: String| SecretError::BadIdentity { place: place.to_owned(), why };
    let text = std::str::from_utf8(text).map_err(|_| bad("it is not text".to_owned()))?;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The parser's own message is left out: it may quote the line.
        let identity = line
            .parse()
            .map_err(|_| bad(format!("line {} is not an X25519 identity of age", index + 1)))?;
        found.push(identity);
    }
    if found.is_empty() {
        return Err(bad("it has no line with one".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
