//! Where what can be made again is kept between runs.

use std::path::PathBuf;

/// forge's directory among the user's caches (XDG Base Directory Specification); none for a user
/// without a home.
pub(crate) fn cache_directory() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("forge"))
}
