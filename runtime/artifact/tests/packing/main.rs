//! The packer as its users see it: trees in, files of an output directory out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod archive;
mod directory;
mod reuse;
mod support;
