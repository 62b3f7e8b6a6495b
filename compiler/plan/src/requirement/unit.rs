//! What the text of a systemd unit needs (systemd.service(5), systemd.exec(5)).

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
            Demand::User(_) | Demand::Group(_) => false,
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
