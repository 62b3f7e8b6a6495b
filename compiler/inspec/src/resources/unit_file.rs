//! What `systemctl is-enabled` says of a unit, worked out from its files as systemctl(1) does where no
//! manager runs.

use std::collections::BTreeSet;

use crate::interp::Machine;
use crate::stop::Stop;

/// What an administrator's links stand in, and what is looked up first.
const CONFIGURED: &str = "/etc/systemd/system";
/// Where units are found, the strongest first.
const DIRECTORIES: [&str; 4] =
    [CONFIGURED, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
/// Aliases of aliases that are followed.
const MAX_ALIASES: usize = 8;

/// A unit as its files have it.
#[derive(Debug)]
pub(super) struct UnitFile {
    /// The name that it has itself, where it was asked for by an alias.
    pub(super) id: String,
    /// The word of `systemctl is-enabled`; none where there is no file.
    pub(super) state: Option<&'static str>,
    /// The file, or the link that decides.
    pub(super) evidence: Option<String>,
    text: String,
}

impl UnitFile {
    /// Whether `systemctl is-enabled` ends with 0.
    pub(super) fn is_enabled(&self) -> bool {
        matches!(self.state, Some("enabled" | "static" | "alias" | "indirect"))
    }

    /// The last assignment of a setting, with those of drop-ins.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        settings(&self.text, section)
            .filter(|(name, _)| *name == key)
            .last()
            .map(|(_, value)| value)
    }
}

/// Settings of a section, comments left out.
fn settings<'t>(text: &'t str, section: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
    let header = format!("[{section}]");
    let mut inside = false;
    text.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            inside = line == header;
            return None;
        }
        let (key, value) =
            line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';']))?;
        Some((key.trim_end(), value.trim_start()))
    })
}

/// A file's text, lines that end in a backslash joined.
fn text(machine: &mut Machine<'_>, path: &str) -> Result<String, Stop> {
    Ok(machine.read_text(path)?.unwrap_or_default().replace("\\\n", " "))
}

/// What the files say of a unit by its full name.
pub(super) fn unit_file(machine: &mut Machine<'_>, name: &str) -> Result<UnitFile, Stop> {
    let mut id = name.to_owned();
    let mut found = None;
    for _ in 0..MAX_ALIASES {
        found = find(machine, &id)?;
        match &found {
            Some(Found::Alias(real)) => id.clone_from(real),
            _ => break,
        }
    }
    if found.is_none()
        && let Some(template) = template_of(&id)
    {
        found = find(machine, &template)?;
    }
    let mut unit = UnitFile { id, state: None, evidence: None, text: String::new() };
    match found {
        None | Some(Found::Alias(_)) => return Ok(unit),
        Some(Found::Masked(link)) => {
            unit.state = Some("masked");
            unit.evidence = Some(link);
            return Ok(unit);
        }
        Some(Found::File(path)) => {
            unit.text = text(machine, &path)?;
            unit.evidence = Some(path);
        }
    }
    let names = [Some(unit.id.clone()), template_of(&unit.id)];
    for name in names.into_iter().flatten() {
        for directory in DIRECTORIES.iter().rev() {
            let below = format!("{directory}/{name}.d");
            for file in machine.answer(machine.target.list(&below))?.unwrap_or_default() {
                if file.ends_with(".conf") {
                    unit.text.push('\n');
                    unit.text.push_str(&text(machine, &format!("{below}/{file}"))?);
                }
            }
        }
    }
    if unit.id == name {
        let (state, link) = installed(machine, &unit)?;
        unit.state = Some(state);
        unit.evidence = link.or(unit.evidence);
    } else {
        unit.state = Some("alias");
    }
    Ok(unit)
}

enum Found {
    File(String),
    /// The link to `/dev/null`, or the empty file.
    Masked(String),
    /// Another name of the unit of this name.
    Alias(String),
}

/// The strongest file of a name.
fn find(machine: &mut Machine<'_>, name: &str) -> Result<Option<Found>, Stop> {
    for directory in DIRECTORIES {
        let path = format!("{directory}/{name}");
        let Some(stat) = machine.answer(machine.target.stat(&path, false))? else { continue };
        let found = match stat.link {
            Some(link) if link == "/dev/null" => Found::Masked(path),
            Some(link) => match link.rsplit('/').next().filter(|file| *file != name) {
                Some(real) if real.contains('.') => Found::Alias(real.to_owned()),
                _ if machine.answer(machine.target.stat(&path, true))?.is_none() => continue,
                _ => Found::File(path),
            },
            None if stat.kind != "file" => continue,
            None if stat.size == Some(0) => Found::Masked(path),
            None => Found::File(path),
        };
        return Ok(Some(found));
    }
    Ok(None)
}

/// The state of a unit that has a file, and the link that makes it so.
fn installed(
    machine: &mut Machine<'_>,
    unit: &UnitFile,
) -> Result<(&'static str, Option<String>), Stop> {
    let words = |key: &'static str| {
        let all = settings(&unit.text, "Install").filter(move |(name, _)| *name == key);
        all.flat_map(|(_, value)| value.split_whitespace()).map(str::to_owned)
    };
    let mut known: BTreeSet<String> = words("Alias").collect();
    known.insert(unit.id.clone());
    let is_template = unit.id.contains("@.");
    if let (true, Some(instance)) = (is_template, words("DefaultInstance").last()) {
        known.insert(unit.id.replace("@.", &format!("@{instance}.")));
    }
    let (mut other, mut linked) = (None, None);
    for name in machine.answer(machine.target.list(CONFIGURED))?.unwrap_or_default() {
        let path = format!("{CONFIGURED}/{name}");
        if is_list(&name) {
            for link in machine.answer(machine.target.list(&path))?.unwrap_or_default() {
                if known.contains(&link) {
                    return Ok(("enabled", Some(format!("{path}/{link}"))));
                }
                if is_template && template_of(&link).as_ref() == Some(&unit.id) {
                    other.get_or_insert(format!("{path}/{link}"));
                }
            }
            continue;
        }
        let link = machine.answer(machine.target.stat(&path, false))?.and_then(|stat| stat.link);
        let Some(link) = link.filter(|link| link != "/dev/null") else { continue };
        if link.rsplit('/').next() != Some(&unit.id) {
            continue;
        }
        if name == unit.id {
            linked = Some(path);
        } else if known.contains(&name) {
            return Ok(("enabled", Some(path)));
        } else {
            other.get_or_insert(path);
        }
    }
    // A vendor's link makes an instance one that is always there, and no other unit.
    if template_of(&unit.id).is_some() && by_vendor(machine, &unit.id)? {
        return Ok(("static", None));
    }
    let has = |keys: &[&'static str]| keys.iter().any(|key| words(key).next().is_some());
    Ok(match (linked, other) {
        (Some(link), _) => ("linked", Some(link)),
        (None, Some(link)) => ("indirect", Some(link)),
        _ if has(&["Alias", "WantedBy", "RequiredBy", "UpheldBy"]) => ("disabled", None),
        _ if has(&["Also"]) => ("indirect", None),
        _ => ("static", None),
    })
}

/// Whether a directory is one of links to units that another starts.
fn is_list(name: &str) -> bool {
    [".wants", ".requires", ".upholds"].iter().any(|ending| name.ends_with(ending))
}

fn by_vendor(machine: &mut Machine<'_>, id: &str) -> Result<bool, Stop> {
    for directory in DIRECTORIES.iter().skip(1) {
        for name in machine.answer(machine.target.list(directory))?.unwrap_or_default() {
            let path = format!("{directory}/{name}/{id}");
            if is_list(&name) && machine.answer(machine.target.stat(&path, false))?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// `getty@.service` of `getty@tty1.service`.
fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, ending) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{ending}"))
}
