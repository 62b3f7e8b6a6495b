//! What the text of a systemd unit needs (systemd.unit(5), systemd.service(5), systemd.exec(5)).

use forge_model::ImagePath;

/// One thing that a unit needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Demand {
    /// An executable, by its absolute path.
    Program(String),
    /// A file that must be there.
    File(String),
    /// An account.
    User(String),
    /// A group.
    Group(String),
    /// Another unit, without which this one is not started.
    Unit(String),
}

/// All demands of a unit's text. What systemd looks up, expands or forgives is none: a program
/// without a path, a specifier, a `-` before it, another root directory, a dynamic user.
pub(super) fn demands(text: &str) -> Vec<Demand> {
    let settings = settings(text);
    let says = |key: &str| settings.iter().any(|(name, value)| name == key && !value.is_empty());
    if says("RootDirectory") || says("RootImage") {
        return Vec::new();
    }
    let dynamic = settings.iter().any(|(name, value)| {
        name == "DynamicUser" && ["1", "yes", "true", "on"].contains(&value.as_str())
    });
    let tested = tested(&settings);
    let mut demands = Vec::new();
    for (name, value) in &settings {
        // What is wanted, or stands in an order, may be absent.
        if matches!(name.as_str(), "Requires" | "BindsTo" | "Requisite") {
            let units = value.split_whitespace().filter(|unit| !is_made_at_boot(unit));
            demands.extend(units.map(|unit| Demand::Unit(unit.to_owned())));
            continue;
        }
        let demand = match name.as_str() {
            "ExecStart" | "ExecStartPre" | "ExecStartPost" | "ExecCondition" | "ExecReload"
            | "ExecStop" | "ExecStopPost" => program(value).map(Demand::Program),
            "EnvironmentFile" => path(value).map(Demand::File),
            "User" if !dynamic => account(value).map(Demand::User),
            "Group" if !dynamic => account(value).map(Demand::Group),
            _ => None,
        };
        let excused = |demand: &Demand| match demand {
            Demand::Program(path) | Demand::File(path) => tested.contains(&path.as_str()),
            Demand::User(_) | Demand::Group(_) | Demand::Unit(_) => false,
        };
        if let Some(demand) = demand
            && !demands.contains(&demand)
            && !excused(&demand)
        {
            demands.push(demand);
        }
    }
    demands
}

/// The units that a text names, with the settings that name them: those that would be files of an
/// image.
pub(super) fn mentions(text: &str) -> Vec<(String, String)> {
    let settings = settings(text).into_iter();
    let naming = settings.filter(|(name, _)| name != "Alias" && forge_spec::names_units(name));
    let mentions = naming.flat_map(|(name, value)| {
        let units = value.split_whitespace();
        let units =
            units.filter(|unit| !is_made_at_boot(unit) && !forge_spec::is_special_unit(unit));
        units.map(|unit| (name.clone(), unit.to_owned())).collect::<Vec<_>>()
    });
    mentions.collect()
}

/// Units that have no file in an image: systemd makes them of devices, mounts and slices that are
/// there, and its generators of `fstab`, `crypttab` and the kernel's command line; and names that are
/// put in later.
fn is_made_at_boot(unit: &str) -> bool {
    let ending = unit.rsplit_once('.').map_or("", |(_, ending)| ending);
    let generated = ["systemd-cryptsetup@", "systemd-veritysetup@", "systemd-integritysetup@"];
    matches!(ending, "" | "device" | "mount" | "automount" | "swap" | "slice" | "scope")
        || unit.contains(['%', '$'])
        || generated.iter().any(|start| unit.starts_with(start))
}

/// Other names that enabling a unit gives it.
pub(super) fn aliases(text: &str) -> Vec<String> {
    let all = settings(text).into_iter().filter(|(name, _)| name == "Alias");
    all.flat_map(|(_, value)| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The unit whose text systemd reads at a path, and whether it is the whole text and no drop-in.
pub(super) fn read_at(path: &ImagePath) -> Option<(String, bool)> {
    let path = std::str::from_utf8(path.as_bytes()).ok()?;
    let below = ["etc", "usr/local/lib", "usr/lib", "lib"]
        .iter()
        .find_map(|above| path.strip_prefix(above)?.strip_prefix("/systemd/system/"))?;
    match below.split_once('/') {
        None => below.contains('.').then(|| (below.to_owned(), true)),
        Some((directory, file)) => {
            let unit = directory.strip_suffix(".d").filter(|unit| unit.contains('.'))?;
            (file.ends_with(".conf") && !file.contains('/')).then(|| (unit.to_owned(), false))
        }
    }
}

/// The unit that a timer, a path or a socket starts; none for other units.
pub(super) fn started(unit: &str, text: &str) -> Option<String> {
    let (stem, ending) = unit.rsplit_once('.')?;
    let key = match ending {
        "timer" | "path" => "Unit",
        "socket" => "Service",
        _ => return None,
    };
    let settings = settings(text);
    let said = |key: &str| settings.iter().rev().find(|(name, _)| name == key);
    if let Some((_, value)) = said(key).filter(|(_, value)| !value.is_empty()) {
        return (!value.contains('%')).then(|| value.clone());
    }
    let accepts = ending == "socket"
        && said("Accept")
            .is_some_and(|(_, value)| ["1", "yes", "true", "on"].contains(&value.as_str()));
    // Each connection has an instance of its own.
    Some(if accepts { format!("{stem}@.service") } else { format!("{stem}.service") })
}

/// Paths that the unit itself looks for and can do without: where one is absent it is skipped, which
/// is no failure (systemd.unit(5), "Conditions and Asserts"). A `|` makes a condition one of
/// several, so that it excuses nothing; an empty value takes back those before it.
fn tested(settings: &[(String, String)]) -> Vec<&str> {
    let mut paths = Vec::new();
    for (name, value) in settings {
        match name.as_str() {
            "ConditionFileIsExecutable" | "ConditionPathExists" | "ConditionFileNotEmpty" => {
                if value.is_empty() {
                    paths.clear();
                } else if value.starts_with('/') {
                    paths.push(value.as_str());
                }
            }
            _ => {}
        }
    }
    paths
}

/// `KEY=VALUE` lines of all sections, continued lines joined.
fn settings(text: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        // A comment may stand between the lines of one value.
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(begun) = line.strip_suffix('\\') {
            open.push_str(begun);
            open.push(' ');
            continue;
        }
        open.push_str(line);
        if let Some((key, value)) = open.split_once('=') {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
        open.clear();
    }
    settings
}

fn program(value: &str) -> Option<String> {
    let command = value.trim_start_matches(['@', ':', '+', '!', '|']);
    let word = command.split_whitespace().next()?.trim_matches('"');
    path(word)
}

/// An absolute path that means itself.
fn path(value: &str) -> Option<String> {
    let plain = value.starts_with('/') && !value.contains(['%', '$', '*', '?', '[', '\\', '\'']);
    plain.then(|| value.to_owned())
}

fn account(value: &str) -> Option<String> {
    let named = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (named && !value.contains(['%', '$'])).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_would_miss_is_demanded() {
        let text = "[Unit]\nDescription=x=y\n[Service]\nUser=ann\nGroup=0\n\
            ExecStartPre=-/usr/bin/may-fail\nExecStart=@/usr/sbin/x \\\n# between\n  --flag\n\
            ExecStop=kill $MAINPID\nExecReload=/bin/%i\nExecStart=/usr/sbin/x again\n\
            EnvironmentFile=/etc/x.env\nEnvironmentFile=-/etc/default/x\n";
        let want = [
            Demand::User("ann".to_owned()),
            Demand::Program("/usr/sbin/x".to_owned()),
            Demand::File("/etc/x.env".to_owned()),
        ];
        assert_eq!(demands(text), want);
        assert_eq!(demands("[Service]\nRootImage=/x.raw\nExecStart=/x\n"), []);
        let start = "[Service]\nExecStart=/x\n";
        let excused = format!("[Unit]\nConditionFileIsExecutable=/x\n{start}");
        assert_eq!(demands(&excused), []);
        for other in ["!/x", "|/x", "/y", "/x\nConditionPathExists="] {
            let text = format!("[Unit]\nConditionPathExists={other}\n{start}");
            assert_eq!(demands(&text), [Demand::Program("/x".to_owned())], "{other}");
        }
        assert_eq!(demands("[Service]\nDynamicUser=yes\nUser=x\n"), []);
    }

    #[test]
    fn what_must_be_started_too_is_demanded() {
        let text = "[Unit]\nRequires=a.service b.socket -.mount dev-sda.device\nBindsTo=c@%i.service\n\
            After=d.service\nWants=e.service\nPartOf=f.service\nRequisite=g.target\n";
        let want = ["a.service", "b.socket", "g.target"];
        assert_eq!(demands(text), want.map(|unit| Demand::Unit(unit.to_owned())));
        assert_eq!(aliases("[Install]\nAlias=x.service y.service\n"), ["x.service", "y.service"]);
    }

    #[test]
    fn units_that_are_named_are_mentioned() {
        let text = "[Unit]\nAfter=a.service network.target srv.mount\nWants=b@%i.service b.timer\n\
            [Install]\nWantedBy=c.target\nAlias=d.service\n";
        let mentions = mentions(text);
        let mentions: Vec<_> =
            mentions.iter().map(|(name, unit)| format!("{name}={unit}")).collect();
        assert_eq!(mentions, ["After=a.service", "Wants=b.timer", "WantedBy=c.target"]);
    }

    #[test]
    fn units_are_read_in_systemds_directories() {
        for (path, want) in [
            ("/etc/systemd/system/x.service", Some(("x.service", true))),
            ("/lib/systemd/system/x.service.d/a.conf", Some(("x.service", false))),
            ("/etc/systemd/system/multi-user.target.wants/x.service", None),
            ("/etc/systemd/system.conf", None),
            ("/etc/x.service", None),
        ] {
            let found = read_at(&ImagePath::new(path).unwrap());
            let found = found.as_ref().map(|(unit, whole)| (unit.as_str(), *whole));
            assert_eq!(found, want, "{path}");
        }
    }

    #[test]
    fn timers_paths_and_sockets_start_a_unit() {
        let cases = [
            ("x.service", "[Service]\n", None),
            ("x.timer", "[Timer]\nOnBootSec=1\n", Some("x.service")),
            ("x@.timer", "[Timer]\nOnBootSec=1\n", Some("x@.service")),
            ("x.timer", "[Timer]\nUnit=other.target\n", Some("other.target")),
            ("x@.timer", "[Timer]\nUnit=y@%i.service\n", None),
            ("x.path", "[Path]\nPathExists=/x\nUnit=\n", Some("x.service")),
            ("x.socket", "[Socket]\nService=y.service\n", Some("y.service")),
            ("x.socket", "[Socket]\nAccept=yes\n", Some("x@.service")),
        ];
        for (unit, text, want) in cases {
            assert_eq!(started(unit, text).as_deref(), want, "{unit} {text}");
        }
    }
}
