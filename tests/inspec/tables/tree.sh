mkdir -p etc/cron.d etc/aide var/spool/cron/crontabs boot/grub etc/default etc/mysql/conf.d etc/apache2/mods
printf 'ID=debian\nVERSION_ID="12"\nNAME="Debian"\n' > etc/os-release
printf '12.5\n' > etc/debian_version
printf 'Full = p+sha512+acl\n/boot Full\n/etc/ Full # all\n!/var/log\n=/tmp R\n' > etc/aide.conf
printf 'PATH=/bin\n5 4 * * 1 root /usr/sbin/aide --check\n@daily ops /bin/x\n' > etc/cron.d/site
printf '# edit\n@reboot /bin/y\n0 1 * * * /bin/z\n' > var/spool/cron/crontabs/root
printf '127.0.0.1 localhost me\n# x\n\n::1 localhost6\n' > etc/hosts
printf 'sshd, ftpd : 10.0.0.0/8\n' > etc/hosts.allow
printf 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX="audit=1"\n' > etc/default/grub
printf "menuentry 'Debian' --class debian {\n\tinsmod ext2\n\tset root='hd0,msdos1'\n\tlinux /vmlinuz root=/dev/sda1 audit=1\n\tinitrd /initrd.img\n}\nmenuentry 'Old' --class debian {\n\tlinux /old\n}\n" > boot/grub/grub.cfg
printf '[mysqld]\nport = 3306\n!includedir /etc/mysql/conf.d/\n' > etc/mysql/my.cnf
printf '[mysqld]\nlocal-infile = 0\n' > etc/mysql/conf.d/a.cnf
printf 'ServerRoot "/etc/apache2"\nServerTokens Prod\nIncludeOptional mods/*.load\n' > etc/apache2/apache2.conf
printf 'LoadModule a x.so\n' > etc/apache2/mods/a.load
printf 'LoadModule b y.so\n' > etc/apache2/mods/b.load
