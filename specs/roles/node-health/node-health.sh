#!/bin/sh
# Says in one line what is wrong with this node, drains it and exits 1; silent and 0 when all is
# well. An operator resumes the node: a check that undoes its own verdict hides flapping.
# `node-health --list` names the checks without running them.
set -eu

CHECKS="memory space munge time"

MIN_MEMORY_MIB=1
MIN_FREE_MIB=1
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
    have=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
    [ "$have" -ge "$MIN_MEMORY_MIB" ] || fail memory "$have MiB, expected $MIN_MEMORY_MIB"
}

# These are in memory: a full one is a node out of memory soon.
check_space() {
    for directory in /tmp /var/tmp; do
        free=$(df -Pk "$directory" | awk 'NR == 2 { print int($4 / 1024) }')
        [ "$free" -ge "$MIN_FREE_MIB" ] || fail space "$free MiB free in $directory"
    done
}

# Without credentials no job starts, and the controller believes the node dead.
check_munge() {
    munge -n | unmunge > /dev/null || fail munge "a credential cannot be made or read"
}

# A clock that is off breaks credentials; where nothing may set the clock, the host does it.
check_time() {
    systemctl is-active --quiet chrony.service || systemd-detect-virt --quiet --container ||
        fail time "chrony is not running"
}

case "${1:-}" in
"") for check in $CHECKS; do "check_$check"; done ;;
--list) for check in $CHECKS; do echo "$check"; done ;;
*)
    echo "usage: node-health [--list]" >&2
    exit 2
    ;;
esac
