#!/bin/sh
# Keeps the Diffie-Hellman groups of MODULI_BITS bits and more.
set -eu

awk -v bits="$MODULI_BITS" '$1 ~ /^#/ || $5 >= bits' /etc/ssh/moduli > /etc/ssh/moduli.strong
# An empty file would make sshd fall back to its built-in groups.
grep -q '^[0-9]' /etc/ssh/moduli.strong
mv /etc/ssh/moduli.strong /etc/ssh/moduli
