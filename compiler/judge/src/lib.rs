//! The evaluator of compliance checks against any target.
