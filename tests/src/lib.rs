//! Support for the tests of the workspace: projects in a temporary directory, the `forgec` binary,
//! a small base of its own, and a picture of the host to compare with.

mod archive;
mod case;
mod editor;
mod escape;
mod forgec;
mod host;
mod local_debian;
mod memory;
mod shape;
mod site;
mod small;
mod turn;

pub use archive::{Archive, Deb, Served};
pub use case::{
    Case, CaseFile, Wanted, page_project, split_mark, suite_cases, suite_directory, suite_projects,
};
pub use editor::Editor;
pub use escape::unescape;
pub use forgec::{Forgec, Run, built_binary};
pub use host::{HostPicture, Scope};
pub use local_debian::LocalDebian;
pub use memory::read_site;
pub use shape::{fits, shaped};
pub use site::{Site, busybox_base};
pub use small::{Built, SmallSite, TOKEN, artifacts};
pub use turn::Turn;

/// The day on which tests judge waivers: 2027-01-15.
pub fn today() -> forge_model::Day {
    forge_model::Day::of_seconds(1_800_000_000)
}
