//! A new home directory, with what `/etc/skel` holds.

use forge_model::{ImagePath, Origin};

use super::super::error::Problem;
use super::super::view::Kind;
use super::super::working::{self, Working};

/// Levels of directories below `/etc/skel` that are copied.
const MAX_DEPTH: usize = 32;

/// A home to be made.
pub(super) struct Home {
    path: ImagePath,
    owner: (u32, u32),
    mode: u32,
    keys: Vec<String>,
}

impl Home {
    /// None for a path that leads nowhere in the image, such as `/nonexistent`.
    pub(super) fn new(path: &str, owner: (u32, u32), mode: u32, keys: &[String]) -> Option<Self> {
        let path = ImagePath::new(path).filter(|path| !path.is_root())?;
        let absent = path.as_bytes() == b"nonexistent" || path.starts_with(&ImagePath::new("dev")?);
        (!absent).then(|| Self { path, owner, mode, keys: keys.to_vec() })
    }

    /// Makes the home, and the keys in it.
    pub(super) fn make(&self, work: &mut Working<'_>, origin: &Origin) -> Result<(), Problem> {
        self.make_home(work, origin)?;
        if self.keys.is_empty() {
            return Ok(());
        }
        self.make_keys(work, origin)
    }

    /// The one file of keys that sshd reads by default. sshd(8) wants it to be the account's, and
    /// writable by nobody else, as its directory.
    fn make_keys(&self, work: &mut Working<'_>, origin: &Origin) -> Result<(), Problem> {
        let home = work.resolve(&self.path, true)?;
        let directory = home.join(b".ssh");
        match work.kind(&directory) {
            None | Some(Kind::Directory) => {}
            Some(_) => {
                let message = format!("`{directory}` is no directory in the image");
                return Err(Problem::new(message).help("keys are kept in it"));
            }
        }
        let no_xattrs = forge_model::Xattrs::new;
        let entry = working::directory(0o700, self.owner, no_xattrs());
        work.put(&directory, (entry, None), origin);
        let file = directory.join(b"authorized_keys");
        if work.kind(&file) == Some(Kind::Directory) {
            return Err(Problem::new(format!("`{file}` is a directory in the image")));
        }
        let mut text = self.keys.join("\n");
        text.push('\n');
        work.put(&file, working::file(text.into_bytes(), 0o600, self.owner, no_xattrs()), origin);
        Ok(())
    }

    /// Makes the home unless something is there: as useradd, nothing is copied over it.
    fn make_home(&self, work: &mut Working<'_>, origin: &Origin) -> Result<(), Problem> {
        let real = work.resolve(&self.path, true)?;
        match work.kind(&real) {
            Some(Kind::Directory) => return Ok(()),
            Some(_) => {
                let message = format!("the home `{}` is a file in the image", self.path);
                return Err(Problem::new(message));
            }
            None => {}
        }
        let home = working::directory(self.mode, self.owner, forge_model::Xattrs::new());
        work.put(&real, (home, None), origin);
        let skel = ImagePath::new("etc/skel").unwrap_or(ImagePath::ROOT);
        let skel = work.resolve(&skel, true)?;
        if work.kind(&skel) == Some(Kind::Directory) {
            self.copy(work, (&skel, &real), MAX_DEPTH, origin)?;
        }
        Ok(())
    }

    fn copy(
        &self,
        work: &mut Working<'_>,
        (from, to): (&ImagePath, &ImagePath),
        depth: usize,
        origin: &Origin,
    ) -> Result<(), Problem> {
        if depth == 0 {
            return Err(Problem::new(format!("`{from}` lies too deep below /etc/skel")));
        }
        for name in work.names(from) {
            let (from, to) = (from.join(&name), to.join(&name));
            let Some(kind) = work.kind(&from) else {
                continue;
            };
            let Some(found) = work.below.attributes(&from) else {
                continue;
            };
            match kind {
                Kind::Directory => {
                    let entry = working::directory(found.mode, self.owner, found.xattrs);
                    work.put(&to, (entry, None), origin);
                    self.copy(work, (&from, &to), depth - 1, origin)?;
                }
                Kind::File => {
                    let bytes = work.content(&from)?.unwrap_or_default();
                    let file = working::file(bytes, found.mode, self.owner, found.xattrs);
                    work.put(&to, file, origin);
                }
                Kind::Symlink(target) => {
                    work.put(&to, (working::symlink(&target, self.owner), None), origin);
                }
                // useradd makes device nodes; a skeleton has none.
                Kind::Other => {}
            }
        }
        Ok(())
    }
}
