//! Settings of units as forge knows them, against the systemd of this machine.

use std::path::Path;
use std::process::Command;

const SYSTEMD: &str = "/usr/lib/systemd/systemd";

/// Every setting that this systemd reads is one that forge knows in that section.
#[test]
fn settings_of_units_are_those_of_systemd() {
    if !Path::new(SYSTEMD).exists() {
        return;
    }
    let said = Command::new(SYSTEMD).arg("--dump-configuration-items").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let mut texts: Vec<(&str, String)> = Vec::new();
    for line in said.lines() {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            texts.push((section, String::new()));
        } else if let (Some((name, _)), Some((_, text))) = (line.split_once('='), texts.last_mut())
        {
            // What is given up says nothing.
            if !line.ends_with("=NOTSUPPORTED") {
                *text += &format!("{name}=\n");
            }
        }
    }
    assert!(texts.len() > 8, "{said}");
    for (section, text) in texts {
        let unit = match section {
            "Unit" | "Install" => "x.target".to_owned(),
            own => format!("x.{}", own.to_lowercase()),
        };
        let found = headlines(&format!("{unit}.d/x.conf"), &format!("[{section}]\n{text}"));
        assert!(found.is_empty(), "[{section}]: {found:?}");
    }
}

/// What `check` says of a text at this unit's place.
fn headlines(unit: &str, text: &str) -> Vec<String> {
    let mut sources = forge_model::MemorySources::new();
    let spec = format!(
        "base \"b\" {{ tree \"base\"; }}\nimage \"i\" {{ base \"b\"; \
         file \"/etc/systemd/system/{unit}\" source=\"x.conf\"; }}\n"
    );
    sources.insert("forge.kdl", spec);
    sources.insert("base/etc/x", "");
    sources.insert("x.conf", text);
    forge_spec::compile(&sources).diagnostics.into_iter().map(|one| one.headline).collect()
}

/// Times are read as this systemd reads them.
#[test]
fn times_are_those_of_systemd() {
    const ANALYZE: &str = "/usr/bin/systemd-analyze";
    if !Path::new(ANALYZE).exists() {
        return;
    }
    let calendar = [
        "daily",
        "Weekly",
        "minutely",
        "dayly",
        "*-*-* 25:00",
        "*-*-* 23:60",
        "Mon..Fri 02:30",
        "Mon,Wed 10:00:00",
        "Mon-Fri 10:00",
        "Monday *-*-1..7 04:00",
        "*-*-01 04:00:00",
        "03:00",
        "*:0/15",
        "*:0/15:30.5",
        "2026-12-24 18:00 UTC",
        "2026-13-01",
        "2026-02-32",
        "12-24",
        "*-02~01",
        "*-*-*",
        "*",
        "Sat",
        "Sat,",
        "Foo",
        "@1395716396",
        "Mon 10:00 Europe/Berlin",
        "1..5:00",
        "5..1:00",
        "00:00:00/0",
        "10:00 20:00",
        "quarterly UTC",
        "24:00",
        "Mon..",
    ];
    let spans = [
        "5",
        "5min",
        "1h 30min",
        "1h30min",
        "2.5s",
        "infinity",
        "5 minuts",
        "min",
        "5min 3",
        "1.2.3s",
        "3 weeks",
        "1y 12month",
        "300ms20s",
        "-5",
        "5 µs",
        "10M",
        "10m",
        "1 fortnight",
    ];
    let cases = calendar.map(|value| ("calendar", "OnCalendar", value)).into_iter();
    let cases = cases.chain(spans.map(|value| ("timespan", "OnBootSec", value)));
    for (verb, setting, value) in cases {
        let said = Command::new(ANALYZE).args([verb, "--", value]).output().unwrap();
        let text = format!("[Timer]\n{setting}={value}\n[Install]\nWantedBy=timers.target\n");
        let found = headlines("x.timer", &text);
        let good = found.is_empty();
        assert_eq!(good, said.status.success(), "{setting}={value}: {found:?}");
    }
}

/// The kinds of values that forge knows are those that systemd names.
#[test]
fn values_are_of_the_kinds_that_systemd_names() {
    if !Path::new(SYSTEMD).exists() {
        return;
    }
    let said = Command::new(SYSTEMD).arg("--dump-configuration-items").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let mut section = "";
    let mut judged = 0;
    for line in said.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        }
        let Some((name, kind)) = line.split_once('=') else { continue };
        let unit = match section {
            "Unit" | "Install" => "x.target.d/x.conf".to_owned(),
            own => format!("x.{}.d/x.conf", own.to_lowercase()),
        };
        let found = headlines(&unit, &format!("[{section}]\n{name}=neverfits\n"));
        // Commands and lists take any word.
        judged += usize::from(!found.is_empty());
        let typed = ["BOOLEAN", "SECONDS", "MODE", "SIGNAL", "TIMER", "KILLMODE"].contains(&kind)
            || ["SERVICETYPE", "SERVICERESTART", "UNIT", "UNIT [...]"].contains(&kind)
            || section == "Install"
            || ["TimeoutSec", "TimeoutStopSec", "OnCalendar"].contains(&name);
        assert!(typed || found.is_empty(), "[{section}] {name} is {kind}: {found:?}");
    }
    assert!(judged > 150, "{judged}");
}
