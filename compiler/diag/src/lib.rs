//! Diagnostics as data: places, labels, codes and their renderers.
//!
//! A mistake in a project is never a `Result` that ends the run: it is a [`Diagnostic`] put into a
//! [`Sink`], with labels in as many files as it takes, and every stage goes on as well as it can.
//! How a diagnostic looks is decided in [`render`] alone.

pub mod codes;
mod diagnostic;
mod fix;
mod levels;
mod place;
pub mod render;
mod sink;
mod standpoint;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Fix, Label, Severity};
pub use fix::{apply_fixes, sure_fixes};
pub use levels::{Level, Levels};
pub use place::{FileId, Moved, Place, SourceMap, Span, Spanned};
pub use sink::Sink;
pub use standpoint::Standpoint;
