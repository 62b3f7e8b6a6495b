use std::cell::RefCell;
use std::io;
use std::path::Path;

use forge_judge::facts::Facts;
use forge_model::{
    Account, Answer, CommandOutput, FileStat, Files, GroupRecord, ImagePath, InstalledPackage,
    KernelSetting, Level, ModuleState, NoAnswer, Provenance, Resource, Target, UnitState,
};
use forge_sys::root::{Listed, Root, Stat};
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::tree::MAX_READ;

/// A directory that holds the root of a system, of whatever origin: an unpacked image, a mounted
/// disk. Nothing in it is started, and no link leads out of it.
#[derive(Debug)]
pub struct DirectoryTarget {
    root: Root,
    facts: Facts,
    /// The directory that was listed last, by the path that was asked for. A walk asks next what is in
    /// it, which is known then: one call of the kernel for each path in the place of four.
    last: RefCell<Listing>,
}

/// A directory that was listed.
#[derive(Debug, Default)]
struct Listing {
    /// Its path with a `/` behind it; empty when nothing was listed yet.
    prefix: String,
    /// In the order of their names.
    entries: Vec<Listed>,
}

impl Listing {
    /// What stands at a path, when it is in this directory and leads to no other place.
    fn get(&self, path: &str, follow: bool) -> Option<&Listed> {
        let name = path.strip_prefix(&self.prefix).filter(|_| !self.prefix.is_empty())?;
        let at = self.entries.binary_search_by(|one| one.name.as_slice().cmp(name.as_bytes()));
        let known = self.entries.get(at.ok()?)?;
        (!follow || known.link.is_none()).then_some(known)
    }
}

impl DirectoryTarget {
    /// The system below `directory`.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let root = Root::open(directory)?;
        Ok(Self { root, facts: Facts::new(), last: RefCell::default() })
    }

    /// What stands at a path; none when nothing does.
    fn look(&self, path: &str, follow: bool) -> Answer<Option<(ImagePath, Stat)>> {
        let inside = image_path(path)?;
        let stat = absent(path, self.root.stat(&inside, follow))?;
        Ok(stat.map(|stat| (inside, stat)))
    }
}

fn image_path(path: &str) -> Answer<ImagePath> {
    ImagePath::new(path).ok_or_else(|| NoAnswer::Failed(format!("`{path}` is no path of an image")))
}

/// An answer, or none where there is nothing: links that lead nowhere or in circles, too.
fn absent<T>(path: &str, answer: io::Result<T>) -> Answer<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            _ => Err(NoAnswer::Failed(format!("`{path}` cannot be read: {error}"))),
        },
    }
}

/// The word that controls use, as for a built image.
fn word(stat: &Stat) -> &'static str {
    match stat.kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::CharacterDevice => "character_device",
        FileType::BlockDevice => "block_device",
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::Unknown => "unknown",
    }
}

impl Files for DirectoryTarget {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        let listed = self.last.borrow().get(path, follow).cloned();
        let (stat, link) = if let Some(Listed { name: _, stat, link }) = listed {
            (stat, link)
        } else {
            let Some((inside, stat)) = self.look(path, follow)? else { return Ok(None) };
            let is_link = stat.kind.is_symlink();
            (stat, if is_link { absent(path, self.root.read_link(&inside))? } else { None })
        };
        let accounts = self.facts.accounts(self)?;
        Ok(Some(FileStat {
            kind: word(&stat).to_owned(),
            mode: stat.mode,
            owner: accounts.user_name(stat.uid),
            group: accounts.group_name(stat.gid),
            uid: Some(stat.uid),
            gid: Some(stat.gid),
            size: (!stat.kind.is_dir()).then_some(stat.size),
            link: link.map(|target| String::from_utf8_lossy(&target).into_owned()),
            mtime: Some(stat.mtime),
        }))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        let Some((inside, stat)) = self.look(path, true)? else { return Ok(None) };
        if !stat.kind.is_file() {
            return Ok(None);
        }
        if stat.size > MAX_READ {
            let why = format!("`{path}` is too large to be read, {} bytes", stat.size);
            return Err(NoAnswer::Failed(why));
        }
        absent(path, self.root.read(&inside))
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        let inside = image_path(path)?;
        let Some(listed) = absent(path, self.root.list(&inside))? else { return Ok(None) };
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let names = listed.iter().map(|one| text(&one.name)).collect();
        let prefix = format!("{}/", path.trim_end_matches('/'));
        *self.last.borrow_mut() = Listing { prefix, entries: listed };
        Ok(Some(names))
    }
}

impl Target for DirectoryTarget {
    fn level(&self) -> Level {
        Level::Tree
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.facts.package(self, name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        self.facts.user(self, name)
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.facts.group(self, name)
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        self.facts.unit(self, name)
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        self.facts.kernel_parameter(self, name)
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.facts.kernel_module(self, name)
    }

    fn command(&self, _line: &str, _timeout: u32) -> Answer<CommandOutput> {
        Err(NoAnswer::Unknown("nothing runs in a directory".to_owned()))
    }

    /// Nobody knows who made what stands in it.
    fn provenance(&self, _resource: &Resource, _evidence: Option<&str>) -> Option<Provenance> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside() {
        let lab = tempfile::tempdir().unwrap();
        let root = lab.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(lab.path().join("secret"), "of the host").unwrap();
        fs::write(root.join("secret"), "inside").unwrap();
        fs::write(root.join("etc/passwd"), "ann:x:1234:1234::/home/ann:/bin/sh\n").unwrap();
        symlink("../../../../secret", root.join("etc/up")).unwrap();
        symlink("/secret", root.join("etc/absolute")).unwrap();
        symlink("/nowhere", root.join("etc/dangling")).unwrap();
        symlink("circle", root.join("etc/circle")).unwrap();
        let target = DirectoryTarget::open(&root).unwrap();
        for path in ["/etc/up", "/etc/absolute", "/secret"] {
            assert_eq!(target.read(path).unwrap().unwrap(), b"inside", "{path}");
        }
        for path in ["/etc/dangling", "/etc/circle", "/nowhere", "/etc/passwd/below"] {
            assert_eq!(target.stat(path, true), Ok(None), "{path}");
            assert_eq!(target.read(path), Ok(None), "{path}");
        }
        let link = target.stat("/etc/dangling", false).unwrap().unwrap();
        assert_eq!((link.kind.as_str(), link.link.as_deref()), ("symlink", Some("/nowhere")));
        assert_eq!(target.list("/etc/passwd"), Ok(None));
        // Once what is in a directory is known, it is still what it was.
        let paths =
            ["up", "absolute", "dangling", "circle", "passwd"].map(|name| format!("/etc/{name}"));
        let all = || {
            let both =
                |path: &String| [true, false].map(|follow| target.stat(path, follow).unwrap());
            paths.iter().map(both).collect::<Vec<_>>()
        };
        let before = all();
        target.list("/etc").unwrap();
        assert_eq!(all(), before);
        assert_eq!(target.stat("/etc/passwd/below", true), Ok(None));
        let names = target.list("/etc").unwrap().unwrap();
        assert_eq!(names, ["absolute", "circle", "dangling", "passwd", "up"]);
        assert_eq!(target.user("ann").unwrap().unwrap().uid, Some(1234));
        assert!(matches!(target.stat("/../secret", true), Err(NoAnswer::Failed(_))));
    }
}
