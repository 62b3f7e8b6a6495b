//! The shipped library in an image of real packages.

use crate::{Example, IDENTITY};

/// Every role but `std/nvidia`, whose packages are in an archive that a host need not have.
const IMAGE: &str = r#"image "summit-library" {
    base "std/bookworm"
    set cluster="summit" type="library"
    kernel "linux-image-cloud-amd64" { cmdline "console=ttyS0,115200 panic=-1"; }
    role "std/stateless-node"
    role "std/chrony" { servers "ntp1.example.org"; }
    role "std/ssh-hardened"
    role "std/sysctl-hpc"
    role "std/limits-hpc"
    role "std/journald-volatile"
    role "std/rsyslog-forward" server="log.example.org"
    role "std/kdump-off"
    role "std/munge"
    role "std/slurm-node" { controllers "slurm1.example.org"; }
    role "std/nfs-home" server="nfs1.example.org"
    role "std/node-health"
    role "std/admins"
    user "ann" uid=2001 groups="sudo" password-hash="$6$forge$kRHvafRpbvoSJ19y.tovvFJuwBddvPASb6s.5eoqLkKM3JWdjxVcpVNptt0b17Mc5BdwpXTXLVwCDQ3LOBjNy0" { authorized-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBghFG8yfYEJOnzxveVmV9Vy3NVP5ZiXrkIlFQWM4UF4 ann@example.org"; }
    sudoers "20-site" "User_Alias OPS = ann" "OPS ALL=(root) /usr/bin/systemctl restart *"
    role "std/node-exporter"
    role "std/lmod"
    role "std/infiniband"
    role "std/serial-console"
    file "/etc/munge/munge.key" secret="munge-key" owner="munge" group="munge" mode="0400"
    output "initramfs" allow-secrets=#true
}
"#;

/// All roles come up together: no unit fails, and every control that they bring passes.
pub(crate) fn comes_up(example: &Example) {
    let roles: Vec<_> = IMAGE.lines().filter(|line| line.contains("role \"std/")).collect();
    let listed = example.forgec.run(&["std"]).expect(0).stdout;
    let known = listed.lines().filter(|line| line.contains("  role  "));
    for line in known {
        let name = line.split_whitespace().next().unwrap();
        let used = roles.iter().any(|role| role.contains(&format!("\"{name}\"")));
        // `std/nfs-home` uses it.
        let used = used || name == "std/nfs-client";
        assert!(used || name == "std/nvidia", "{name} is not in the image");
    }
    example.site.write("images/library.kdl", IMAGE);
    let identity = example.site.project().join(IDENTITY).display().to_string();
    let build = ["build", "--boot", "--identity", &identity, "summit-library"];
    let run = example.forgec.run(&build).expect(0);
    assert!(run.stderr.contains("summit-library booted in a container: running"), "{}", run.stderr);
    let verdicts = run.stdout.lines().chain(run.stderr.lines());
    let counts = verdicts.into_iter().find(|line| line.starts_with("summit-library: ")).unwrap();
    let (all, passed) = counts["summit-library: ".len()..].split_once(" controls: ").unwrap();
    assert!(passed.starts_with(&format!("{all} passed")) && passed != "0 passed", "{counts}");
    lets_ann_in(example);
}

/// What the programs of the image themselves say of an account's ways in.
fn lets_ann_in(example: &Example) {
    const ASK: &str = "visudo -c
        sudo -l -U ann | grep 'systemctl restart'
        passwd -S ann | cut -d' ' -f1,2
        stat -c '%a %U:%G %n' /home/ann/.ssh /home/ann/.ssh/authorized_keys
        ssh-keygen -l -f /home/ann/.ssh/authorized_keys";
    const WANT: &str = "/etc/sudoers: parsed OK
/etc/sudoers.d/10-forge: parsed OK
/etc/sudoers.d/20-site: parsed OK
    (root) /usr/bin/systemctl restart *
ann P
700 ann:ann /home/ann/.ssh
600 ann:ann /home/ann/.ssh/authorized_keys
256 SHA256:";
    let said = example.shell("summit-library", &["/bin/sh", "-ec", ASK]);
    let said: String = said
        .lines()
        .filter(|line| !line.ends_with("README: parsed OK"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(said.starts_with(WANT) && said.ends_with(" ann@example.org (ED25519)"), "{said}");
}
