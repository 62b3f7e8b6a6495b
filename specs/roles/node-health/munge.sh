#!/bin/sh
# Without credentials no job starts, and the controller believes the node dead.
munge -n | unmunge > /dev/null || { echo "a credential cannot be made or read"; exit 1; }
