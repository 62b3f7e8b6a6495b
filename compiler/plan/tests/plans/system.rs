//! What nodes about the running system come to: files, links, units.

use std::fmt::Write as _;

use forge_model::{Action, ChangeKind, Content, Edit, MemorySources, Preseed, line_pattern};
use forge_plan::check;

/// The steps of an image that say `body`, and what each makes.
fn made(body: &str) -> String {
    let mut sources = MemorySources::new();
    let base = "base \"b\" { debian suite=\"bookworm\"; }";
    sources.insert("forge.kdl", format!("{base}\nimage \"i\" {{ base \"b\"; {body} }}"));
    let checked = check(&sources, forge_model::Day::of_seconds(0));
    let plan = checked.plan.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let mut out = String::new();
    for node in &plan.nodes {
        match &node.action {
            Action::Changes(changes) => {
                writeln!(out, "{}", node.label).unwrap();
                for change in &changes.changes {
                    writeln!(out, "  {}", shown(&change.what)).unwrap();
                }
            }
            Action::Packages(packages) => {
                for Preseed { question, value, .. } in &packages.answers {
                    writeln!(out, "{}: {question} = {value}", node.label).unwrap();
                }
            }
            _ => {}
        }
    }
    out
}

fn shown(change: &ChangeKind) -> String {
    match change {
        ChangeKind::File { path, content: Content::Text(text), mode, .. } => {
            let text: Vec<_> = text.lines().collect();
            format!("{path} {mode:04o}: {}", text.join(" | "))
        }
        ChangeKind::Directory { path, mode, .. } => format!("{path}/ {mode:04o}"),
        ChangeKind::Link { path, target } => format!("{path} -> {target}"),
        ChangeKind::Edit { path, edit: Edit::Line { pattern, text, .. }, create: true } => {
            let line = line_pattern(pattern.as_deref().unwrap()).unwrap();
            assert!(line.is_match(text.as_bytes()), "another build would add the line again");
            format!("{path}: {text}")
        }
        ChangeKind::Enable { unit } => format!("enable {unit}"),
        ChangeKind::Disable { unit } => format!("disable {unit}"),
        ChangeKind::Mask { unit } => format!("mask {unit}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn drop_ins_lie_beside_their_unit_and_leave_its_state() {
    let body = r#"
        unit "slurmd.service" { drop-in "10-limits.conf" { content "[Service]\nLimitMEMLOCK=infinity"; }; }
        unit "x.service" enabled=#false { content "[Service]"; drop-in "a.conf" { content "[Unit]"; }; }
        unit "apt-daily.timer" masked=#true
    "#;
    let want = "\
i/files
  /etc/systemd/system/slurmd.service.d/10-limits.conf 0644: [Service] | LimitMEMLOCK=infinity
  /etc/systemd/system/x.service 0644: [Service]
  /etc/systemd/system/x.service.d/a.conf 0644: [Unit]
i/units
  disable x.service
  mask apt-daily.timer
";
    assert_eq!(made(body), want);
}

#[test]
fn a_locale_is_made_by_the_package_of_the_same_part() {
    let locale = "locale \"de_DE.UTF-8\"";
    let files = "\
i/files
  /etc/locale.conf 0644: LANG=de_DE.UTF-8
  /etc/default/locale -> ../locale.conf
";
    assert_eq!(made(locale), files);
    let want = format!(
        "i/packages: locales/locales_to_be_generated = de_DE.UTF-8 UTF-8\n\
         i/packages: locales/default_environment_locale = de_DE.UTF-8\n{files}"
    );
    assert_eq!(made(&format!("packages \"locales\"; {locale}")), want);
}

#[test]
fn a_mount_is_a_unit_or_a_line_of_fstab() {
    let nfs = "mount \"/scratch\" what=\"nfs1:/scratch\" type=\"nfs4\" options=\"nosuid\"";
    let want = "\
i/files
  /scratch/ 0755
  /etc/systemd/system/scratch.mount 0644: [Unit] | Description=Mount of /scratch \
| Wants=network-online.target | After=network-online.target |  | [Mount] | What=nfs1:/scratch \
| Where=/scratch | Type=nfs4 | Options=nosuid |  | [Install] | WantedBy=remote-fs.target
i/units
  enable scratch.mount
";
    assert_eq!(made(nfs), want);
    let want = "\
i/files
  /scratch/ 0755
  /etc/fstab: nfs1:/scratch /scratch nfs4 nosuid,_netdev 0 0
";
    assert_eq!(made(&format!("{nfs} as=\"fstab\"")), want);
    let other =
        "mount \"/my data+\" what=\"LABEL=my disk\" type=\"ext4\" as=\"fstab\" automount=#true";
    let want = "\
i/files
  /my data+/ 0755
  /etc/fstab: LABEL=my\\040disk /my\\040data+ ext4 noauto,x-systemd.automount 0 0
";
    assert_eq!(made(other), want);
    assert!(
        made("mount \"/t\" what=\"tmpfs\" type=\"tmpfs\" as=\"fstab\"").contains("tmpfs defaults")
    );
}

#[test]
fn what_parts_say_of_modules_is_taken_together() {
    let roles = "role \"a\" { kernel-modules { keep \"net\" }; }
        role \"b\" { kernel-modules firmware=#false { keep \"nvme\"; drop \"snd*\" }; }";
    let mut sources = MemorySources::new();
    let image = "base \"b\" { debian suite=\"bookworm\"; }
        image \"i\" { base \"b\"; role \"a\"; role \"b\"; remove \"/x\" }";
    sources.insert("forge.kdl", format!("{roles}\n{image}"));
    let plan = check(&sources, forge_model::Day::of_seconds(0)).plan.unwrap();
    let pruned = plan.nodes.iter().filter_map(|node| match &node.action {
        Action::Changes(changes) => Some((node.label.as_str(), &changes.changes)),
        _ => None,
    });
    let pruned: Vec<_> = pruned.map(|(label, changes)| (label, changes[0].what.clone())).collect();
    let together = ChangeKind::KernelModules {
        keep: vec!["net".to_owned(), "nvme".to_owned()],
        drop: vec!["snd*".to_owned()],
        firmware: false,
    };
    let removed = ChangeKind::Remove { pattern: "/x".to_owned() };
    assert_eq!(pruned, [("b/remove", together), ("i/remove", removed)]);
}

#[test]
fn a_variable_is_a_line_that_pam_reads() {
    let want = "i/files\n  /etc/environment: MPI_HOME=\"/opt/open mpi\"\n";
    assert_eq!(made("environment \"MPI_HOME\" \"/opt/open mpi\""), want);
}

#[test]
fn a_consoles_password_is_set_before_anything_that_may_fail() {
    let hash = "$6$salt$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK\
                9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1";
    let found = made(&format!("console password-hash=\"{hash}\" emergency=#true"));
    for line in [
        &format!("  /etc/forge/console-password-hash 0400: {hash}\n"),
        "  /etc/systemd/system/emergency.service.d/50-console.conf 0644: [Unit] | Wants=",
        "  /etc/systemd/system/rescue.service.d/50-console.conf 0644: ",
        "i/units\n  enable console-password.service\n",
    ] {
        assert!(found.contains(line), "{line}: {found}");
    }
}

#[test]
fn an_ssh_server_makes_its_keys_at_boot_without_being_asked() {
    let unit = "/etc/systemd/system/ssh-host-keys.service";
    let enabled = "i/units\n  enable ssh-host-keys.service\n";
    for body in ["packages \"openssh-server\"", "identity ssh-host-keys=\"boot\""] {
        let found = made(body);
        assert!(found.contains(unit) && found.ends_with(enabled), "{found}");
    }
    for body in [
        "packages \"openssh-client\"",
        "packages \"openssh-server\"; identity ssh-host-keys=\"none\"",
    ] {
        assert_eq!(made(body), "", "{body}");
    }
    assert_eq!(made("identity machine-id=\"boot\""), "i/files\n  /etc/machine-id 0444: \n");
}
