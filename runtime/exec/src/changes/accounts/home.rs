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
}

impl Home {
    /// None for a path that leads nowhere in the image, such as `/nonexistent`.
    pub(super) fn new(path: &str, owner: (u32, u32), mode: u32) -> Option<Self> {
        let path = ImagePath::new(path).filter(|path| !path.is_root())?;
        let absent = path.as_bytes() == b"nonexistent" || path.starts_with(&ImagePath::new("dev")?);
        (!absent).then_some(Self { path, owner, mode })
    }

    /// Makes the home unless something is there: as useradd, nothing is copied over it.
    pub(super) fn make(&self, work: &mut Working<'_>, origin: &Origin) -> Result<(), Problem> {
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
