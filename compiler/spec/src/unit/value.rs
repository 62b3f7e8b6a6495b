//! Values of settings that systemd parses as one of a few kinds: what it cannot parse it passes over
//! with a line in the journal.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use forge_syntax::{closest, one_letter_off};

use super::calendar;
use crate::node::has_unit_ending;

/// Names of settings by the kind of their values.
const VALUES: &str = include_str!("values.txt");

/// The kind of a setting's value.
fn kind_of(unit: &str, name: &str) -> Option<&'static str> {
    static ALL: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
        let (mut all, mut kind) = (BTreeMap::new(), "");
        for line in VALUES.lines().filter(|line| !line.starts_with('#')) {
            match line.strip_prefix('[') {
                Some(header) => kind = header.trim_end_matches(']'),
                None => all.extend(line.split_whitespace().map(|name| (name, kind))),
            }
        }
        all
    });
    if names_units(name) {
        return Some("UNITS");
    }
    match (unit, name) {
        ("service", "Type") => Some("SERVICETYPE"),
        (_, "OnCalendar") => Some("CALENDAR"),
        _ => ALL.get(name).copied(),
    }
}

/// A value that systemd cannot parse.
#[derive(Debug)]
pub(super) struct Unfit {
    /// What it is.
    pub(super) what: &'static str,
    /// What may stand there.
    pub(super) help: String,
    /// A word of it, and what is meant by it.
    pub(super) meant: Option<(String, String)>,
}

/// Why systemd cannot parse a value, and what it takes.
pub(super) fn unfit(unit: &str, name: &str, value: &str) -> Option<Unfit> {
    // An empty value takes back what was said; specifiers are put in later.
    if value.is_empty() || value.contains('%') {
        return None;
    }
    let one_of = |what, words: &'static [&'static str]| {
        (!words.contains(&value)).then(|| {
            let near = closest(value, words.iter().copied());
            let help = match near {
                Some(near) => format!("did you mean `{name}={near}`?"),
                None => format!("it takes {}", words.join(", ")),
            };
            Unfit { what, help, meant: near.map(|near| (value.to_owned(), near.to_owned())) }
        })
    };
    let unless = |good: bool, what, help: &str| {
        (!good).then(|| Unfit { what, help: help.to_owned(), meant: None })
    };
    match kind_of(unit, name)? {
        "BOOLEAN" => {
            let lower = value.to_ascii_lowercase();
            unless(BOOLEANS.contains(&lower.as_str()), "no truth value", "write `yes` or `no`")
        }
        "SECONDS" | "TIMER" => {
            let help = "for example `90`, `5min`, `1h 30min`, `infinity`";
            unless(is_span(value), "no span of time", help)
        }
        "CALENDAR" => {
            let help = "for example `daily`, `Mon..Fri 02:30`, `*-*-01 04:00:00`";
            unless(calendar::is_event(value), "no time of a calendar", help)
        }
        "MODE" => unless(is_mode(value), "no mode", "octal digits, for example `0755`"),
        "SIGNAL" => unless(is_signal(value), "no signal", "for example `SIGTERM`"),
        "SERVICETYPE" => one_of("no type of a service", &TYPES),
        "SERVICERESTART" => one_of("no case to restart in", &RESTARTS),
        "UNITS" => {
            let bad = value.split_whitespace().find(|word| !has_unit_ending(word))?;
            let special = SPECIAL.iter().find(|unit| unit.split('.').next() == Some(bad));
            let meant = special.map_or_else(|| format!("{bad}.service"), |unit| (*unit).to_owned());
            let help = format!("a name has its ending: `{meant}`");
            Some(Unfit { what: "no name of a unit", help, meant: Some((bad.to_owned(), meant)) })
        }
        "KILLMODE" => one_of("no way to stop processes", &KILLS),
        _ => None,
    }
}

/// Settings whose values are names of units with blanks between: systemd.unit(5).
pub fn names_units(setting: &str) -> bool {
    matches!(
        setting,
        "Wants"
            | "Requires"
            | "Requisite"
            | "BindsTo"
            | "PartOf"
            | "Upholds"
            | "Conflicts"
            | "Before"
            | "After"
            | "OnFailure"
            | "OnSuccess"
            | "PropagatesReloadTo"
            | "ReloadPropagatedFrom"
            | "PropagatesStopTo"
            | "StopPropagatedFrom"
            | "JoinsNamespaceOf"
            | "WantedBy"
            | "RequiredBy"
            | "UpheldBy"
            | "Also"
            | "Alias"
            | "Unit"
    )
}

/// The unit of systemd itself that a name is one letter away from.
pub(super) fn nearly_special(name: &str) -> Option<&'static str> {
    one_letter_off(name, SPECIAL)
}

/// A unit that is a part of systemd, or that systemd speaks of by its name.
pub fn is_special_unit(name: &str) -> bool {
    SPECIAL.contains(&name)
}

/// The unit of an image that a name is one letter away from; none for a unit of systemd, and where
/// only digits differ.
pub fn mistyped_unit<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if nearly_special(name).is_some() {
        return None;
    }
    // An instance's file is its template's.
    let file = match name.split_once('@') {
        Some((stem, rest)) => {
            format!("{stem}@.{}", rest.rsplit_once('.').map_or(rest, |(_, ending)| ending))
        }
        None => name.to_owned(),
    };
    let letters = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let near = one_letter_off(&file, known)?;
    // It has no instance's name.
    (file == name && letters(near) != letters(name)).then_some(near)
}

/// systemd.special(7), and systemd's own services that others stand behind.
const SPECIAL: [&str; 55] = [
    "basic.target",
    "cryptsetup.target",
    "dbus.service",
    "dbus.socket",
    "default.target",
    "emergency.target",
    "first-boot-complete.target",
    "getty.target",
    "graphical.target",
    "halt.target",
    "local-fs-pre.target",
    "local-fs.target",
    "machines.target",
    "multi-user.target",
    "network-online.target",
    "network-pre.target",
    "network.target",
    "nss-lookup.target",
    "nss-user-lookup.target",
    "paths.target",
    "poweroff.target",
    "reboot.target",
    "remote-fs-pre.target",
    "remote-fs.target",
    "rescue.target",
    "rpcbind.target",
    "shutdown.target",
    "sleep.target",
    "slices.target",
    "sockets.target",
    "swap.target",
    "sysinit.target",
    "syslog.socket",
    "system-update.target",
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-resolved.service",
    "systemd-sysctl.service",
    "systemd-sysusers.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-setup.service",
    "systemd-udevd.service",
    "systemd-user-sessions.service",
    "time-set.target",
    "time-sync.target",
    "timers.target",
    "umount.target",
    "usb-gadget.target",
];

/// `parse_boolean` of systemd's `src/basic/parse-util.c`.
const BOOLEANS: [&str; 12] =
    ["1", "yes", "y", "true", "t", "on", "0", "no", "n", "false", "f", "off"];
/// systemd.service(5), `notify-reload` since 253.
const TYPES: [&str; 8] =
    ["simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"];
const RESTARTS: [&str; 7] =
    ["no", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog", "always"];
/// systemd.kill(5)
const KILLS: [&str; 4] = ["control-group", "mixed", "process", "none"];

/// Units of time, systemd.time(7).
const UNITS: [&str; 34] = [
    "usec",
    "us",
    "µs",
    "μs",
    "msec",
    "ms",
    "seconds",
    "second",
    "sec",
    "s",
    "minutes",
    "minute",
    "min",
    "m",
    "hours",
    "hour",
    "hr",
    "h",
    "days",
    "day",
    "d",
    "weeks",
    "week",
    "w",
    "months",
    "month",
    "M",
    "years",
    "year",
    "y",
    "nsec",
    "ns",
    "nanosecond",
    "nanoseconds",
];

/// A span of time, systemd.time(7): numbers with units, or one without.
pub(super) fn is_span(value: &str) -> bool {
    if value == "infinity" {
        return true;
    }
    let mut rest = value.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if !number.bytes().any(|byte| byte.is_ascii_digit()) || number.matches('.').count() > 1 {
            return false;
        }
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if !unit.is_empty() && !UNITS.contains(&unit) {
            return false;
        }
        rest = after.trim_start();
    }
    true
}

fn is_mode(value: &str) -> bool {
    value.len() <= 5
        && value.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
        && u32::from_str_radix(value, 8).is_ok_and(|mode| mode <= 0o7777)
}

/// signal(7), with or without `SIG`, or its number.
fn is_signal(value: &str) -> bool {
    const NAMES: [&str; 33] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "KILL", "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
        "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "POLL", "PWR", "SYS",
    ];
    let name = value.strip_prefix("SIG").unwrap_or(value);
    let real_time = ["RTMIN", "RTMAX"].iter().find_map(|start| name.strip_prefix(start));
    NAMES.contains(&name)
        || value.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number))
        || real_time.is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix(['+', '-']).is_some_and(|n| n.parse::<u8>().is_ok())
        })
}
