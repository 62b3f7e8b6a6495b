#!/bin/sh
# Says in one line what is wrong with this node, drains it and exits 1; silent and 0 when all is
# well. An operator resumes the node: a check that undoes its own verdict hides flapping.
# `node-health --list` names the checks without running them. A program in /etc/node-health.d is a
# check of the site: it says what is wrong, and exits with something else than 0.
set -eu

CHECKS="memory space services mounts"

MIN_MEMORY_KIB=1
MIN_FREE_KIB=1
SERVICES=
MOUNTS=
[ ! -r /etc/node-health.conf ] || . /etc/node-health.conf

fail() {
    echo "node-health: $1: $2" >&2
    if systemctl is-active --quiet slurmd.service; then
        scontrol update "NodeName=$(hostname -s)" State=DRAIN "Reason=node-health: $1: $2"
    fi
    exit 1
}

# A memory module that died shows as less memory after the next boot.
check_memory() {
    have=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
    [ "$have" -ge "$MIN_MEMORY_KIB" ] || fail memory "$have KiB, expected $MIN_MEMORY_KIB"
}

# These are in memory: a full one is a node out of memory soon.
check_space() {
    for directory in /tmp /var/tmp; do
        free=$(df -Pk "$directory" | awk 'NR == 2 { print $4 }')
        [ "$free" -ge "$MIN_FREE_KIB" ] || fail space "$free KiB free in $directory"
    done
}

check_services() {
    for service in $SERVICES; do
        systemctl is-active --quiet "$service" || fail services "$service is not running"
    done
}

# A server that is gone makes every look at its files wait.
check_mounts() {
    for mount in $MOUNTS; do
        timeout 10 stat -f "$mount" > /dev/null 2>&1 || fail mounts "$mount does not answer"
    done
}

own_checks() {
    for program in /etc/node-health.d/*; do
        [ ! -x "$program" ] || "$@" "$program"
    done
}

run_own() {
    said=$("$1" 2>&1) || fail "${1##*/}" "${said:-exits with an error}"
}

case "${1:-}" in
"")
    for check in $CHECKS; do "check_$check"; done
    own_checks run_own
    ;;
--list)
    for check in $CHECKS; do echo "$check"; done
    own_checks basename
    ;;
*)
    echo "usage: node-health [--list]" >&2
    exit 2
    ;;
esac
