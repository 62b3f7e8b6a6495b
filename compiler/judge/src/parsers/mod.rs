//! Parsers of files that programs of an image are configured by.

pub mod mounts;
pub(crate) mod processes;
mod simple_config;
pub mod sockets;
pub mod sshd;

pub use simple_config::{Assignment, Options, Setting, SimpleConfig};
