//! `file` and `directory`.

use std::cell::Cell;
use std::rc::Rc;

use forge_model::FileStat;

use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::Value;

/// A path.
#[derive(Debug)]
pub(super) struct FileResource {
    pub(super) path: Rc<str>,
    /// `directory(…)`: it exists only as one.
    pub(super) directory: bool,
    /// It was asked where its link ends.
    followed: Cell<bool>,
}

impl FileResource {
    pub(super) fn value(path: &str, directory: bool) -> Value {
        Value::Resource(Rc::new(Self { path: path.into(), directory, followed: Cell::new(false) }))
    }

    /// The path as the target takes it: absolute, without `.` and doubled slashes.
    fn place(&self) -> String {
        normal(&self.path)
    }

    fn stat(&self, machine: &mut Machine<'_>, follow: bool) -> Result<Option<FileStat>, Stop> {
        if self.path.is_empty() {
            // `file(nil)`: no path, so nothing is there.
            machine.note_absent();
            return Ok(None);
        }
        let path = self.place();
        machine.note_file(&path);
        // A link that leads nowhere is asked through, and nothing is there.
        let found = machine.answer(machine.target.stat(&path, follow))?;
        if found.is_none() {
            machine.note_absent();
            if let Some(root) = only_running(&path) {
                machine.note_running(&format!("only a running system has what is below `{root}`"));
            }
        }
        Ok(found)
    }

    fn is_kind(&self, machine: &mut Machine<'_>, kind: &str) -> Result<bool, Stop> {
        let follow = kind != "symlink";
        Ok(self.stat(machine, follow)?.is_some_and(|stat| stat.kind == kind))
    }

    fn exists(&self, machine: &mut Machine<'_>) -> Result<bool, Stop> {
        let found = self.stat(machine, true)?;
        Ok(found.is_some_and(|stat| !self.directory || stat.kind == "directory"))
    }

    fn is_link(&self, machine: &mut Machine<'_>) -> Result<Option<String>, Stop> {
        Ok(self.stat(machine, false)?.and_then(|stat| stat.link))
    }

    /// The path that the link says, as it is written. `InSpec` forgets that when it was asked first
    /// where the link ends.
    fn link(&self, machine: &mut Machine<'_>) -> Result<Option<String>, Stop> {
        if self.followed.get() {
            return self.end_of_links(machine);
        }
        self.is_link(machine)
    }

    /// Where a link leads when all links on the way are followed; nowhere, when they go in a circle.
    fn end_of_links(&self, machine: &mut Machine<'_>) -> Result<Option<String>, Stop> {
        if self.is_link(machine)?.is_none() {
            return Ok(None);
        }
        self.followed.set(true);
        let way = super::walk::way(machine, &self.place())?;
        Ok(Some(way.end.unwrap_or_default()))
    }

    fn property(&self, machine: &mut Machine<'_>, name: &str) -> Called {
        if name == "type" {
            let stat = self.stat(machine, false)?;
            return Ok(Some(stat.map_or(Value::sym("unknown"), |stat| Value::sym(&stat.kind))));
        }
        let Some(stat) = self.stat(machine, true)? else {
            return Ok(matches!(
                name,
                "mode" | "owner" | "group" | "size" | "uid" | "gid" | "mtime" | "selinux_label"
            )
            .then_some(Value::Nil));
        };
        let number = |value: Option<u32>| value.map(|value| Value::Int(i64::from(value)));
        Ok(Some(match name {
            "mode" => Value::Int(i64::from(stat.mode & 0o7777)),
            "owner" => named(stat.owner, stat.uid),
            "group" => named(stat.group, stat.gid),
            "size" => stat
                .size
                .map_or(Value::Nil, |size| Value::Int(i64::try_from(size).unwrap_or(i64::MAX))),
            "uid" => known(number(stat.uid), "the owner's number")?,
            "gid" => known(number(stat.gid), "the group's number")?,
            "mtime" => known(stat.mtime.map(Value::Int), "the time of its content")?,
            "selinux_label" => Value::Unknown("labels of SELinux are not read".into()),
            _ => return Ok(None),
        }))
    }

    fn bits(&self, machine: &mut Machine<'_>, mask: u32) -> Result<Value, Stop> {
        if let Some(stat) = self.stat(machine, true)? {
            Ok((stat.mode & mask != 0).into())
        } else {
            let of = Value::Nil;
            Err(crate::stop::no_method("&", &of, machine.here))
        }
    }

    /// `readable?(by, by_user)` and its kind.
    fn permits(&self, machine: &mut Machine<'_>, bit: u32, args: &[Value]) -> Result<Value, Stop> {
        let Some(stat) = self.stat(machine, true)? else { return Ok(Value::Bool(false)) };
        if self.directory && stat.kind != "directory" {
            return Ok(Value::Bool(false));
        }
        if let Some(user) = args.get(1).filter(|user| !user.text().is_empty()) {
            return super::walk::permits(machine, &self.place(), bit, &user.text())
                .map(Value::Bool);
        }
        let by = args.first().filter(|by| !by.is_nil()).map(Value::text);
        let mask = match by.as_deref() {
            None | Some("all" | "") => bit | bit << 3 | bit << 6,
            Some("owner") => bit << 6,
            Some("group") => bit << 3,
            Some("other" | "others") => bit,
            Some(_) => {
                return Err(machine.raise("RuntimeError", "Invalid usergroup/owner provided"));
            }
        };
        Ok((stat.mode & mask != 0).into())
    }

    fn more_permissive(&self, machine: &mut Machine<'_>, args: &[Value]) -> Result<Value, Stop> {
        let Some(stat) = self.stat(machine, true)? else { return Ok(Value::Nil) };
        let Some(Value::Str(most)) = args.first() else {
            return Err(machine.raise(
                "ArgumentError",
                "You must provide the `maximum permission target` as a `String`",
            ));
        };
        let octal = most.len() >= 3 && most.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let Some(most) = u32::from_str_radix(most, 8).ok().filter(|_| octal) else {
            return Err(machine.raise("ArgumentError", "The value of the `maximum permission target` should be a valid file mode in 4-digit octal format: for example, `0644` or `0777`"));
        };
        Ok(((0o777 ^ most) & stat.mode != 0).into())
    }

    fn content(&self, machine: &mut Machine<'_>) -> Result<Value, Stop> {
        let Some(stat) = self.stat(machine, true)? else { return Ok(Value::Nil) };
        if stat.kind != "file" {
            return Ok(Value::Nil);
        }
        Ok(machine.read_text(&self.place())?.into())
    }

    fn digest(&self, machine: &mut Machine<'_>, name: &str) -> Result<Value, Stop> {
        let bytes = machine.answer(machine.target.read(&self.place()))?;
        let Some(bytes) = bytes else { return Ok(Value::Nil) };
        Ok(match name {
            "md5sum" => super::walk::md5_hex(&bytes).into(),
            _ => super::walk::sha256_hex(&bytes).into(),
        })
    }
}

/// The name of an account; nil when the image knows none of this number.
fn named(name: String, number: Option<u32>) -> Value {
    if number.is_some_and(|number| number.to_string() == name) { Value::Nil } else { name.into() }
}

/// A value that the target has, or that it is not known.
fn known(value: Option<Value>, what: &str) -> Result<Value, Stop> {
    Ok(value.unwrap_or_else(|| Value::Unknown(format!("{what} is not known here").into())))
}

/// A directory of which a tree has nothing before it is started.
pub(crate) fn only_running(path: &str) -> Option<&'static str> {
    ["/proc", "/sys"].into_iter().find(|root| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Without doubled slashes, `.` and `..`; relative paths stand below the root.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Resource for FileResource {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        (!self.path.is_empty()).then(|| forge_model::Resource::File { path: self.place() })
    }

    fn kind(&self) -> &str {
        if self.directory { "directory" } else { "file" }
    }

    fn text(&self) -> String {
        let kind = if self.directory { "Directory" } else { "File" };
        format!("{kind} {}", self.path)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let first = args.first();
        Ok(Some(match name {
            "exist?" | "exists?" => self.exists(machine)?.into(),
            "file?" => self.is_kind(machine, "file")?.into(),
            "directory?" => self.is_kind(machine, "directory")?.into(),
            "symlink?" => self.is_kind(machine, "symlink")?.into(),
            "block_device?" => self.is_kind(machine, "block_device")?.into(),
            "character_device?" => self.is_kind(machine, "character_device")?.into(),
            "pipe?" => self.is_kind(machine, "pipe")?.into(),
            "socket?" => self.is_kind(machine, "socket")?.into(),
            "content" => self.content(machine)?,
            "mode?" | "owned_by?" | "grouped_into?" => {
                let property = match name {
                    "mode?" => "mode",
                    "owned_by?" => "owner",
                    _ => "group",
                };
                let found = self.property(machine, property)?.unwrap_or(Value::Nil);
                first.is_some_and(|wanted| found.equals(wanted)).into()
            }
            "readable?" => self.permits(machine, 4, args)?,
            "writable?" => self.permits(machine, 2, args)?,
            "executable?" => self.permits(machine, 1, args)?,
            "allowed?" => {
                let bit = match first.map(Value::text).as_deref() {
                    Some("read") => 4,
                    Some("write") => 2,
                    _ => 1,
                };
                let option = |name: &str| match args.get(1) {
                    Some(Value::Hash(map)) => map.borrow().symbol(name).cloned().into(),
                    _ => Value::Nil,
                };
                let args = [option("by"), option("by_user")];
                self.permits(machine, bit, &args)?
            }
            "suid" | "setuid?" => self.bits(machine, 0o4000)?,
            "sgid" | "setgid?" => self.bits(machine, 0o2000)?,
            "sticky" | "sticky?" => self.bits(machine, 0o1000)?,
            "more_permissive_than?" => self.more_permissive(machine, args)?,
            "link_path" => self.end_of_links(machine)?.into(),
            "shallow_link_path" => self.link(machine)?.into(),
            "linked_to?" => {
                let link = self.end_of_links(machine)?;
                let wanted = first.map(Value::text);
                (link.is_some() && link.as_deref() == wanted.as_deref()).into()
            }
            "md5sum" | "sha256sum" => self.digest(machine, name)?,
            // That of what a link leads to.
            "path" => match self.end_of_links(machine)? {
                Some(end) => end.into(),
                None => Value::Str(self.path.clone()),
            },
            "source_path" | "resource_id" => Value::Str(self.path.clone()),
            "basename" => self.path.rsplit('/').next().unwrap_or_default().into(),
            "source" | "product_version" | "file_version" => Value::Nil,
            "mounted?" if args.iter().any(|arg| !arg.is_nil()) => {
                return Err(machine.needs_ruby("`be_mounted` of a file with options"));
            }
            "mounted?" | "mounted" => super::mount::is_mounted(machine, &self.place())?.into(),
            "immutable?" => {
                Value::Unknown("attributes of the file system are not in a tree".into())
            }
            "content_as_json" | "content_as_yaml" => {
                let text = self.content(machine)?.text();
                let class = if name == "content_as_json" { "JSON" } else { "YAML" };
                let method = if name == "content_as_json" { "parse" } else { "load" };
                machine.send(&Value::Const(class.into()), method, &[Value::Str(text)], None)?
            }
            _ => return self.property(machine, name),
        }))
    }
}
