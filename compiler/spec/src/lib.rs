//! The spec language: node kinds, decoding, and resolution to images.

mod resolved;

pub use resolved::*;
