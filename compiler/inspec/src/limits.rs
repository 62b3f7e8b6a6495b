//! Bounds of a run: a profile comes from anywhere, and ends nevertheless.

use crate::stop::{Halt, Stop};

/// How much a profile may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Expressions that one control, one file or one group of tests may evaluate. The largest
    /// public profiles need some thousands.
    pub steps: u64,
    /// Bytes of texts and lists that the same may make, whether they are kept or not.
    pub bytes: u64,
    /// Calls within calls.
    pub depth: u32,
    /// Controls of a profile.
    pub controls: usize,
    /// Results of a control.
    pub results: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 5_000_000, bytes: 256 << 20, depth: 200, controls: 20_000, results: 100_000 }
    }
}

/// What is left.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    steps: u64,
    bytes: u64,
    pub(crate) depth: u32,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, steps: limits.steps, bytes: limits.bytes, depth: 0 }
    }

    /// A new control, file or group begins.
    pub(crate) fn refill(&mut self) {
        self.steps = self.limits.steps;
        self.bytes = self.limits.bytes;
    }

    pub(crate) fn step(&mut self) -> Result<(), Stop> {
        self.steps(1)
    }

    /// Work of some size inside of one step.
    pub(crate) fn steps(&mut self, number: u64) -> Result<(), Stop> {
        if let Some(left) = self.steps.checked_sub(number) {
            self.steps = left;
            Ok(())
        } else {
            self.steps = 0;
            let most = self.limits.steps;
            Err(limit(format!("it takes more than {most} steps: a loop without end?")))
        }
    }

    /// A text or list of this size is made.
    pub(crate) fn charge(&mut self, size: usize) -> Result<(), Stop> {
        if let Some(left) = self.bytes.checked_sub(size as u64) {
            self.bytes = left;
            Ok(())
        } else {
            self.bytes = 0;
            let most = self.limits.bytes >> 20;
            Err(limit(format!("it makes texts and lists of more than {most} MiB")))
        }
    }
}

pub(crate) fn limit(why: String) -> Stop {
    Box::new(Halt::Limit(why))
}
