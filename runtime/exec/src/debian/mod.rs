//! Debian: package lists, the base, and package steps.
