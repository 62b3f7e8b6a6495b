mkdir -p etc/systemd/system/multi-user.target.wants usr/lib/systemd/system var/lib/dpkg \
    etc/sysctl.d usr/lib/sysctl.d etc/ssh/sshd_config.d
unit() { printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n%s' "$1" "${2-}" > "usr/lib/systemd/system/$1.service"; }
unit plain
unit masked
ln -s /dev/null etc/systemd/system/masked.service
unit real 'Alias=other.service
'
ln -s /usr/lib/systemd/system/real.service etc/systemd/system/other.service
ln -s /usr/lib/systemd/system/real.service etc/systemd/system/multi-user.target.wants/real.service
unit getty@
ln -s /usr/lib/systemd/system/getty@.service etc/systemd/system/multi-user.target.wants/getty@tty7.service
unit idle
cat > var/lib/dpkg/status <<'S'
Package: kept
Status: install ok installed
Architecture: all
Version: 1:2.10-1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 3.0

Package: half
Status: install ok half-configured
Architecture: all
Version: 1.0
S
printf 'net.ipv4.ip_forward = 1\nkernel.sysrq = 1\nkernel.masked = 1\n' > usr/lib/sysctl.d/50-default.conf
printf 'net.ipv4.conf.*.rp_filter = 2\n' > usr/lib/sysctl.d/40-globs.conf
printf 'net.ipv4.ip_forward = 0\n-net.ipv4.conf.eth0.rp_filter\n' > etc/sysctl.d/60-site.conf
printf 'kernel.sysrq = 0\n' > etc/sysctl.d/50-default.conf
printf '; note\n- kernel.dmesg_restrict = 1\n' > etc/sysctl.d/99-last.conf
cat > etc/ssh/sshd_config <<'S'
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin no
passwordauthentication no
Port 22
Port 2222
Match User backup
    PasswordAuthentication yes
    X11Forwarding yes
S
printf 'MaxAuthTries 3\n' > etc/ssh/sshd_config.d/10-site.conf
