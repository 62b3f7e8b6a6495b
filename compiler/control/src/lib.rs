//! Profiles of compliance controls in KDL, decoded to checks.
//!
//! A `profile` is decoded twice: once where it is declared, so that every mistake in it is found
//! whether or not an image uses it ([`ProfileTemplate::decode`]), and once for each image, with
//! the values of its parameters put in ([`ProfileTemplate::instantiate`]). A profile of `InSpec`
//! stands in files of its own; what its declaration says of it is an [`InspecDecl`].

mod control;
mod expectation;
mod inspec;
mod literal;
pub mod reference;
mod scope;
mod template;
mod waiver;

pub use inspec::InspecDecl;
pub use template::ProfileTemplate;
pub use waiver::{WaiverDecl, twice};

#[cfg(test)]
mod tests;
