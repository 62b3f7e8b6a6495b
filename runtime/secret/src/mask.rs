use std::fmt;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use zeroize::Zeroizing;

use crate::form::{Written, encodings};
use crate::{SecretError, SecretValue};

/// Shorter values would blank out half of a log and still be guessed from what is left.
const SHORTEST: usize = 4;

/// Shorter lines of a value with several lines are left alone (`}`, `---`).
const SHORTEST_LINE: usize = 8;

/// A run of encoded text at least this long is compared with the encoded values.
const SHORTEST_RUN: usize = 24;

/// An unfinished line is passed on in parts beyond this size.
const LONGEST_LINE: usize = 64 * 1024;

/// Masks the values of secrets in logs: each becomes `[secret NAME]`.
///
/// Values are known as they are, line by line when they have several, in hex and in base64; of
/// encoded values that a tool broke into lines each line is known too.
pub struct Masker {
    automaton: AhoCorasick,
    names: Vec<String>,
    /// Encoded values whole, to recognize their parts.
    encoded: Vec<(String, Written)>,
    longest: usize,
}

impl Masker {
    /// A masker of these secrets, by name.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a SecretValue)>,
    ) -> Result<Self, SecretError> {
        let mut patterns: Vec<(String, Written)> = Vec::new();
        let mut encoded = Vec::new();
        for (name, value) in secrets {
            let core = value.core();
            if core.len() < SHORTEST {
                continue;
            }
            let lines = core.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let single = !core.contains(&b'\n');
            for line in lines.filter(|line| single || line.len() >= SHORTEST_LINE) {
                patterns.push((name.to_owned(), Zeroizing::new(line.to_vec())));
            }
            let forms = encodings(core).into_iter();
            encoded.extend(forms.map(|(_, written)| (name.to_owned(), written)));
        }
        patterns.extend(encoded.iter().cloned());
        patterns.retain(|(_, pattern)| pattern.len() >= SHORTEST);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns.iter().map(|(_, pattern)| &**pattern))
            .map_err(|error: BuildError| SecretError::TooMuch { why: error.to_string() })?;
        let longest = patterns.iter().map(|(_, pattern)| pattern.len()).max().unwrap_or(0);
        let names = patterns.into_iter().map(|(name, _)| name).collect();
        Ok(Self { automaton, names, encoded, longest })
    }

    /// `text` with every value masked. A value that `text` holds only a part of is not seen: for
    /// text that arrives in pieces there is [`Masker::stream`].
    pub fn mask(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for (start, end, name) in self.matches(text) {
            out.extend_from_slice(&text[at..start]);
            out.extend_from_slice(format!("[secret {name}]").as_bytes());
            at = end;
        }
        out.extend_from_slice(&text[at..]);
        out
    }

    /// Masks a text that arrives in pieces.
    pub fn stream(&self) -> MaskStream<'_> {
        MaskStream { masker: self, held: Zeroizing::new(Vec::new()) }
    }

    /// All places to mask, in order and apart from each other.
    fn matches(&self, text: &[u8]) -> Vec<(usize, usize, &str)> {
        let whole = self.automaton.find_iter(text);
        let mut found: Vec<_> = whole
            .map(|found| (found.start(), found.end(), &*self.names[found.pattern().as_usize()]))
            .collect();
        found.extend(self.runs(text));
        found.sort_unstable();
        found.dedup_by(|later, earlier| {
            let overlap = later.0 < earlier.1;
            if overlap {
                earlier.1 = earlier.1.max(later.1);
            }
            overlap
        });
        found
    }

    /// Runs of encoded text that are part of an encoded value. The outermost characters are not
    /// compared: there a value's bits may mix with padding or with what stands beside it.
    fn runs<'a>(&'a self, text: &[u8]) -> Vec<(usize, usize, &'a str)> {
        let mut found = Vec::new();
        let mut at = 0;
        for run in text.split(|byte| !is_encoded(*byte)) {
            let (start, end) = (at, at + run.len());
            at = end + 1;
            if run.len() < SHORTEST_RUN {
                continue;
            }
            let inner = &run[2..run.len() - 2];
            let part = self.encoded.iter().find(|(_, whole)| {
                whole.len() >= inner.len() && whole.windows(inner.len()).any(|part| part == inner)
            });
            if let Some((name, _)) = part {
                found.push((start, end, &**name));
            }
        }
        found
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("names", &self.names).finish_non_exhaustive()
    }
}

fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Masks a text that arrives in pieces, line by line: no value is known across a line's end.
#[derive(Debug)]
pub struct MaskStream<'a> {
    masker: &'a Masker,
    held: Zeroizing<Vec<u8>>,
}

impl MaskStream<'_> {
    /// Takes a piece and appends to `out` what is sure by now: all finished lines.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(piece);
        let lines = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.pass(lines, out);
        if self.held.len() > LONGEST_LINE {
            self.pass(self.safe_cut(), out);
        }
    }

    /// Appends the rest, an unfinished line.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.pass(self.held.len(), out);
    }

    fn pass(&mut self, end: usize, out: &mut Vec<u8>) {
        if end > 0 {
            out.extend_from_slice(&self.masker.mask(&self.held[..end]));
            self.held.drain(..end);
        }
    }

    /// Where an overlong line may be cut: no value that begins before may end behind.
    fn safe_cut(&self) -> usize {
        let cut = self.held.len().saturating_sub(self.masker.longest);
        let matches = self.masker.matches(&self.held);
        matches
            .iter()
            .find(|(start, end, _)| *start < cut && cut < *end)
            .map_or(cut, |found| found.0)
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
