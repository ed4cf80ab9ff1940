#!/usr/bin/env bash
# Makes a fresh Debian machine able to build and test timesale: checks the Swift toolchain, installs the missing
# packages. Does nothing, and fast, where all is there.
set -euo pipefail

# Libraries that the build links, then what only the tests need.
packages=(
    liburing-dev libhiredis-dev zlib1g-dev
    python3 python3-venv python3-yaml strace curl openssl binutils postgresql python3-psycopg2 redis-server
    python3-redis valgrind prometheus chromium fuse3 libfuse3-dev iproute2
)

# swift-configuration's manifest is the one of our dependencies that asks for the newest tools.
swift_major=6
swift_minor=2

stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

check_swift() {
    local wanted="$swift_major.$swift_minor" line version
    command -v swift >/dev/null ||
        stop "no swift on the PATH; install Swift $wanted or newer (6.3 is what we test with) from https://swift.org/install"
    line=$(swift --version 2>/dev/null) || stop "swift --version fails; reinstall Swift from https://swift.org/install"
    [[ $line =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || stop "cannot tell the version of $(command -v swift)"
    version="${BASH_REMATCH[1]}.${BASH_REMATCH[2]}"
    ((BASH_REMATCH[1] > swift_major || (BASH_REMATCH[1] == swift_major && BASH_REMATCH[2] >= swift_minor))) ||
        stop "Swift $version is too old; install $wanted or newer from https://swift.org/install"
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        command -v sudo >/dev/null || stop "cannot install packages without root or sudo; as root, run: apt-get install $names"
        sudo "$@"
    fi
}

# Servers that come with packages are started by who needs them, on ports of their own: here no service starts, and none
# that was not there before will at the next boot.
policy=/usr/sbin/policy-rc.d
policy_is_ours=

forbid_services() {
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        policy_is_ours=1
        as_root chmod 755 "$policy"
    fi
}

allow_services() {
    if [[ -n $policy_is_ours ]]; then
        as_root rm -f "$policy"
        policy_is_ours=
    fi
}

install_packages() {
    local code=0
    forbid_services
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || code=$?
    allow_services
    return "$code"
}

disable_services() {
    local package
    for package in "$@"; do
        case $package in
            redis-server | prometheus)
                if [[ -d /run/systemd/system ]]; then as_root systemctl disable --quiet "$package"; fi ;;
        esac
    done
}

check_swift
[[ $(uname -s) == Linux ]] || stop "timesale runs on Linux alone: it is built on io_uring"
if ! command -v dpkg-query >/dev/null; then
    printf 'setup: this is no Debian; if the build misses a header, install your names for: %s\n' "${packages[*]}" >&2
    exit 0
fi

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
    exit 0
fi
names="${missing[*]}"
printf 'setup: installing %s\n' "$names"
trap allow_services EXIT
# The package lists of a machine may be absent or stale: they are fetched only when they turn out to be.
if ! install_packages "${missing[@]}"; then
    printf 'setup: fetching the package lists and trying again\n'
    as_root apt-get update || stop "apt-get update failed, so $names cannot be installed; see its message above"
    install_packages "${missing[@]}" || stop "apt-get could not install $names; see its message above"
fi
disable_services "${missing[@]}"
