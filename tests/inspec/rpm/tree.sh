# A system that rpm made, as Fedora keeps its record, with an empty record of dpkg.
fixtures=$(dirname "$0")/../../../compiler/judge/tests/rpm
mkdir -p etc usr/lib/sysimage/rpm var/lib/dpkg
gzip -dc "$fixtures/rpmdb.sqlite.gz" > usr/lib/sysimage/rpm/rpmdb.sqlite
ln -s ../../usr/lib/sysimage/rpm var/lib/rpm
: > var/lib/dpkg/status
echo 'Red Hat Enterprise Linux release 9.3 (Plow)' > etc/redhat-release
