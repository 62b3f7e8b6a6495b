use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Answer, FileStat, Files, UnitState};

/// Where systemd finds units, the strongest first (`systemd.unit(5)`); `/run` is empty in an
/// image, and generators have not run.
const DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Targets that no ordinary boot reaches: what they alone want does not start at boot.
const NOT_AT_BOOT: [&str; 26] = [
    "ctrl-alt-del",
    "emergency",
    "exit",
    "final",
    "halt",
    "hibernate",
    "hybrid-sleep",
    "initrd",
    "initrd-fs",
    "initrd-root-device",
    "initrd-root-fs",
    "initrd-switch-root",
    "kexec",
    "poweroff",
    "reboot",
    "rescue",
    "runlevel0",
    "runlevel1",
    "runlevel6",
    "shutdown",
    "sleep",
    "soft-reboot",
    "suspend",
    "suspend-then-hibernate",
    "system-update",
    "umount",
];

/// All links of an image that make a unit start with another, and all aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// Wanted name to the link, `/etc/systemd/system/multi-user.target.wants/x.service`.
    wanted: BTreeMap<String, String>,
    /// Unit to its other names.
    aliases: BTreeMap<String, BTreeSet<String>>,
}

impl Links {
    pub(super) fn read(files: &dyn Files) -> Answer<Self> {
        let mut links = Self::default();
        let mut seen = BTreeSet::new();
        for directory in DIRECTORIES {
            for name in files.list(directory)?.unwrap_or_default() {
                let ending = name.rsplit_once('.').map(|(_, ending)| ending);
                if matches!(ending, Some("wants" | "requires")) {
                    links.read_wants(files, directory, &name, &mut seen)?;
                } else {
                    links.read_alias(files, directory, name)?;
                }
            }
        }
        Ok(links)
    }

    /// A link in a stronger directory takes the place of the same link in a weaker one; one to
    /// `/dev/null` takes it away.
    fn read_wants(
        &mut self,
        files: &dyn Files,
        directory: &str,
        name: &str,
        seen: &mut BTreeSet<(String, String)>,
    ) -> Answer<()> {
        let wanting = name.rsplit_once('.').map_or(name, |(unit, _)| unit);
        if wanting.strip_suffix(".target").is_some_and(|target| NOT_AT_BOOT.contains(&target)) {
            return Ok(());
        }
        let below = format!("{directory}/{name}");
        for unit in files.list(&below)?.unwrap_or_default() {
            if !seen.insert((name.to_owned(), unit.clone())) {
                continue;
            }
            let path = format!("{below}/{unit}");
            // What is no link counts for nothing there.
            let link = files.stat(&path, false)?.and_then(|stat| stat.link);
            if link.is_some_and(|target| !is_null(&below, &target)) {
                self.wanted.entry(unit).or_insert(path);
            }
        }
        Ok(())
    }

    /// The link of any instance of a template.
    fn instance_of(&self, template: &str) -> Option<&String> {
        let instance = |unit: &str| template_of(unit).is_some_and(|found| found == template);
        let found = self.wanted.iter().find(|(unit, _)| instance(unit));
        found.map(|(_, link)| link)
    }

    fn read_alias(&mut self, files: &dyn Files, directory: &str, name: String) -> Answer<()> {
        let link = files.stat(&format!("{directory}/{name}"), false)?.and_then(|stat| stat.link);
        if let Some(unit) = link.as_deref().and_then(|target| alias_of(target, &name)) {
            self.aliases.entry(unit.to_owned()).or_default().insert(name);
        }
        Ok(())
    }
}

/// Whether a link in a directory leads to `/dev/null`, whichever way it is written: that masks a unit.
pub(crate) fn is_null(directory: &str, target: &str) -> bool {
    let whole =
        if target.starts_with('/') { target.to_owned() } else { format!("{directory}/{target}") };
    let mut parts = Vec::new();
    for part in whole.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts == ["dev", "null"]
}

fn is_empty(stat: &FileStat) -> bool {
    stat.kind == "file" && stat.size == Some(0)
}

/// The unit that a link of this name stands for, when it is another name of it.
fn alias_of<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let file = target.rsplit('/').next()?;
    (file != name && file.contains('.')).then_some(file)
}

/// What the files say of a unit. A unit is `enabled` when something that an ordinary boot starts
/// wants it: what `systemctl` calls enabled, and `static` units that a vendor's link wants.
pub(super) fn unit(files: &dyn Files, links: &Links, name: &str) -> Answer<UnitState> {
    let found = find(files, name)?;
    let mut names = BTreeSet::from([name.to_owned(), found.name.clone()]);
    names.extend(links.aliases.get(&found.name).into_iter().flatten().cloned());
    let wanted =
        names.iter().find_map(|name| links.wanted.get(name)).or_else(|| links.instance_of(name));
    let script = if found.file.is_none() { script(files, name)? } else { None };
    let script_enabled = script.as_ref().is_some_and(|script| script.enabled);
    let enabled =
        found.masked.is_none() && ((found.file.is_some() && wanted.is_some()) || script_enabled);
    let evidence = match (&found.masked, wanted) {
        (Some(mask), _) => Some(mask.clone()),
        (None, Some(link)) if found.file.is_some() => Some(link.clone()),
        (None, _) => found.file.clone().or_else(|| script.as_ref().map(|s| s.path.clone())),
    };
    Ok(UnitState {
        installed: Some(found.file.is_some() || script.is_some()),
        enabled: Some(enabled),
        masked: Some(found.masked.is_some()),
        running: None,
        evidence,
    })
}

struct Found {
    /// The name that the file itself has.
    name: String,
    /// The file.
    file: Option<String>,
    /// The link to `/dev/null`, or the empty file.
    masked: Option<String>,
}

/// Aliases of aliases that are followed; systemd's own have one step.
const MAX_ALIASES: usize = 8;

fn find(files: &dyn Files, name: &str) -> Answer<Found> {
    let mut found = Found { name: name.to_owned(), file: None, masked: None };
    for _ in 0..MAX_ALIASES {
        match find_file(files, &mut found)? {
            Some(alias) => found.name = alias,
            None => break,
        }
    }
    let absent = found.file.is_none() && found.masked.is_none();
    if let Some(template) = template_of(name).filter(|_| absent) {
        let mut general = Found { name: template, file: None, masked: None };
        find_file(files, &mut general)?;
        return Ok(Found { name: name.to_owned(), ..general });
    }
    Ok(found)
}

/// Looks for the name's file; gives another name when it is an alias.
fn find_file(files: &dyn Files, found: &mut Found) -> Answer<Option<String>> {
    for directory in DIRECTORIES {
        let path = format!("{directory}/{}", found.name);
        let Some(stat) = files.stat(&path, false)? else {
            continue;
        };
        match stat.link {
            Some(target) if is_null(directory, &target) => {
                found.masked.get_or_insert(path);
            }
            Some(_) if files.stat(&path, true)?.is_some_and(|stat| is_empty(&stat)) => {
                found.masked.get_or_insert(path);
            }
            Some(target) => match alias_of(&target, &found.name) {
                Some(alias) => return Ok(Some(alias.to_owned())),
                // A link of the unit's own name that leads nowhere is no unit.
                None if files.stat(&path, true)?.is_none() => continue,
                None => found.file = Some(path),
            },
            None if is_empty(&stat) => {
                found.masked.get_or_insert(path);
            }
            None if stat.kind == "file" => found.file = Some(path),
            None => continue,
        }
        if found.file.is_some() {
            break;
        }
    }
    Ok(None)
}

/// `getty@.service` of `getty@tty1.service`.
fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, ending) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{ending}"))
}

struct Script {
    path: String,
    enabled: bool,
}

/// A `SysV` script, for which systemd makes a unit at boot where there is none.
fn script(files: &dyn Files, unit: &str) -> Answer<Option<Script>> {
    let Some(name) = unit.strip_suffix(".service") else {
        return Ok(None);
    };
    let path = format!("/etc/init.d/{name}");
    if files.stat(&path, true)?.is_none_or(|stat| stat.kind != "file") {
        return Ok(None);
    }
    let mut enabled = false;
    for level in ["/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d"] {
        let links = files.list(level)?.unwrap_or_default();
        enabled |= links.iter().any(|link| link.get(3..) == Some(name) && link.starts_with('S'));
    }
    Ok(Some(Script { path, enabled }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryImage;

    const UNIT: &str = "[Unit]\n";

    fn image() -> MemoryImage {
        let mut image = MemoryImage::default();
        for name in ["ssh", "cron", "static", "vendor", "rescue-me", "getty@", "hidden", "gone"] {
            image.file(&format!("/usr/lib/systemd/system/{name}.service"), UNIT);
        }
        let etc = "/etc/systemd/system";
        image.link(&format!("{etc}/sshd.service"), "/lib/systemd/system/ssh.service");
        let wants = format!("{etc}/multi-user.target.wants");
        image.link(&format!("{wants}/ssh.service"), "/lib/systemd/system/ssh.service");
        image.link(&format!("{wants}/hidden.service"), "/lib/systemd/system/hidden.service");
        image.link(&format!("{wants}/absent.service"), "/lib/systemd/system/absent.service");
        image.link(&format!("{etc}/hidden.service"), "/dev/null");
        image.file(&format!("{etc}/emptied.service"), "");
        image.file("/opt/linked.service", UNIT);
        image.link(&format!("{etc}/linked.service"), "/opt/linked.service");
        image.link(&format!("{etc}/dangling.service"), "/opt/dangling.service");
        image.link(&format!("{wants}/dangling.service"), "../dangling.service");
        image.link(
            &format!("{etc}/getty.target.wants/getty@tty1.service"),
            "/lib/systemd/system/getty@.service",
        );
        let vendor = "/usr/lib/systemd/system";
        image.link(&format!("{vendor}/sysinit.target.wants/vendor.service"), "../vendor.service");
        image.link(&format!("{vendor}/sysinit.target.wants/gone.service"), "../gone.service");
        image.link(&format!("{etc}/sysinit.target.wants/gone.service"), "/dev/null");
        image.link(&format!("{vendor}/rescue.target.wants/rescue-me.service"), "../x");
        image.file("/etc/init.d/old", "#!/bin/sh");
        image.link("/etc/rc3.d/S01old", "../init.d/old");
        image
    }

    #[test]
    fn enabled_means_started_at_boot() {
        let image = image();
        let links = Links::read(&image).unwrap();
        // installed, enabled, masked
        let cases = [
            ("ssh.service", true, true, false),
            ("sshd.service", true, true, false),
            ("cron.service", true, false, false),
            ("vendor.service", true, true, false),
            ("gone.service", true, false, false),
            ("rescue-me.service", true, false, false),
            ("hidden.service", true, false, true),
            ("emptied.service", false, false, true),
            ("absent.service", false, false, false),
            ("linked.service", true, false, false),
            ("dangling.service", false, false, false),
            ("getty@tty1.service", true, true, false),
            ("getty@tty2.service", true, false, false),
            ("getty@.service", true, true, false),
            ("old.service", true, true, false),
            ("nothing.service", false, false, false),
        ];
        for (name, installed, enabled, masked) in cases {
            let state = unit(&image, &links, name).unwrap();
            let got = (state.installed, state.enabled, state.masked);
            assert_eq!(got, (Some(installed), Some(enabled), Some(masked)), "{name}");
        }
        let ssh = unit(&image, &links, "sshd.service").unwrap();
        let link = "/etc/systemd/system/multi-user.target.wants/ssh.service";
        assert_eq!(ssh.evidence.as_deref(), Some(link));
    }
}
