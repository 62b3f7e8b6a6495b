//! Support for the tests of the workspace: projects in a temporary directory, the `forgec` binary,
//! a small base of its own, and a picture of the host to compare with.

mod forgec;
mod host;
mod site;

pub use forgec::{Forgec, Run, built_binary};
pub use host::HostPicture;
pub use site::{Site, busybox_base};
