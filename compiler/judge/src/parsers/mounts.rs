//! What an image's configuration mounts: `fstab(5)` and `systemd.mount(5)` units.

use forge_model::{Answer, Files, ImagePath, unit_name_for_path};

use crate::facts::{conf_files, is_null};

/// How a mount point is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configured {
    /// The device, share or label.
    pub(crate) source: String,
    /// The file system's type.
    pub(crate) kind: String,
    pub(crate) options: Vec<String>,
    /// `/etc/fstab:LINE`, or the unit's file.
    pub(crate) evidence: String,
}

const FSTAB: &str = "/etc/fstab";
/// The generator's units for fstab stand between these (`systemd.unit(5)`, table 1).
const ABOVE_FSTAB: [&str; 2] = ["/etc/systemd/system.control", "/etc/systemd/system"];
const BELOW_FSTAB: [&str; 3] =
    ["/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// How a path is configured to be mounted; none where nothing says so, or where its unit is masked.
pub(crate) fn configured(files: &dyn Files, path: &str) -> Answer<Option<Configured>> {
    let Some(point) = ImagePath::new(path) else { return Ok(None) };
    let name = unit_name_for_path(&point, ".mount");
    let mut found = match unit(files, &ABOVE_FSTAB, &name)? {
        Unit::Says(found) => Some(found),
        Unit::Masked => return Ok(None),
        Unit::Absent => fstab(files, &point)?,
    };
    if found.is_none()
        && let Unit::Says(below) = unit(files, &BELOW_FSTAB, &name)?
    {
        found = Some(below);
    }
    if let Some(found) = &mut found {
        drop_ins(files, &name, found)?;
    }
    Ok(found)
}

/// What drop-ins of the unit say counts more, of a line of fstab, too.
fn drop_ins(files: &dyn Files, name: &str, found: &mut Configured) -> Answer<()> {
    let directories = ABOVE_FSTAB.iter().chain(&BELOW_FSTAB);
    let directories: Vec<_> = directories.map(|above| format!("{above}/{name}.d")).collect();
    let directories: Vec<_> = directories.iter().map(String::as_str).collect();
    for path in conf_files(files, &directories)? {
        let bytes = files.read(&path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut says = |key: &str, into: &mut dyn FnMut(&mut Configured, String)| {
            if let Some(value) = last_of_section(&text, "Mount", key) {
                into(found, value);
                found.evidence.clone_from(&path);
            }
        };
        says("What", &mut |found, value| found.source = value);
        says("Type", &mut |found, value| found.kind = value);
        says("Options", &mut |found, value| found.options = list(&value));
    }
    Ok(())
}

enum Unit {
    Absent,
    Masked,
    Says(Configured),
}

/// The first line for a mount point: systemd's generator, which mounts them, keeps that one.
fn fstab(files: &dyn Files, point: &ImagePath) -> Answer<Option<Configured>> {
    let bytes = files.read(FSTAB)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    for (index, line) in text.lines().enumerate() {
        let mut fields = line.split_whitespace().map(unescape);
        let (Some(source), Some(at)) = (fields.next(), fields.next()) else { continue };
        if source.starts_with('#') || ImagePath::new(&at).as_ref() != Some(point) {
            continue;
        }
        let kind = fields.next().unwrap_or_else(|| "auto".to_owned());
        let options = fields.next().unwrap_or_else(|| "defaults".to_owned());
        // Swap is mounted nowhere, whatever its second field is.
        if kind == "swap" {
            continue;
        }
        let options = list(&options);
        return Ok(Some(Configured {
            source,
            kind,
            options,
            evidence: format!("{FSTAB}:{}", index + 1),
        }));
    }
    Ok(None)
}

/// The unit of a mount point.
fn unit(files: &dyn Files, directories: &[&str], name: &str) -> Answer<Unit> {
    for directory in directories {
        let path = format!("{directory}/{name}");
        let Some(stat) = files.stat(&path, false)? else { continue };
        if stat.link.is_some_and(|target| is_null(directory, &target)) {
            return Ok(Unit::Masked);
        }
        let Some(bytes) = files.read(&path)? else { continue };
        if bytes.is_empty() {
            return Ok(Unit::Masked);
        }
        let text = String::from_utf8_lossy(&bytes);
        let value = |key: &str| last_of_section(&text, "Mount", key);
        return Ok(Unit::Says(Configured {
            source: value("What").unwrap_or_default(),
            kind: value("Type").unwrap_or_else(|| "auto".to_owned()),
            options: list(&value("Options").unwrap_or_default()),
            evidence: path,
        }));
    }
    Ok(Unit::Absent)
}

/// A key's value in a unit file: the last one, as of all keys that take one (systemd.syntax(7)).
fn last_of_section(text: &str, section: &str, key: &str) -> Option<String> {
    let (mut inside, mut found) = (false, None);
    // A line goes on behind a backslash, which stands for a blank there.
    let text = text.replace("\\\n", " ");
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name == section;
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            found = Some(value.trim().to_owned());
        }
    }
    found.filter(|value| !value.is_empty())
}

/// Options one by one; a later one takes away an earlier one that says the opposite.
fn list(options: &str) -> Vec<String> {
    let options: Vec<_> = options.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
    let opposite = |one: &str, other: &str| {
        FLAGS.iter().any(|flag| {
            let no = |word: &str| word.strip_prefix("no") == Some(flag);
            (one == *flag && no(other)) || (other == *flag && no(one))
        }) || matches!((one, other), ("ro", "rw") | ("rw", "ro"))
    };
    let stays = |at: usize| !options[at..].iter().any(|later| opposite(options[at], later));
    (0..options.len()).filter(|at| stays(*at)).map(|at| options[at].to_owned()).collect()
}

/// Options that have an opposite with `no` before it (mount(8)).
const FLAGS: [&str; 7] = ["atime", "dev", "diratime", "exec", "suid", "relatime", "auto"];

/// What is mounted at a path now, as `mountinfo` of proc(5) has it: the topmost.
pub(crate) fn is_mounted(mountinfo: &str, path: &str) -> bool {
    let Some(point) = ImagePath::new(path) else { return false };
    mountinfo.lines().any(|line| {
        let at = line.split(' ').nth(4).map(unescape);
        at.is_some_and(|at| ImagePath::new(&at).as_ref() == Some(&point))
    })
}

/// A field of a table of mounts: blanks stand as `\040` there, tabs as `\011`, backslashes as `\134`
/// (getmntent(3)).
pub fn unescape(field: &str) -> String {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryImage;

    const FSTAB_TEXT: &str = "# comment\n/dev/sda1 / ext4 rw 0 1\n\nbad\n\
        fs:/my\\040share /data/ nfs4 _netdev,nosuid\n\
        fs:/second /data nfs\ntmpfs /only\n#fs:/x /commented nfs\n";

    fn image() -> MemoryImage {
        let mut image = MemoryImage::default();
        image.file("/etc/fstab", FSTAB_TEXT);
        let unit = "[Unit]\nWhat=no\n[Mount]\n# What=no\nWhat = old\nWhat=new\nType=beegfs\n\
                    Options=nosuid,nodev\n[Install]\nType=no\n";
        image.file("/usr/lib/systemd/system/a-b\\x2dc.mount", unit);
        image.file("/usr/lib/systemd/system/data.mount", unit);
        image.file("/usr/lib/systemd/system/hidden.mount", unit);
        image.link("/etc/systemd/system/hidden.mount", "/dev/null");
        image.file("/etc/systemd/system/only.mount", unit);
        image
    }

    #[test]
    fn configuration_is_read_as_systemd_reads_it() {
        let image = image();
        let found = |path: &str| {
            let one = configured(&image, path).unwrap()?;
            Some(format!("{} {} {} {}", one.source, one.kind, one.options.join("+"), one.evidence))
        };
        let cases = [
            ("/", Some("/dev/sda1 ext4 rw /etc/fstab:2")),
            ("/data", Some("fs:/my share nfs4 _netdev+nosuid /etc/fstab:5")),
            ("/a/b-c", Some("new beegfs nosuid+nodev /usr/lib/systemd/system/a-b\\x2dc.mount")),
            ("/only", Some("new beegfs nosuid+nodev /etc/systemd/system/only.mount")),
            ("/hidden", None),
            ("/commented", None),
            ("/nothing", None),
        ];
        for (path, want) in cases {
            assert_eq!(found(path).as_deref(), want, "{path}");
        }
    }

    #[test]
    fn a_mount_is_found_by_its_point() {
        let text = "22 28 0:21 / /proc rw shared:5 - proc proc rw\n\
                    30 28 0:25 / /my\\040data rw - nfs4 fs:/proc rw\n";
        for (path, want) in [("/proc", true), ("/my data", true), ("/data", false), ("/", false)] {
            assert_eq!(is_mounted(text, path), want, "{path}");
        }
    }
}
