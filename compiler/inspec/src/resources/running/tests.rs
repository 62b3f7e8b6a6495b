//! Systems that run, in memory.

use forge_judge::parsers::sockets;
use forge_model::{Level, Status};

use crate::testing::{MemoryImage, rows};

/// What a controls file gives on a system, each expectation in a line of its own.
fn judged(controls: &str, system: &MemoryImage) -> Vec<(String, Status)> {
    let text = format!("control 'c' do\n{controls}\nend\n");
    rows(&text, system).into_iter().map(|(status, text)| (text, status)).collect()
}

/// Asserts that all of it passes there, and that a tree knows none of it.
fn passes_there_alone(controls: &str, system: &MemoryImage) {
    for (text, status) in judged(controls, system) {
        assert_eq!(status, Status::Passed, "{text}");
    }
    let tree = judged(controls, &MemoryImage::new());
    assert!(!tree.is_empty());
    for (text, status) in tree {
        assert_eq!(status, Status::NotKnownHere, "{text}");
    }
}

const SOCKETS: &str = "= read\n= tcp\n   \
    0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n   \
    1: 0100007F:1AA2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1\n\
    = tcp6\n= udp\n   \
    0: 00000000:0143 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2\n\
    = udp6\n= names\n/proc/1/comm:systemd\n/proc/80/comm:sshd\n/proc/81/comm:slurmd\n\
    = files\n/proc/1/fd:\n4711\n/proc/80/fd:\n4711\n/proc/81/fd:\n4712\n";

#[test]
fn ports_of_what_is_booted() {
    let booted = MemoryImage::new().at(Level::Booted).prints(sockets::QUESTION, SOCKETS);
    passes_there_alone(
        "describe port(22) do
           it { should be_listening }
           its('protocols') { should eq ['tcp'] }
           its('processes') { should include 'sshd' }
           its('pids') { should eq [80] }
           its('addresses') { should eq ['0.0.0.0'] }
         end
         describe port('127.0.0.1', 6818) do it { should be_listening } end
         describe port(80) do it { should_not be_listening } end
         describe port.where { protocol =~ /tcp/ && port > 1000 } do
           it { should be_listening }
           its('ports') { should cmp [6818] }
         end
         describe port do its('count') { should eq 3 } end",
        &booted,
    );
    // One that takes both families is one of all addresses, as `ss` has it.
    let both = MemoryImage::new().at(Level::Booted).prints(
        sockets::QUESTION,
        "= read\n= tcp\n= tcp6\n   \
         0: 00000000000000000000000000000000:0050 0:0 0A 0:0 00:0 0 0 0 1 1\n   \
         1: 0000000000000000FFFF00000F02000A:0051 0:0 0A 0:0 00:0 0 0 0 2 1\n= names\n= files\n",
    );
    passes_there_alone(
        "describe port(80) do
           its('addresses') { should eq ['0.0.0.0'] }
           its('protocols') { should eq ['tcp'] }
         end
         describe port('10.0.2.15', 81) do it { should be_listening } end
         describe port('81/tcp') do it { should be_listening } end",
        &both,
    );
    // A table that cannot be read is no table without rows.
    let closed = MemoryImage::new().at(Level::Node).prints(sockets::QUESTION, "= tcp\n");
    let rows = judged("describe port(80) do it { should_not be_listening } end", &closed);
    assert_eq!(rows[0].1, Status::Error);
}

const PS: &str = "\
LABEL                               PID %CPU %MEM    VSZ   RSS TTY      STAT  STARTED     TIME USER                             COMMAND
-                                     1  0.0  0.1 101000 11000 ?        Ss   10:00:00 00:00:02 root                             /sbin/init
-                                    80  0.0  0.1  15000  9000 ?        Ss     Nov 27 00:00:00 root                             sshd: /usr/sbin/sshd -D
-                                    81  1.5  0.1  30000  9000 ?        S    10:00:01 00:00:00 slurm                            /usr/sbin/slurmctld -D
";
const ASKS_PS: &str = "ps wwaxo label,pid,pcpu,pmem,vsz,rss,tty,stat,start,time,user:32,command";

#[test]
fn processes_of_what_is_booted() {
    let booted = MemoryImage::new().at(Level::Booted).prints(ASKS_PS, PS);
    passes_there_alone(
        "describe processes('slurmctld') do
           it { should exist }
           it { should be_running }
           its('users') { should eq ['slurm'] }
           its('pids') { should cmp 81 }
           its('entries.length') { should eq 1 }
           its('commands') { should include '/usr/sbin/slurmctld -D' }
         end
         describe processes(/sshd/) do its('states') { should eq ['Ss'] } end
         describe processes('telnetd') do it { should_not exist } end
         describe processes.where { user == 'root' && pid < 10 } do its('count') { should eq 1 } end
         describe processes do its('count') { should eq 3 } end
         describe processes('slurmctld').exists? do it { should be true } end",
        &booted,
    );
    // Where there is no ps, nobody knows: not even that nothing of the name runs.
    let bare = MemoryImage::new().at(Level::Booted);
    let rows = judged("describe processes('x') do it { should_not exist } end", &bare);
    assert_eq!(rows[0].1, Status::Error);
}

#[test]
fn a_node_as_a_whole() {
    let node = MemoryImage::new()
        .at(Level::Node)
        .prints(
            "df '/scratch' -PT",
            "Filesystem Type 1024-blocks Used Available Capacity Mounted on\n\
             beegfs_nodev beegfs 1000 250 750 25% /scratch\n",
        )
        .ends("df '/none' -PT", 1, "", "df: /none: No such file or directory\n")
        .prints("hostname", "n001\n")
        .prints("hostname -f", "n001.example.org\n")
        .prints("env", "HOME=/root\nPATH=/usr/bin:/bin\n")
        .prints("getent ahosts 'head'", "10.0.0.1 STREAM head\n10.0.0.1 DGRAM\nfe80::1 RAW\n")
        .ends("getent ahosts 'gone'", 2, "", "")
        .prints("ping -w 1 -c 1 'head'", "1 received\n")
        .ends("ping -w 1 -c 1 'gone'", 2, "", "unknown host\n")
        .prints(
            "cd /sys/class/net/'ib0' && cat operstate && { cat speed 2>/dev/null || echo; } && \
             ip -o address show dev 'ib0'",
            "up\n100000\n4: ib0    inet 10.1.0.2/16 brd 10.1.255.255 scope global ib0\n",
        );
    passes_there_alone(
        "describe filesystem('/scratch') do
           its('type') { should cmp 'beegfs' }
           its('size_kb') { should be >= 1000 }
           its('percent_free') { should eq 75 }
         end
         describe sys_info do
           its('hostname') { should eq 'n001' }
           its('fqdn') { should eq 'n001.example.org' }
         end
         describe os_env('PATH') do
           its('content') { should eq '/usr/bin:/bin' }
           its('split') { should_not include '.' }
         end
         describe host('head') do
           it { should be_resolvable }
           it { should be_reachable }
           its('ipaddress') { should include '10.0.0.1' }
           its('ipv6_address') { should eq ['fe80::1'] }
         end
         describe host('gone') do
           it { should_not be_resolvable }
           it { should_not be_reachable }
         end
         describe interface('ib0') do
           it { should be_up }
           its('speed') { should eq 100000 }
           its('ipv4_addresses_netmask') { should eq ['10.1.0.2/255.255.0.0'] }
         end",
        &node,
    );
    let rows = judged(
        "describe host('head', protocol: 'tcp') do it { should_not be_reachable } end",
        &node,
    );
    assert_eq!(rows[0].1, Status::Error);
    let rows = judged("describe filesystem('/none') do its('size_kb') { should cmp 0 } end", &node);
    assert_eq!(rows[0].1, Status::Error);
    // Only its name was to be looked up, and no program says that it has none.
    let rows = judged("describe host('x') do it { should_not be_resolvable } end", &node);
    assert_eq!(rows[0].1, Status::Error);
}

#[test]
fn the_time_zone_is_told_by_its_link_first() {
    let tree = MemoryImage::new().link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin");
    let asks = "describe timezone do
                  its('identifier') { should eq 'Europe/Berlin' }
                  its('name') { should eq 'CET' }
                end";
    let statuses = |image: &MemoryImage| {
        judged(asks, image).into_iter().map(|(_, status)| status).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&tree), [Status::Passed, Status::NotKnownHere]);
    let line = "timedatectl status | grep -i 'Time zone'";
    let said = "                Time zone: Europe/Berlin (CET, +0100)\n";
    let booted = MemoryImage::new().at(Level::Booted).prints(line, said);
    assert_eq!(statuses(&booted), [Status::Passed, Status::Passed]);
}

#[test]
fn the_kernel_of_a_node() {
    let node = MemoryImage::new()
        .at(Level::Node)
        .program("/usr/sbin/iptables")
        .program("/usr/sbin/auditctl")
        .program("/usr/sbin/sestatus")
        .file(
            "/proc/self/mounts",
            "/dev/sda1 / ext4 rw,relatime 0 0\nfs:/my\\040share /data nfs4 ro,nosuid 0 0\n",
        )
        .file("/proc/modules", "usb_storage 90112 1 - Live 0x0\n")
        .file("/etc/fstab", "tmpfs /tmp tmpfs nodev 0 0\n")
        .file("/etc/audit/rules.d/x.rules", "-w /etc/other -p wa\n")
        .file("/etc/selinux/config", "SELINUX=enforcing\n")
        .prints("/sbin/auditctl -l", "-w /etc/passwd -p wa -k identity\n")
        .prints("/sbin/auditctl -s", "enabled 2\nfailure 1\n")
        .prints("modinfo -F version 'usb-storage'", "1.0\n")
        .prints("iptables -t 'filter' -S 'INPUT'", "-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n")
        .prints("sestatus", "SELinux status:   enabled\nCurrent mode:    permissive\n");
    for (text, status) in judged(
        "describe mount('/data') do
           it { should be_mounted }
           its('options') { should eq ['ro', 'nosuid'] }
           its('device') { should eq 'fs:/my share' }
           its('count') { should eq 1 }
         end
         describe mount('/tmp') do it { should_not be_mounted } end
         describe file('/tmp') do it { should_not be_mounted } end
         describe kernel_module('usb-storage') do
           it { should be_loaded }
           its('version') { should eq '1.0' }
         end
         describe kernel_module('cramfs') do it { should_not be_loaded } end
         describe auditd do its('lines') { should eq ['-w /etc/passwd -p wa -k identity'] } end
         describe auditd.status('enabled') do it { should cmp 2 } end
         describe auditd.status['failure'] do it { should cmp 1 } end
         describe iptables(table: 'filter', chain: 'INPUT') do
           it { should have_rule('-P INPUT DROP') }
           it { should_not have_rule('-P INPUT ACCEPT') }
         end
         describe selinux do
           it { should be_installed }
           it { should be_permissive }
           it { should_not be_enforcing }
         end",
        &node,
    ) {
        assert_eq!(status, Status::Passed, "{text}");
    }
}

#[test]
fn properties_of_a_unit_that_runs() {
    let line = "systemctl show --no-pager --all 'x.service'";
    let shown = "ActiveState=active\nMainPID=80\nExecStart={ path=/x ; argv[]=/x }\n";
    let booted = MemoryImage::new().at(Level::Booted).prints(line, shown);
    passes_there_alone(
        "describe service('x') do its('params.ActiveState') { should eq 'active' } end
         describe systemd_service('x').params['MainPID'] do it { should cmp 80 } end",
        &booted,
    );
}
