//! The packer as its users see it: trees in, files of an output directory out.

mod archive;
mod directory;
mod reuse;
mod support;
