//! Bounds of a run: a profile comes from anywhere, and ends nevertheless.

use crate::stop::{Halt, Stop};

/// How much a profile may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Expressions that one control, one file or one group of tests may evaluate. The largest
    /// public profiles need some thousands.
    pub steps: u64,
    /// Expressions that all of a run may evaluate.
    pub all_steps: u64,
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
        Self {
            steps: 5_000_000,
            all_steps: 500_000_000,
            bytes: 128 << 20,
            depth: 200,
            controls: 20_000,
            results: 100_000,
        }
    }
}

/// What was left of a file when one of its controls began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    steps: u64,
    bytes: u64,
}

/// What is left.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    steps: u64,
    all_steps: u64,
    bytes: u64,
    pub(crate) depth: u32,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        let Limits { steps, all_steps, bytes, .. } = limits;
        Self { limits, steps, all_steps, bytes, depth: 0 }
    }

    /// A new control, file or group begins. What was left before it is given, to be put back where
    /// it stands inside of another.
    pub(crate) fn refill(&mut self) -> Left {
        let left = Left { steps: self.steps, bytes: self.bytes };
        self.steps = self.limits.steps;
        self.bytes = self.limits.bytes;
        left
    }

    /// Goes on with what was left.
    pub(crate) fn put_back(&mut self, left: Left) {
        self.steps = left.steps;
        self.bytes = left.bytes;
    }

    pub(crate) fn step(&mut self) -> Result<(), Stop> {
        self.steps(1)
    }

    /// Work of some size inside of one step.
    pub(crate) fn steps(&mut self, number: u64) -> Result<(), Stop> {
        let all = self.all_steps.checked_sub(number);
        self.all_steps = all.unwrap_or(0);
        if all.is_none() {
            let most = self.limits.all_steps;
            return Err(limit(format!("all of the profile takes more than {most} steps")));
        }
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
