use std::collections::BTreeSet;

use super::*;

fn found(name: &str, text: &str) -> Vec<String> {
    let path = ImagePath::new(format!("/etc/systemd/system/{name}")).unwrap();
    let unit = UnitText::at(&path).unwrap();
    let shown = |mistake: TextMistake| {
        assert!(!mistake.help.is_empty() && !mistake.label.is_empty());
        format!("{}: {} ({})", &text[mistake.at], mistake.headline, mistake.help)
    };
    unit.mistakes(text).into_iter().map(shown).collect()
}

const GOOD: [(&str, &str); 12] = [
    (
        "x.service",
        "[Unit]\nDescription=x=y\nAfter=a.service \\\n# between\n; too\n b.service\n[Service]\nExecStart=-/bin/x ; /bin/y\nX-Own=1\n[X-Other]\nanything here\n",
    ),
    ("x.service", "# nothing\n[Service]\nType=oneshot\nExecStart=/bin/a\nExecStart=/bin/b\n"),
    ("x.service", "[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b '>' \"a && b\"\n"),
    (
        "x.service",
        "[Service]\nExecStart=@!/bin/sh sh -c 'a | b > c'\n[Install]\nWantedBy=multi-user.target\n",
    ),
    ("x.service", "[Service]\nExecStart=kill $MAINPID\nExecStop=%h/bin/x\n"),
    ("x.service", "[Unit]\nSuccessAction=poweroff\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"),
    (
        "x.service",
        "[Service]\nExecStart=/bin/x\nMemoryMax=1G\nRestartMode=direct\nFutureSettingOfSystemd=1\n",
    ),
    ("x@.timer", "[Timer]\nOnCalendar=daily\n"),
    ("x.service.d/10-a.conf", "[Service]\nLimitMEMLOCK=infinity\n"),
    ("service.d/10-a.conf", "[Service]\nNice=5\n"),
    ("a-b.slice", "[Slice]\nMemoryMax=1G\nCPUWeight=10\n"),
    ("x.target", ""),
];

#[test]
fn what_systemd_reads_is_no_mistake() {
    for (name, text) in GOOD {
        assert_eq!(found(name, text), Vec::<String>::new(), "{name}\n{text}");
    }
}

#[test]
fn what_systemd_passes_over_is_told() {
    let start = "[Service]\nExecStart=/bin/x\n";
    let cases = [
        (
            "Description=x\n",
            "Description=x: systemd passes over `Description` (put `[Unit]` above it)",
        ),
        (
            "[Unit\n",
            "[Unit: systemd cannot read this section's name (write `[Unit]` on a line of its own)",
        ),
        (
            "[Unit]\n  some words \n",
            "some words: systemd passes over this line (a comment begins with `#`; `\\` at the end of a line joins it with the next)",
        ),
        (
            "[Unit]\n=x\n",
            "=x: systemd passes over this line (a comment begins with `#`; `\\` at the end of a line joins it with the next)",
        ),
        (
            "[Servce]\nExecStart=/bin/x\n",
            "[Servce]: a `.service` has no section `[Servce]` (did you mean `[Service]`?)",
        ),
        (
            "[Timer]\nOnCalendar=daily\n",
            "[Timer]: a `.service` has no section `[Timer]` (it has `[Unit]`, `[Service]`, `[Install]`; `[X-…]` is for other programs)",
        ),
        (
            "[Unit]\nAftre=x.service\n",
            "Aftre=x.service: systemd passes over `Aftre=` (did you mean `After=`?)",
        ),
        (
            "[Unit]\nWantedBy=x.target\n",
            "WantedBy=x.target: systemd passes over `WantedBy=` (it stands in `[Install]`)",
        ),
        (
            "[Service]\nOnCalendar=daily\n",
            "OnCalendar=daily: systemd passes over `OnCalendar=` (it is a setting of a `.timer`)",
        ),
        (
            "[Service]\nExecStop=bin/x y\n",
            "ExecStop=bin/x y: `ExecStop=bin/x` is neither a path nor a name (write where it is: `/usr/bin/x`)",
        ),
        (
            "[Service]\nExecStop=/bin/x \\\n  >> /log\n",
            "ExecStop=/bin/x \\\n  >> /log: systemd starts no shell for `ExecStop=` (write `/bin/sh -c '…'`, or two settings)",
        ),
        (
            "[Service]\nExecStop=/bin/x $(date)\n",
            "ExecStop=/bin/x $(date): systemd starts no shell for `ExecStop=` (write `/bin/sh -c '…'`, or two settings)",
        ),
        (
            "[Service]\nExecStart=/bin/y\n",
            "ExecStart=/bin/x: systemd refuses a service with two `ExecStart=` (write `Type=oneshot` where they run one after the other; an empty `ExecStart=` takes back those before it)",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(found("x.service", &format!("{text}{start}")), [want], "{text}");
    }
    for (text, place) in [
        ("[Unit]\nDescription=x\n[Service]\nType=simple\n", "[Service]"),
        ("[Unit]\n", "[Unit]"),
        ("", ""),
    ] {
        let want = format!(
            "{place}: systemd refuses a service that starts nothing (add `ExecStart=` to `[Service]`)"
        );
        assert_eq!(found("x.service", text), [want], "{text}");
        assert_eq!(found("x.service.d/1.conf", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn names_of_units_have_their_ending_and_are_no_typo() {
    let start = "[Service]\nExecStart=/bin/x\n";
    let cases = [
        (
            "[Unit]\nAfter=a.service network\n",
            "After=a.service network: systemd passes over `After=` (a name has its ending: `network.target`)",
        ),
        (
            "[Unit]\nRequires=postgresql\n",
            "Requires=postgresql: systemd passes over `Requires=` (a name has its ending: `postgresql.service`)",
        ),
        (
            "[Unit]\nWants=netwrok.target\n",
            "Wants=netwrok.target: no unit is known as `netwrok.target` (did you mean `network.target`?)",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(found("x.service", &format!("{text}{start}")), [want], "{text}");
    }
}

#[test]
fn units_lie_where_systemd_looks() {
    let at = |path: &str| UnitText::at(&ImagePath::new(path).unwrap());
    for path in ["/etc/systemd/system/a.mount", "/usr/lib/systemd/system/a@.service"] {
        assert!(at(path).unwrap().whole, "{path}");
    }
    assert!(!at("/lib/systemd/system/a.b.socket.d/x.conf").unwrap().whole);
    for path in [
        "/etc/systemd/system/a.txt",
        "/etc/systemd/system/a",
        "/etc/systemd/system/a.service.d/x",
        "/etc/systemd/system/a.service.d/b/x.conf",
        "/etc/systemd/system/multi-user.target.wants/a.service",
        "/etc/systemd/network/a.link",
        "/etc/systemd/systemd.service",
    ] {
        assert_eq!(at(path), None, "{path}");
    }
}

#[test]
fn settings_are_listed_once_in_each_section() {
    for section in ["Unit", "Install"].into_iter().chain(KINDS.iter().filter_map(|(_, own)| *own)) {
        let all = settings_of(section);
        assert!(all.len() > 3, "{section}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{section}");
    }
    assert!(settings_of("Nothing").is_empty());
}
