use std::fmt;
use std::io::{self, Read};

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use zeroize::Zeroizing;

use crate::form::{Form, Written, encodings};
use crate::{SecretError, SecretValue};

/// Shorter values are not searched for: they would be found everywhere by chance.
const SHORTEST: usize = 8;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;

/// A place where a secret's value stands in the open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The secret's name.
    pub secret: String,
    /// How it is written there.
    pub form: Form,
    /// Bytes before it in the stream; for hex and base64 line ends are not counted.
    pub offset: u64,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value of secret `{}` ({})", self.secret, self.form)
    }
}

/// Searches streams for the values of secrets.
///
/// Values are searched for as they are, in hex and in base64 (at all three alignments, also where
/// a tool broke it into lines). The search's own tables hold values and live as long as it does.
#[derive(Debug)]
pub struct LeakScanner {
    plain: Patterns,
    encoded: Patterns,
    too_short: Vec<String>,
}

impl LeakScanner {
    /// A search for these secrets, by name.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a SecretValue)>,
    ) -> Result<Self, SecretError> {
        let (mut plain, mut encoded) = (Vec::new(), Vec::new());
        let mut too_short = Vec::new();
        for (name, value) in secrets {
            let core = value.core();
            if core.len() < SHORTEST {
                too_short.push(name.to_owned());
                continue;
            }
            plain.push((name.to_owned(), Form::Plain, Zeroizing::new(core.to_vec())));
            let forms = encodings(core).into_iter();
            encoded.extend(forms.map(|(form, written)| (name.to_owned(), form, written)));
        }
        Ok(Self { plain: Patterns::new(plain)?, encoded: Patterns::new(encoded)?, too_short })
    }

    /// Secrets whose values are too short (under 8 bytes) to be searched for: worth a warning.
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// True when there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.plain.known.is_empty()
    }

    /// The first leak in `bytes`.
    pub fn find(&self, bytes: &[u8]) -> Option<Leak> {
        // Reading from memory does not fail.
        self.scan(bytes).ok().flatten()
    }

    /// Reads `stream` to its end or to the first leak in it.
    pub fn scan(&self, mut stream: impl Read) -> io::Result<Option<Leak>> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut chunk = Zeroizing::new(vec![0; CHUNK]);
        let mut joined = Window::default();
        let mut unbroken = Window::default();
        loop {
            let read = match stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            joined.bytes.extend_from_slice(&chunk[..read]);
            for part in chunk[..read].split(|byte| matches!(byte, b'\n' | b'\r')) {
                unbroken.bytes.extend_from_slice(part);
            }
            let leak = joined.search(&self.plain).or_else(|| unbroken.search(&self.encoded));
            if leak.is_some() {
                return Ok(leak);
            }
        }
    }
}

/// What of a stream is still to be searched.
#[derive(Default)]
struct Window {
    bytes: Zeroizing<Vec<u8>>,
    /// Bytes of the stream before the window.
    passed: u64,
}

impl Window {
    /// Searches the window, then keeps only what a pattern may still begin in.
    fn search(&mut self, patterns: &Patterns) -> Option<Leak> {
        if let Some(found) = patterns.automaton.find(&*self.bytes) {
            let (secret, form) = &patterns.known[found.pattern().as_usize()];
            let offset = self.passed + found.start() as u64;
            return Some(Leak { secret: secret.clone(), form: *form, offset });
        }
        let done = self.bytes.len().saturating_sub(patterns.longest.saturating_sub(1));
        self.bytes.drain(..done);
        self.passed += done as u64;
        None
    }
}

/// Patterns with what each of them means.
struct Patterns {
    automaton: AhoCorasick,
    known: Vec<(String, Form)>,
    longest: usize,
}

impl Patterns {
    fn new(written: Vec<(String, Form, Written)>) -> Result<Self, SecretError> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(written.iter().map(|(_, _, bytes)| &**bytes))
            .map_err(|error: BuildError| SecretError::TooMuch { why: error.to_string() })?;
        let longest = written.iter().map(|(_, _, bytes)| bytes.len()).max().unwrap_or(0);
        let known = written.into_iter().map(|(name, form, _)| (name, form)).collect();
        Ok(Self { automaton, known, longest })
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").field("known", &self.known).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
