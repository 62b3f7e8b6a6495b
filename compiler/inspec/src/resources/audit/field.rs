//! Conditions of rules: `-F auid>=1000`, `-C uid!=euid` (`audit_rule_fieldpair_data` of libaudit, and
//! `audit_field_valid` of the kernel's auditfilter.c).

use syscalls::Errno;

use super::calls::Abi;
use super::ctl::{Failure, Host, List, refused};

/// A condition, as it is listed.
#[derive(Debug)]
pub(super) enum Field {
    Arch { op: &'static str, abi: Abi },
    Path { path: String, is_dir: bool, op: &'static str },
    Perm(String),
    Exe { listed: String },
    FsType { listed: String },
    Inode { listed: String },
    Other { listed: String },
}

/// Longer operators first, as auditctl looks for them.
const OPERATORS: [&str; 8] = ["!=", ">=", "<=", "&=", "=", ">", "<", "&"];

/// What two of may be compared, in the order in which they are listed.
const COMPARED: [&str; 25] = [
    "uid obj_uid",
    "gid obj_gid",
    "euid obj_uid",
    "egid obj_gid",
    "auid obj_uid",
    "suid obj_uid",
    "sgid obj_gid",
    "fsuid obj_uid",
    "fsgid obj_gid",
    "uid auid",
    "uid euid",
    "uid fsuid",
    "uid suid",
    "auid fsuid",
    "auid suid",
    "auid euid",
    "euid suid",
    "euid fsuid",
    "suid fsuid",
    "gid egid",
    "gid fsgid",
    "gid sgid",
    "egid fsgid",
    "egid sgid",
    "sgid fsgid",
];

/// A condition as it is written: a name, an operator and a value.
struct Written<'a> {
    name: String,
    op: &'static str,
    value: &'a str,
    list: List,
}

impl<'a> Written<'a> {
    fn of(text: &'a str, list: List) -> Result<Self, Failure> {
        let found = OPERATORS.iter().find_map(|op| Some((text.split_once(op)?, *op)));
        match found {
            Some(((name, value), op)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.to_ascii_lowercase(), op, value, list })
            }
            _ => refused(),
        }
    }

    fn is_of_exit(&self) -> Result<(), Failure> {
        if self.list == List::Exit { Ok(()) } else { refused() }
    }

    /// It is equal to something, or not.
    fn is_equal(&self) -> Result<(), Failure> {
        if matches!(self.op, "=" | "!=") { Ok(()) } else { refused() }
    }

    /// Bits are asked of arguments alone.
    fn has_no_bits(&self) -> Result<(), Failure> {
        if self.op.starts_with('&') { refused() } else { Ok(()) }
    }

    fn listed(&self, value: impl std::fmt::Display) -> String {
        format!("-F {}{}{value}", self.name, self.op)
    }

    /// An id that is not set is asked for by `auid` alone.
    fn user(mut self, host: &mut dyn Host) -> Result<Field, Failure> {
        if self.name == "loginuid" {
            "auid".clone_into(&mut self.name);
        }
        self.has_no_bits()?;
        let id = number_or(self.value, || host.uid(self.value))?;
        if id == u32::MAX {
            self.is_equal()?;
            if self.name != "auid" {
                return refused();
            }
        }
        Ok(Field::Other { listed: self.listed(id.cast_signed()) })
    }

    fn group(self, host: &mut dyn Host) -> Result<Field, Failure> {
        self.has_no_bits()?;
        let id = number_or(self.value, || host.gid(self.value))?;
        if id == u32::MAX {
            return refused();
        }
        Ok(Field::Other { listed: self.listed(id.cast_signed()) })
    }

    fn number(self) -> Result<Field, Failure> {
        self.has_no_bits()?;
        let number = digits(self.value).map_or_else(refused, Ok)?;
        if self.name == "inode" {
            self.is_equal()?;
            return Ok(Field::Inode { listed: self.listed(number) });
        }
        Ok(Field::Other { listed: self.listed(number.cast_signed()) })
    }
}

impl Field {
    /// Reads the text of `-F`.
    pub(super) fn parse(text: &str, list: List, host: &mut dyn Host) -> Result<Self, Failure> {
        let written = Written::of(text, list)?;
        let (op, value) = (written.op, written.value);
        let other = |listed| Ok(Self::Other { listed });
        match written.name.as_str() {
            "arch" => {
                written.is_equal()?;
                Ok(Self::Arch { op, abi: Abi::named(value, host.native())? })
            }
            "uid" | "euid" | "suid" | "fsuid" | "obj_uid" | "auid" | "loginuid" => {
                written.user(host)
            }
            "gid" | "egid" | "sgid" | "fsgid" | "obj_gid" => written.group(host),
            "exit" => {
                written.is_of_exit()?;
                written.has_no_bits()?;
                other(written.listed(errno_text(value)?))
            }
            "msgtype" if matches!(list, List::Exclude | List::User) => other(written.listed(value)),
            "obj_user" | "obj_role" | "obj_type" | "obj_lev_low" | "obj_lev_high" => {
                written.is_of_exit()?;
                other(written.listed(value))
            }
            "subj_user" | "subj_role" | "subj_type" | "subj_sen" | "subj_clr" => {
                other(written.listed(value))
            }
            "path" | "dir" => {
                written.is_of_exit()?;
                let is_dir = written.name == "dir";
                Ok(Self::Path { path: value.to_owned(), is_dir, op })
            }
            "exe" => {
                written.is_equal()?;
                Ok(Self::Exe { listed: format!("-F exe={value}") })
            }
            "perm" if matches!(list, List::Exit | List::Exclude) && op == "=" => {
                Ok(Self::Perm(permissions(value)?))
            }
            "filetype" => {
                written.is_of_exit()?;
                other(written.listed(file_type(value)?))
            }
            "fstype" if list == List::Filesystem && matches!(value, "debugfs" | "tracefs") => {
                written.is_equal()?;
                Ok(Self::FsType { listed: written.listed(value) })
            }
            "a0" | "a1" | "a2" | "a3" => {
                let number = number(value).map_or_else(refused, Ok)?;
                other(written.listed(format_args!("0x{number:X}")))
            }
            "sessionid" => {
                written.has_no_bits()?;
                other(written.listed(number_or(value, || Ok(None))?.cast_signed()))
            }
            "devmajor" | "devminor" | "success" | "inode" => {
                written.is_of_exit()?;
                written.number()
            }
            "pid" | "ppid" | "pers" | "saddr_fam" => written.number(),
            _ => refused(),
        }
    }

    /// Reads the text of `-C`.
    pub(super) fn compared(text: &str) -> Result<Self, Failure> {
        let found = ["!=", "="].iter().find_map(|op| Some((text.split_once(op)?, *op)));
        let Some(((one, other), op)) = found else { return refused() };
        let is = |pair: &&&str| matches!(pair.split_once(' '), Some(pair) if pair == (one, other) || pair == (other, one));
        let Some((one, other)) = COMPARED.iter().find(is).and_then(|pair| pair.split_once(' '))
        else {
            return refused();
        };
        Ok(Self::Other { listed: format!("-C {one}{op}{other}") })
    }

    /// As it is listed, within a watch or behind the calls of a rule. A watch's path has no space
    /// before it.
    pub(super) fn listed(&self, in_watch: bool) -> String {
        match self {
            // It stands before the calls.
            Self::Arch { .. } => String::new(),
            Self::Path { path, .. } if in_watch => format!("-w {path}"),
            Self::Path { path, is_dir, .. } => {
                format!(" -F {}={path}", if *is_dir { "dir" } else { "path" })
            }
            Self::Perm(perms) if in_watch => format!(" -p {perms}"),
            Self::Perm(perms) => format!(" -F perm={perms}"),
            Self::Exe { listed }
            | Self::FsType { listed }
            | Self::Inode { listed }
            | Self::Other { listed } => format!(" {listed}"),
        }
    }
}

/// Permissions in the order in which they are listed.
pub(super) fn permissions(text: &str) -> Result<String, Failure> {
    let text = text.to_ascii_lowercase();
    if text.len() > 4 || text.chars().any(|letter| !"rwxa".contains(letter)) {
        return refused();
    }
    Ok("rwxa".chars().filter(|letter| text.contains(*letter)).collect())
}

/// A number as strtoul(3) reads it by its prefix, of 32 bits.
fn digits(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, base) = match (hex, text.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) => (octal, 8),
        (None, None) => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
    let digits = &digits[..end];
    let number = if digits.is_empty() { 0 } else { u64::from_str_radix(digits, base).ok()? };
    // The library keeps the lower half.
    u32::try_from(number & u64::from(u32::MAX)).ok()
}

/// The same with a sign.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix('-') {
        Some(text) => digits(text).map(u32::wrapping_neg),
        None => digits(text),
    }
}

fn number_or(
    text: &str,
    by_name: impl FnOnce() -> Result<Option<u32>, crate::stop::Stop>,
) -> Result<u32, Failure> {
    match number(text) {
        Some(number) => Ok(number),
        None if text == "unset" => Ok(u32::MAX),
        None => by_name()?.map_or_else(refused, Ok),
    }
}

/// What a call ended with: an error's name behind a minus, other numbers as they are.
fn errno_text(text: &str) -> Result<String, Failure> {
    const MOST: i32 = 133;
    let named = |name: &str| match name {
        "EWOULDBLOCK" => Some(11),
        "EDEADLOCK" => Some(35),
        name => (1..=MOST).find(|number| Errno::new(*number).name() == Some(name)),
    };
    let number = match (number(text), text.strip_prefix('-')) {
        (Some(number), _) => number.cast_signed(),
        (None, Some(name)) => -named(name).map_or_else(refused, Ok)?,
        (None, None) => named(text).map_or_else(refused, Ok)?,
    };
    let name = Errno::new(number.wrapping_neg()).name().filter(|_| (-MOST..0).contains(&number));
    Ok(name.map_or_else(|| number.to_string(), |name| format!("-{name}")))
}

/// The bits of a mode that say what a file is.
fn file_type(name: &str) -> Result<u32, Failure> {
    Ok(match name {
        "fifo" => 0o010_000,
        "character" => 0o020_000,
        "dir" => 0o040_000,
        "block" => 0o060_000,
        "file" => 0o100_000,
        "link" => 0o120_000,
        "socket" => 0o140_000,
        _ => return refused(),
    })
}
