#!/bin/sh
set -eu
mkdir -p /var/lib/index
