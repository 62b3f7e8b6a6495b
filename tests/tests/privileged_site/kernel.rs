//! A build on another kernel: in a virtual machine that has nothing but the builder and what it
//! starts.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use forge_test::{LocalDebian, SmallSite, TOKEN, built_binary};

use crate::through;

/// The kernel starts this in its initramfs. A container cannot change its root from there
/// (`pivot_root(2)`), so that all moves to a tmpfs first.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox mount -t tmpfs -o size=80% tmpfs /new
/bin/busybox cp -a /payload/. /new/
exec /bin/busybox switch_root /new /start
";

const START: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/bin:/usr/sbin:/bin TOKEN=@TOKEN@
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
insmod /overlay.ko
forgec -C /project --store /store --out /out build > /log 2>&1
code=$?
cat /log
echo \"BUILD code=$code release=$(uname -r)\"
forgec -C /project --store /store --out /out shell packaged -- /bin/cat /var/lib/tiny/state
echo \"SHELL code=$?\"
for file in /out/*.cpio.gz /out/vmlinuz-*; do
    [ -L $file ] || echo \"SUM $(sha256sum $file)\"
done
poweroff -f
";

/// Programs of the host that the machine needs, with their libraries: those that a build starts,
/// and those that mmdebstrap does.
const PROGRAMS: [&str; 23] = [
    "/usr/bin/apt-cache",
    "/usr/bin/apt-config",
    "/usr/bin/apt-get",
    "/usr/bin/dpkg",
    "/usr/bin/dpkg-deb",
    "/usr/bin/env",
    "/usr/bin/find",
    "/usr/bin/mmdebstrap",
    "/usr/bin/mount",
    "/usr/bin/mountpoint",
    "/usr/bin/perl",
    "/usr/bin/rm",
    "/usr/bin/systemd-nspawn",
    "/usr/bin/tar",
    "/usr/bin/umount",
    "/usr/bin/unshare",
    "/usr/lib/apt/apt-helper",
    "/usr/lib/apt/methods/copy",
    "/usr/lib/apt/methods/file",
    "/usr/lib/apt/methods/store",
    "/usr/sbin/chroot",
    "/usr/sbin/ldconfig",
    "/usr/sbin/start-stop-daemon",
];

/// Builds the small site in a machine with this kernel and the modules of this packed image: what
/// comes out is what this host gives.
pub(crate) fn builds_the_same(kernel: &Path, packed: &Path) {
    let archive = LocalDebian::new();
    let lab = SmallSite::packaged(&archive);
    lab.build();
    let initrd = initrd(&lab, &archive, packed);
    let output = Command::new("timeout")
        .args(["300", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2"])
        .args(["-m", "2048", "-display", "none", "-serial", "stdio", "-monitor", "none"])
        .args(["-no-reboot", "-nic", "none", "-append", "console=ttyS0 panic=-1 quiet"])
        .arg("-kernel")
        .arg(kernel.canonicalize().unwrap())
        .arg("-initrd")
        .arg(&initrd)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let console = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(console.contains("BUILD code=0 release=6.1."), "{console}");
    assert!(console.contains("lib\nSHELL code=0"), "{console}");
    let told: BTreeSet<String> = console
        .lines()
        .filter_map(|line| line.strip_prefix("SUM "))
        .map(|line| line.replace("/out/", ""))
        .collect();
    assert_eq!(told, sums(lab.forgec.out_dir()), "{console}");
}

/// SHA-256 of what a node boots, as `sha256sum` writes it.
fn sums(out: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(out).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.file_type().unwrap().is_file());
    let names = files.map(|entry| entry.file_name()).filter(|name| {
        let name = name.to_string_lossy();
        name.ends_with(".cpio.gz") || name.starts_with("vmlinuz-")
    });
    let output = Command::new("sha256sum").args(names).current_dir(out).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// An initramfs with the builder, the project, and what a build starts.
fn initrd(lab: &SmallSite, debian: &LocalDebian, packed: &Path) -> PathBuf {
    let root = lab.site.scratch().join("machine");
    let payload = root.join("payload");
    for name in ["bin", "dev", "etc", "proc", "project", "root", "run", "sys", "tmp", "usr/bin"] {
        fs::create_dir_all(payload.join(name)).unwrap();
    }
    // mmdebstrap and apt-get look into these.
    for name in ["etc/apt/apt.conf.d", "etc/apt/sources.list.d", "var/lib/dpkg", "var/tmp"] {
        fs::create_dir_all(payload.join(name)).unwrap();
    }
    for name in ["bin", "dev", "new"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    executable(&root.join("init"), INIT);
    executable(&payload.join("start"), &START.replace("@TOKEN@", TOKEN));
    fs::write(payload.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    // nspawn shows it to its containers.
    install(Path::new("/usr/lib/os-release"), &payload);
    fs::write(payload.join("etc/group"), "root:x:0:\n").unwrap();
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new);
    let busybox = busybox.into_iter().find(|path| path.exists()).unwrap();
    for bin in [root.join("bin"), payload.join("bin")] {
        fs::copy(busybox, bin.join("busybox")).unwrap();
    }
    let forgec = payload.join("usr/bin/forgec");
    let stripped = Command::new("strip").arg("-o").arg(&forgec).arg(built_binary()).status();
    assert!(stripped.unwrap().success(), "strip");
    libraries(&built_binary(), &payload);
    for program in PROGRAMS {
        install(Path::new(program), &payload);
        if fs::read(program).unwrap().starts_with(b"\x7fELF") {
            libraries(Path::new(program), &payload);
        }
    }
    crate::copy(debian.etc_apt(), &payload.join("etc/apt"));
    install_directory(debian.path(), &payload);
    // dpkg's names of architectures.
    install_directory(Path::new("/usr/share/dpkg"), &payload);
    for directory in perl_modules() {
        install_directory(&directory, &payload);
    }
    crate::copy(&lab.site.project(), &payload.join("project"));
    // There is no git in the machine.
    fs::remove_dir_all(payload.join("project/.git")).unwrap();
    let module = "usr/lib/modules/*/kernel/fs/overlayfs/overlay.ko";
    let module = through(packed, &["cpio", "-i", "--quiet", "--to-stdout", module]);
    assert!(module.starts_with(b"\x7fELF"), "the module of overlayfs");
    fs::write(payload.join("overlay.ko"), module).unwrap();
    archive(&root)
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn install(file: &Path, root: &Path) {
    let to = root.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(file, to).unwrap();
}

fn install_directory(directory: &Path, root: &Path) {
    let to = root.join(directory.strip_prefix("/").unwrap());
    fs::create_dir_all(&to).unwrap();
    crate::copy(directory, &to);
}

/// Where perl, in which mmdebstrap is written, finds its modules.
fn perl_modules() -> Vec<PathBuf> {
    let script = "print map { qq($_\\n) } grep { -d } @INC";
    let output = Command::new("perl").args(["-e", script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(PathBuf::from).collect()
}

/// Copies the shared libraries of a program, by what its loader finds.
fn libraries(program: &Path, root: &Path) {
    let output = Command::new("ldd").arg(program).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for word in text.split_whitespace().filter(|word| word.starts_with('/')) {
        install(Path::new(word), root);
    }
}

fn archive(root: &Path) -> PathBuf {
    let to = root.with_extension("cpio");
    let mut find =
        Command::new("find").arg(".").current_dir(root).stdout(Stdio::piped()).spawn().unwrap();
    let output = Command::new("cpio")
        .args(["-o", "-H", "newc", "-R", "0:0", "--quiet"])
        .current_dir(root)
        .stdin(find.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success() && find.wait().unwrap().success(), "{:?}", output.stderr);
    fs::File::create(&to).unwrap().write_all(&output.stdout).unwrap();
    to
}
