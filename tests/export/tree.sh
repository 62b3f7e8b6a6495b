mkdir -p bin etc/ssh/sshd_config.d etc/modprobe.d etc/sysctl.d etc/systemd/system/multi-user.target.wants \
    usr/lib/systemd/system var/lib/dpkg lib/modules/6.1.0
printf 'root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\nlost:x:1001:77::/nowhere:/usr/sbin/nologin\n' > etc/passwd
printf 'root:x:0:\nadm:x:4:ann,root\nusers:x:1000:\n' > etc/group
chmod 0644 etc/passwd etc/group
printf 'secret\n' > etc/shadow && chmod 0640 etc/shadow
printf 'Welcome to the node\nit is called n1\n' > etc/motd && chmod 0644 etc/motd
printf 'Welcome' > etc/issue
: > etc/empty
printf '#!/bin/sh\n' > bin/ls && chmod 4755 bin/ls
ln -s motd etc/link
ln -s nowhere etc/dangling
ln -s ../etc etc/linked
printf '# Key = old\nKey=one\n Key = one \nOther = "two words"\nPath /a b\n[main]\nplugins = yes\n[other]\nplugins=no\nTwice=1\nTwice=2\n' > etc/site.conf
unit() { printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' "$1" > "usr/lib/systemd/system/$1.service"; }
unit plain; unit real; unit masked
ln -s /dev/null etc/systemd/system/masked.service
ln -s /usr/lib/systemd/system/real.service etc/systemd/system/multi-user.target.wants/real.service
printf 'Package: kept\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2.10-1\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 3.0\n' > var/lib/dpkg/status
printf 'net.ipv4.ip_forward = 0\nkernel.panic = 10\nnet.ipv4.tcp_rmem = 4096\t87380  6291456\n' > etc/sysctl.d/60-site.conf
printf 'install cramfs /bin/false\nblacklist floppy\n' > etc/modprobe.d/site.conf
printf 'kernel/fs/cramfs/cramfs.ko:\n' > lib/modules/6.1.0/modules.dep
cat > etc/ssh/sshd_config <<'S'
# Port 1
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin yes
Port 22
Port=2222
Banner "/etc/issue net"
AllowUsers ann bob
Match User ann
    X11Forwarding yes
Match all
UsePAM no
S
printf 'permitrootlogin prohibit-password\n' > etc/ssh/sshd_config.d/10-site.conf
