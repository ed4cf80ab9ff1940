#!/usr/bin/env bash
# Tries the Debian package of dist/ on a Debian 12 that has nothing but what it says it needs: installs it into a new root,
# sells, stops, starts, removes. Needs root, debootstrap and a Debian mirror.
#
#   deploy/try-dist.sh [ROOT]     ROOT: a directory that is kept, and used again by the next call
set -euo pipefail
cd "$(dirname "$0")/.."

stop() {
    printf 'try-dist: %s\n' "$*" >&2
    exit 1
}

((EUID == 0)) || stop "needs root, to make a root and to change into it"
command -v debootstrap >/dev/null || stop "no debootstrap; on Debian: apt-get install debootstrap"
package=$(ls -t dist/timesale_*.deb 2>/dev/null | head -n 1)
[[ -n $package ]] || stop "no package in dist/; first: make dist"

if (($# > 0)); then
    root=$1
else
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    # It becomes the / of users that are not root.
    chmod 755 "$root"
fi
needs=$(dpkg-deb --field "$package" Depends | sed -E 's/ \([^)]*\)//g; s/ *, */,/g')
if [[ ! -e $root/etc/debian_version ]]; then
    echo "a Debian 12 with $needs"
    debootstrap --variant=minbase --include="$needs" bookworm "$root" >"$root.log" 2>&1 ||
        { tail "$root.log" >&2; stop "debootstrap failed"; }
    rm -f "$root.log"
fi
cp "$package" "$root/var/tmp/timesale.deb"
cp deploy/try-dist-inside.sh "$root/var/tmp/"
# Processes of this root end with it, whatever happens in there.
unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 bash /var/tmp/try-dist-inside.sh
echo "try-dist: $package works on Debian $(cat "$root/etc/debian_version")"
