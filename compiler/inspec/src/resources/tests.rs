//! What resources say of a tree, as `InSpec` says it of the system in it.

use forge_model::{Account, Level, Status};

use crate::testing::{MemoryImage, rows};

fn judged(controls: &str, image: &MemoryImage) -> Vec<(Status, String)> {
    rows(&format!("control 'c' do\n{controls}\nend\n"), image)
}

/// Asserts that every expectation comes to one status.
fn all_are(wanted: Status, controls: &str, image: &MemoryImage) {
    let found = judged(controls, image);
    assert!(!found.is_empty(), "{controls}");
    for (status, text) in found {
        assert_eq!(status, wanted, "{text}");
    }
}

const VENDOR: &str = "/usr/lib/systemd/system";
const SITE: &str = "/etc/systemd/system";

fn units() -> MemoryImage {
    let install = |more: &str| format!("[Service]\nExecStart=/x\n[Install]\n{more}\n");
    let wanted = install("WantedBy=multi-user.target");
    let to = |name: &str| format!("{VENDOR}/{name}.service");
    let image = MemoryImage::new()
        .file(&to("static"), "[Unit]\nDescription=Still\n[Service]\nUser=nobody\n")
        .file(&to("also"), &install("Also=x.socket"))
        .file(&to("off"), &wanted)
        .file(&to("vendor"), &wanted)
        .file(&to("on"), &wanted)
        .file(&to("named"), &install("Alias=other.service"))
        .file(&to("renamed"), &wanted)
        .file(&to("t@"), &install("WantedBy=x.target\nDefaultInstance=a"))
        .file(&to("u@"), &wanted)
        .file(&to("dropped"), "[Unit]\n")
        .file(&to("rule"), "[Install]\n#WantedBy=x.target\n")
        .file("/opt/linked.service", &wanted)
        .link(&format!("{SITE}/linked.service"), "/opt/linked.service")
        .link(&format!("{SITE}/masked.service"), "/dev/null")
        .link(&format!("{SITE}/gone.service"), "/opt/gone.service")
        .link(&format!("{SITE}/other.service"), &to("named"))
        .link(&format!("{SITE}/another.service"), &to("renamed"))
        .link(&format!("{VENDOR}/x.target.wants/vendor.service"), "../vendor.service")
        .file(&format!("{SITE}/dropped.service.d/a.conf"), "[Install]\nWantedBy=x.target\n")
        .file(&format!("{SITE}/dropped.service.d/b.conf"), "[Unit]\nDescription=%n of %H\n");
    let wants = format!("{SITE}/multi-user.target.wants");
    image
        .link(&format!("{wants}/on.service"), &to("on"))
        .link(&format!("{wants}/t@a.service"), &to("t@"))
        .link(&format!("{wants}/u@z.service"), &to("u@"))
        .link(&format!("{wants}/gone.service"), &to("gone"))
}

/// The words of `systemctl is-enabled` of systemd 252 over the same files, and whether it ends with 0.
#[test]
fn units_are_enabled_as_systemctl_has_it() {
    let image = units();
    for (name, state, enabled) in [
        ("static", "static", true),
        ("also", "indirect", true),
        ("off", "disabled", false),
        ("vendor", "disabled", false),
        ("on", "enabled", true),
        ("named", "enabled", true),
        ("renamed", "indirect", true),
        ("t@", "enabled", true),
        ("t@a", "enabled", true),
        ("t@b", "disabled", false),
        ("u@", "indirect", true),
        ("u@z", "enabled", true),
        ("dropped", "disabled", false),
        ("rule", "static", true),
        ("linked", "linked", false),
        ("masked", "masked", false),
        ("gone", "", false),
        ("none", "", false),
    ] {
        let not = if enabled { "" } else { "_not" };
        let asks = format!(
            "describe service('{name}') do\nit {{ should{not} be_enabled }}\n\
             its('params.UnitFileState') {{ should eq '{state}' }}\nend"
        );
        all_are(Status::Passed, &asks, &image);
    }
}

#[test]
fn properties_of_a_unit_that_files_decide() {
    let image = units();
    all_are(
        Status::Passed,
        "describe service('static') do
           its('name') { should eq 'static.service' }
           its('description') { should eq 'Still' }
           its('startname') { should eq 'nobody' }
           its('params.LoadState') { should eq 'loaded' }
         end
         describe service('other') do its('name') { should eq 'named.service' } end
         describe service('off') do
           its('description') { should eq 'off.service' }
           its('startname') { should eq '' }
         end",
        &image,
    );
    // What is unset has a value that systemd gives it, and a unit of fstab has no file.
    all_are(
        Status::NotKnownHere,
        "describe service('static') do
           its('params.Restart') { should_not eq 'always' }
           its('params.ExecStart') { should be_nil }
         end
         describe service('static').params do it { should_not include 'X' } end
         describe service('dropped') do its('description') { should_not eq 'x' } end
         describe service('tmp.mount') do
           it { should_not be_enabled }
           it { should_not be_installed }
         end",
        &image,
    );
}

#[test]
fn a_manager_is_asked_whether_a_unit_is_enabled() {
    let line = "systemctl is-enabled 'static.service' --quiet";
    let asks = "describe service('static') do it { should be_enabled } end";
    let booted = |status| units().at(Level::Booted).ends(line, status, "", "");
    all_are(Status::Passed, asks, &booted(0));
    all_are(Status::Failed, asks, &booted(1));
    let asks = "describe service('static') do it { should_not be_enabled } end";
    all_are(Status::Passed, asks, &booted(4));
    all_are(Status::Error, asks, &booted(127));
}

/// Nothing passes for want of a value that a kernel has by itself.
#[test]
fn an_unset_kernel_parameter_makes_nothing_pass() {
    let image = MemoryImage::new();
    all_are(
        Status::NotKnownHere,
        "describe kernel_parameter('kernel.x') do
           its('value') { should_not eq 1 }
           its('value') { should_not cmp 1 }
           its('value') { should be_nil }
           it('has no value') { expect(subject.value.nil?).to be true }
         end
         describe kernel_parameter('kernel.x').value do it { should_not eq 1 } end
         describe kernel_parameter('kernel.x').value == 1 do it { should be false } end",
        &image,
    );
    all_are(
        Status::Failed,
        "describe kernel_parameter('kernel.x') do its('value') { should eq 1 } end",
        &image,
    );
    let node = MemoryImage::new().at(Level::Node);
    let asks = "describe kernel_parameter('kernel.x') do its('value') { should be_nil } end";
    all_are(Status::Passed, asks, &node);
}

#[test]
fn mounts_of_fstab() {
    let image = MemoryImage::new().file(
        "/etc/fstab",
        "UUID=1-2 /boot ext4 nofail,x-systemd.automount,noatime 0 0\n\
         /dev/disk/by-label/x /x auto defaults 0 0\n/data /y none bind 0 0\n\
         tmpfs /tmp tmpfs users,exec,size=1g 0 0\nhead:/home /home nfs4 ro,_netdev 0 0\n",
    );
    all_are(
        Status::Passed,
        "describe mount('/boot') do
           it { should be_mounted }
           its('type') { should eq 'ext4' }
           its('options') { should eq %w[rw noatime] }
         end
         describe mount('/tmp') do
           its('device') { should eq 'tmpfs' }
           its('options') { should eq %w[rw nosuid nodev relatime size=1g] }
         end
         describe mount('/home') do
           its('device') { should eq 'head:/home' }
           its('options') { should eq %w[ro relatime _netdev] }
         end
         describe mount('/tmp').exist?.inspect do it { should eq 'nil' } end",
        &image,
    );
    all_are(
        Status::NotKnownHere,
        "describe mount('/boot') do its('device') { should_not eq '/dev/sda1' } end
         describe mount('/x') do
           its('device') { should eq '/dev/disk/by-label/x' }
           its('type') { should_not eq 'xfs' }
         end
         describe mount('/y') do
           its('device') { should eq '/data' }
           its('type') { should eq 'none' }
         end",
        &image,
    );
    // It answers whatever it is asked, and has neither of these.
    for refused in [
        "describe mount('/none') do it { should_not exist } end",
        "describe mount('/tmp') do it { should exist } end",
        "describe mount('/tmp') do its(['options']) { should_not include 'x' } end",
    ] {
        let found = judged(refused, &image);
        assert!(matches!(found[0].0, Status::Failed | Status::Error), "{refused}: {found:?}");
    }
}

fn accounts() -> MemoryImage {
    MemoryImage::new()
        .program("/usr/bin/chage")
        .program("/usr/bin/getent")
        .file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nann:x:1000:50::/home/ann:/bin/sh\n\
             bob:x:1001:50::/home/bob:/bin/sh\nodd:x:1002:77::/:/bin/sh\n",
        )
        .file("/etc/group", "root:x:0:\nstaff:x:50:\nwheel:x:10:ann\n")
        .file("/etc/shadow", "root:!:19000:1:60:7:::\nann:$6$x:19000:::::\n")
}

#[test]
fn users_as_the_programs_of_a_system_have_them() {
    let image = accounts();
    all_are(
        Status::Passed,
        "describe user('ann') do
           it { should belong_to_group 'wheel' }
           it { should belong_to_primary_group 'staff' }
           it { should_not belong_to_primary_group 'wheel' }
           it { should_not belong_to_group 'root' }
           its('encrypted_password') { should eq '$6$x' }
           its('mindays') { should eq '-1' }
           its('maxdays') { should cmp <= 60 }
         end
         describe user('root') do
           its('maxdays') { should eq 60 }
           it { should_not be_disabled }
           it { should_not be_enabled }
         end
         describe user('odd') do
           its('group') { should eq '' }
           its('gid') { should eq 77 }
         end
         describe user('bob') do its('warndays') { should eq '-1' } end
         describe users.where { disabled == true } do it { should_not exist } end
         describe users do it { should be_disabled } end",
        &image,
    );
    let words: Vec<String> =
        judged("describe user('ann') do it { should belong_to_primary_group 'staff' } end", &image)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
    assert_eq!(words, ["User ann is expected to belong to primary group \"staff\""]);
    for refused in [
        "describe user('root') do it { should be_disabled } end",
        "describe user('ann') do it { should be_enabled } end",
        "describe users do it { should_not be_disabled } end",
        "describe user('none') do it { should_not belong_to_group 'root' } end",
        "describe user('none') do its('encrypted_password') { should be_nil } end",
        "describe user('bob') do its('encrypted_password') { should_not eq '' } end",
    ] {
        let found = judged(refused, &image);
        assert!(matches!(found[0].0, Status::Failed | Status::Error), "{refused}: {found:?}");
    }
}

#[test]
fn documents_are_walked_through_lists() {
    let image = MemoryImage::new()
        .file("/x.json", r#"{"a": [{"b": 1}, {"b": 2}], "count": 7, "servers": ["x", "y"]}"#)
        .file("/l.json", "[3, 4]");
    all_are(
        Status::Passed,
        "describe json('/x.json') do
           its(['a', 1, 'b']) { should eq 2 }
           its(['a', -2, 'b']) { should eq 1 }
           its(%w{servers length}) { should eq 2 }
           its(%w{servers last}) { should eq 'y' }
           its(%w{servers nothing}) { should be_nil }
           its(['servers', nil]) { should eq %w[x y] }
           its(['count']) { should eq 7 }
           its('count') { should eq 3 }
           its('length') { should be_nil }
         end
         describe json('/l.json') do
           its('length') { should eq 2 }
           its('first') { should eq 3 }
         end",
        &image,
    );
    let shuffled = "describe json('/l.json') do its(['permutation']) { should_not eq 1 } end";
    all_are(Status::Error, shuffled, &image);
}

#[test]
fn packages_by_name_and_architecture() {
    let record = |name: &str, arch: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nVersion: 1:2.1-3\nArchitecture: {arch}\n\n"
        )
    };
    let status = record("libx", "amd64") + &record("texts", "all");
    let image = MemoryImage::new()
        .file("/etc/debian_version", "12.5\n")
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("/var/lib/dpkg/status", &status);
    all_are(
        Status::Passed,
        "describe package('libx:amd64') do
           it { should be_installed }
           its('version') { should eq '1:2.1-3' }
         end
         describe package('texts:all') do it { should be_installed } end
         describe package('texts:amd64') do it { should_not be_installed } end
         describe package('libx:i386') do it { should_not be_installed } end
         describe package('libx.amd64') do it { should_not be_installed } end",
        &image,
    );
}

#[test]
fn links_are_followed_through_every_part() {
    let image = MemoryImage::new()
        .file("/usr/bin/dash", "")
        .link("/bin", "usr/bin")
        .link("/usr/bin/sh", "dash")
        .link("/round", "round")
        .link("/sh", "/bin/../bin/sh");
    all_are(
        Status::Passed,
        "describe file('/sh') do
           its('shallow_link_path') { should eq '/bin/../bin/sh' }
         end
         describe file('/sh') do
           it { should be_linked_to '/usr/bin/dash' }
           it { should_not be_linked_to '/bin/dash' }
           its('link_path') { should eq '/usr/bin/dash' }
           its('shallow_link_path') { should eq '/usr/bin/dash' }
         end
         describe file('/usr/bin/sh') do its('shallow_link_path') { should eq 'dash' } end
         describe file('/round') do its('link_path') { should eq '' } end
         describe file('/usr/bin/dash') do its('link_path') { should be_nil } end",
        &image,
    );
}

#[test]
fn options_that_are_none_change_nothing() {
    let image = MemoryImage::new().file("/x", "a: 1\nb = 2\n");
    all_are(
        Status::Passed,
        "describe parse_config_file('/x', assignment_re: /^(.*?): (.*)$/) do
           its('a') { should be_nil }
           its('b') { should eq '2' }
         end
         describe parse_config_file('/x', assignment_regex: /^(.*?): (.*)$/) do
           its('a') { should eq '1' }
         end",
        &image,
    );
}

#[test]
fn a_menu_without_the_entry_is_an_error() {
    let image = MemoryImage::new()
        .file("/etc/debian_version", "12.5\n")
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("/etc/default/grub", "GRUB_DEFAULT=-1\nGRUB_TIMEOUT=5\n")
        .file(
            "/boot/grub/grub.cfg",
            "menuentry 'One' --class x {\n linux /one quiet\n}\n\
             menuentry 'Two' --class x {\n linux /two\n}\n",
        );
    all_are(
        Status::Passed,
        "describe grub_conf do its('kernel') { should include '/two' } end
         describe grub_conf('/boot/grub/grub.cfg', 'One') do
           its('kernel') { should include 'quiet' }
         end",
        &image,
    );
    let asks = "describe grub_conf('/boot/grub/grub.cfg', 'Three') do
                  its('kernel') { should_not include 'x' }
                  its('none') { should be_nil }
                end";
    let found = judged(asks, &image);
    assert!(matches!(found[0].0, Status::Failed | Status::Error), "{found:?}");
}

/// `modprobe` shows names with `_`, and `InSpec` looks for them as they are given.
#[test]
fn modules_as_modprobe_shows_them() {
    let image = MemoryImage::new().file(
        "/etc/modprobe.d/site.conf",
        "# site\ninstall cramfs /bin/false\ninstall usb-storage /bin/true\ninstall udf \\\n /bin/true\n\
         install hfs /usr/bin/false\ninstall snd* /bin/true\nblacklist pc-spkr\n",
    );
    all_are(
        Status::Passed,
        "%w[cramfs usb_storage udf].each do |name|
           describe kernel_module(name) do
             it { should be_disabled }
             it { should be_blacklisted }
           end
         end
         describe kernel_module('pc_spkr') do
           it { should be_blacklisted }
           it { should_not be_disabled }
         end",
        &image,
    );
    all_are(
        Status::Failed,
        "%w[usb-storage hfs snd_pcm none].each do |name|
           describe kernel_module(name) do
             it { should be_disabled }
             it { should be_blacklisted }
           end
         end
         describe kernel_module('pc-spkr') do it { should be_blacklisted } end",
        &image,
    );
}

#[test]
fn a_group_that_is_there_twice_has_no_number() {
    let image = MemoryImage::new().file("/etc/group", "a:x:1:\nb:x:2:ann\na:x:3:\n");
    all_are(Status::Passed, "describe group('a') do it { should exist } end", &image);
    all_are(Status::Passed, "describe group('b') do its('gid') { should eq 2 } end", &image);
    let found = judged("describe group('a') do its('gid') { should_not eq 0 } end", &image);
    assert!(matches!(found[0].0, Status::Failed | Status::Error), "{found:?}");
}

#[test]
fn a_line_of_fstab_without_options_has_the_table_passed_over() {
    let asks = "describe etc_fstab.where { mount_point == '/x' } do it { should_not exist } end";
    let fstab = |text: &str| MemoryImage::new().file("/etc/fstab", text);
    all_are(Status::Passed, asks, &fstab("# none\n\ntmpfs /tmp tmpfs nodev\n"));
    for text in ["tmpfs /x tmpfs\n", "# none\n  # more\n", " \ntmpfs /tmp tmpfs nodev\n"] {
        all_are(Status::NotReviewed, asks, &fstab(text));
    }
}

/// A node has accounts of a directory service, which no file has.
#[test]
fn accounts_of_a_directory_service() {
    let account = Account {
        uid: Some(5001),
        group: Some("lab".to_owned()),
        groups: Some(vec!["wheel".to_owned()]),
        home: Some("/home/eve".to_owned()),
        shell: None,
        evidence: "getent passwd eve".to_owned(),
    };
    let node = accounts().at(Level::Node).account("eve", account);
    all_are(
        Status::Passed,
        "describe user('eve') do
           it { should exist }
           it { should have_uid 5001 }
           it { should belong_to_primary_group 'lab' }
           its('groups') { should eq %w[lab wheel] }
           its('home') { should eq '/home/eve' }
         end
         describe user('none') do it { should_not exist } end",
        &node,
    );
    all_are(
        Status::Failed,
        "describe user('eve') do
           it { should_not exist }
           it { should_not belong_to_group 'wheel' }
         end",
        &node,
    );
    all_are(
        Status::NotKnownHere,
        "describe user('eve') do
           its('shell') { should_not eq '/bin/sh' }
           it { should_not have_login_shell '/bin/sh' }
           its('maxdays') { should be_nil }
         end",
        &node,
    );
}

#[test]
fn a_line_of_hosts_deny_without_clients_is_an_error() {
    let asks = "describe etc_hosts_deny.where { daemon == 'ALL' } do it { should exist } end";
    let deny = |text: &str| MemoryImage::new().file("/etc/hosts.deny", text);
    all_are(Status::Passed, asks, &deny("# none\n\nALL: ALL\n"));
    all_are(Status::Error, asks, &deny("ALL\n"));
    all_are(Status::Error, asks, &deny("ALL: ALL\n  \n"));
}
