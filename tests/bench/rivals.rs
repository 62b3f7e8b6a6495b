//! The same job by a plain shell pipeline, and by buildah.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Builder;

const PACKAGES: &str = "openssh-server chrony slurm-client munge lua5.4 nfs-common \
                        python3-minimal linux-image-cloud-amd64";

/// The rival of this name, in a directory of its own.
pub(crate) fn by_name(name: &str, directory: &Path) -> Box<dyn Builder> {
    let directory = directory.join(name);
    let files = directory.join("files");
    std::fs::create_dir_all(&files).unwrap_or_else(|error| panic!("{error}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/site/files/.");
    shell(&format!("cp -r {} {}", source.display(), files.display()));
    match name {
        "shell" => Box::new(Shell { directory }),
        "buildah" => Box::new(Buildah { directory }),
        _ => panic!("no rival is called `{name}`"),
    }
}

fn shell(script: &str) {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\nfailed:\n{text}");
}

/// mmdebstrap, chroot, cp, cpio, zstd; the tree of the packages is kept, as a careful admin would.
struct Shell {
    directory: PathBuf,
}

/// Users, units and links, in a chroot at `$T`.
const CONFIGURE: &str = "groupadd -g 2000 hpc; \
    for u in ann:2001 bob:2002 eve:2003; do useradd -m -u ${u#*:} -g hpc ${u%:*}; done; \
    systemctl enable ssh chrony munge systemd-networkd rpcbind >/dev/null 2>&1; \
    ln -sf usr/lib/systemd/systemd /init";

impl Builder for Shell {
    fn name(&self) -> &'static str {
        "shell"
    }

    fn clean(&self) {
        let directory = self.directory.display();
        shell(&format!("rm -rf {directory}/tree {directory}/packages {directory}/out"));
    }

    fn build(&self, images: &[&str]) {
        let directory = self.directory.display();
        for image in images {
            shell(&format!(
                "cd {directory}; mkdir -p out
                if [ ! -d packages ]; then
                  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus \
                    bookworm packages /etc/apt/sources.list.d/debian.sources 2>/dev/null || \
                  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus \
                    bookworm packages
                  printf '#!/bin/sh\\nexit 101\\n' > packages/usr/sbin/policy-rc.d
                  chmod 755 packages/usr/sbin/policy-rc.d
                  cp /etc/resolv.conf packages/etc/resolv.conf
                  chroot packages sh -c 'apt-get -qq update; \
                    DEBIAN_FRONTEND=noninteractive INITRD=No apt-get -qq install -y \
                    --no-install-recommends {PACKAGES}; apt-get clean' >/dev/null 2>&1
                  rm packages/usr/sbin/policy-rc.d
                fi
                rm -rf tree; cp -a packages tree
                mkdir -p tree/etc/site.d; cp files/site-*.conf tree/etc/site.d/
                echo {image} > tree/etc/site.d/name.conf
                chroot tree sh -c '{CONFIGURE}'
                cp files/motd tree/etc/motd
                (cd tree; find . -path ./boot -prune -o -print0 | sort -z | \
                  cpio --null -o -H newc --quiet --reproducible) | zstd -q -3 -T0 -f -o out/{image}.cpio.zst
                cp tree/boot/vmlinuz-* out/vmlinuz-{image}"
            ));
        }
    }

    fn edit(&self, line: &str) {
        edit(&self.directory, line);
    }
}

fn edit(directory: &Path, line: &str) {
    let text = format!("Welcome to the bench.\n{line}\n");
    std::fs::write(directory.join("files/motd"), text).unwrap_or_else(|error| panic!("{error}"));
}

/// buildah with `--layers`; the image is packed only when its id is new.
struct Buildah {
    directory: PathBuf,
}

impl Buildah {
    fn containerfile(image: &str) -> String {
        format!(
            "FROM bench-base\n\
             RUN apt-get -qq update && DEBIAN_FRONTEND=noninteractive INITRD=No apt-get -qq install \
             -y --no-install-recommends {PACKAGES} && apt-get clean\n\
             COPY site-*.conf /etc/site.d/\n\
             RUN {CONFIGURE}\n\
             RUN echo {image} > /etc/site.d/name.conf\n\
             COPY motd /etc/motd\n"
        )
    }

    fn roots(&self) -> String {
        let directory = self.directory.display();
        format!("--root {directory}/storage --runroot {directory}/run")
    }
}

impl Builder for Buildah {
    fn name(&self) -> &'static str {
        "buildah"
    }

    fn clean(&self) {
        let (directory, roots) = (self.directory.display(), self.roots());
        shell(&format!(
            "cd {directory}; [ ! -d storage ] || buildah {roots} rmi -a -f >/dev/null 2>&1 || true
            rm -rf storage run out base.tar ids"
        ));
    }

    fn build(&self, images: &[&str]) {
        let (directory, roots) = (self.directory.display(), self.roots());
        for image in images {
            let file = self.directory.join(format!("Containerfile.{image}"));
            std::fs::write(file, Self::containerfile(image))
                .unwrap_or_else(|error| panic!("{error}"));
            shell(&format!(
                "cd {directory}; mkdir -p out ids
                if ! buildah {roots} inspect --type image bench-base >/dev/null 2>&1; then
                  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus \
                    bookworm base.tar
                  c=$(buildah {roots} from scratch); buildah {roots} add -q $c base.tar / >/dev/null
                  buildah {roots} commit -q $c bench-base >/dev/null; buildah {roots} rm $c >/dev/null
                fi
                buildah {roots} bud -q --layers --isolation chroot --iidfile ids/new \
                  -t {image} -f Containerfile.{image} files >/dev/null
                if ! cmp -s ids/new ids/{image}; then
                  c=$(buildah {roots} from {image}); m=$(buildah {roots} mount $c)
                  (cd $m; find . -path ./boot -prune -o -print0 | sort -z | \
                    cpio --null -o -H newc --quiet --reproducible) | \
                    zstd -q -3 -T0 -f -o out/{image}.cpio.zst
                  cp $m/boot/vmlinuz-* out/vmlinuz-{image}
                  buildah {roots} umount $c >/dev/null; buildah {roots} rm $c >/dev/null
                  cp ids/new ids/{image}
                fi"
            ));
        }
    }

    fn edit(&self, line: &str) {
        edit(&self.directory, line);
    }
}
