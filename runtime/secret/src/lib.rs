//! Secrets: openers, masked values, keyed digests, the search of layers for leaked values.
//!
//! A spec holds references ([`forge_model::SecretReference`]); an [`Opener`] turns one into a
//! [`SecretValue`], which prints nothing and is wiped when dropped. What leaves a build step goes
//! through a [`Masker`] (logs) or past a [`LeakScanner`] (layers). A [`MacKey`] gives the keyed
//! digest that stands for a value wherever a digest is needed.

#![warn(missing_docs)]

mod builder;
mod error;
mod form;
mod mask;
mod open;
mod scan;
mod value;

pub use builder::{Builder, HostBuilder};
pub use error::SecretError;
pub use form::Form;
pub use mask::{MaskStream, Masker};
pub use open::{IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE, Opener};
pub use scan::{Leak, LeakScanner};
pub use value::{MacKey, SecretValue};
