#!/bin/sh
# Makes the three databases of this directory, each by rpm itself, with the same packages.
#
# Needs rpm 4.18 with its build tools, and db5.3-util for the old format, which rpm only reads:
#     apt-get install rpm db5.3-util
#     sh make.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export SOURCE_DATE_EPOCH=1700000000

# spec NAME EPOCH VERSION RELEASE ARCH: a package without files.
spec() {
    {
        printf 'Name: %s\nVersion: %s\nRelease: %s\n' "$1" "$3" "$4"
        [ "$2" = - ] || printf 'Epoch: %s\n' "$2"
        [ "$5" != noarch ] || printf 'BuildArch: noarch\n'
        printf 'Summary: A package for tests\nLicense: MIT\n%%description\n'
        # One header is larger than a page, so that it goes on in others.
        if [ "$1" = large ]; then seq 1 4000; else echo 'A package for tests.'; fi
        printf '%%files\n'
    } > "$1-$3.spec"
    rpmbuild --define "_topdir $work/top" --define '_buildhost build.example.org' \
        --define 'use_source_date_epoch_as_buildtime 1' -bb "$1-$3.spec" > log 2>&1 || { cat log; exit 1; }
}
spec bash - 5.1.8 9.el9 x86_64
spec openssh-server 2 8.7p1 38.el9 x86_64
spec kernel - 5.14.0 362.el9 x86_64
spec kernel - 5.14.0 70.el9 x86_64
mv top/RPMS/x86_64/kernel-5.14.0-70.el9.x86_64.rpm first.rpm
spec tzdata - 2024a 1.el9 noarch
spec large - 1 1 noarch
for n in $(seq 10 19); do spec "part$n" - "1.$n" 1 noarch; done

mkdir -p root/var/lib/rpm
for package in first.rpm top/RPMS/*/*.rpm; do
    rpm --root "$work/root" --dbpath /var/lib/rpm --define '_db_backend sqlite' --justdb \
        --nodeps --ignorearch --ignoreos --noplugins -i "$package" 2> /dev/null
done
database=$work/root/var/lib/rpm/rpmdb.sqlite
gzip -9 -n < "$database" > "$here/rpmdb.sqlite.gz"

# Headers as rpm exports them are what the old format holds, by their number.
{
    printf 'VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\nHEADER=END\n'
    printf ' 00000000\n 0000ffff\n'
    sqlite3 "$database" \
        "select ' ' || printf('%02x000000', hnum) || char(10) || ' ' || lower(hex(blob)) from Packages"
    printf 'DATA=END\n'
} > dump
db5.3_load -f dump "$work/Packages"
gzip -9 -n < Packages > "$here/Packages.gz"
