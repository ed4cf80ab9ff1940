#!/bin/sh
# Backs up a running timesale: has it make a snapshot, copies that, and checks the copy.
#
#   backup.sh DATA BACKUPS [timesale options, such as --server 127.0.0.1:7070 --token-file FILE]
#
# BACKUPS gets a directory named after the time; the last KEEP (7) of them are kept. To restore one: stop the server,
# move its data directory away, copy the backup in its place, start. Needs timesale and wal-replay in PATH.
set -eu

data=$1
backups=$2
shift 2

timesale snapshot "$@"
mkdir -p "$backups"
copy=$backups/$(date -u +%Y-%m-%dT%H%M%SZ)
# Under a name that says so until it is whole.
rm -rf "$backups"/*.part
wal-replay backup "$data" "$copy.part"
wal-replay verify "$copy.part"
mv "$copy.part" "$copy"
sync "$copy" "$backups"
echo "backed up to $copy"

ls -d "$backups"/*Z | sort -r | tail -n "+$((${KEEP:-7} + 1))" | while read -r old; do rm -rf "$old"; done
