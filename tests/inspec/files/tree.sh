mkdir -p etc/app.d usr/bin var/tmp srv
printf 'root:x:0:0::/root:/bin/sh\nann:x:4242:4242::/home/ann:/bin/sh\n' > etc/passwd
printf 'root:x:0:\n' > etc/group
printf 'one\ntwo\n' > etc/app.conf
ln -s /etc/app.conf etc/absolute
ln -s app.conf etc/relative
ln -s /nowhere/at/all etc/dangling
ln -s loop etc/loop
ln -s ../../../../etc/passwd etc/outside
ln etc/app.conf etc/hard
printf 'caf\351 = \377\nplain = yes\n' > etc/latin.conf
: > etc/empty
printf 'x' > usr/bin/tool
chmod 4755 usr/bin/tool
chmod 1777 var/tmp
chmod 0640 etc/app.conf
chmod 2755 srv
mkdir etc/shut
printf x > etc/shut/inner
chmod 0700 etc/shut
chmod 0755 . etc
chmod 0644 etc/shut/inner etc/passwd
ln -s shut/inner etc/within
ln -s passwd etc/readable
mkfifo etc/pipe
