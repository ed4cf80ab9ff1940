#!/usr/bin/env bash
# The part of try-dist.sh that runs in the new root.
set -euo pipefail

step() { printf '== %s\n' "$*"; }

fail() {
    printf 'try-dist: %s\n' "$*" >&2
    cat /tmp/*.log >&2 || true
    exit 1
}

# One request without curl, which is not here. Prints the answer from its status line on.
http() {
    local method=$1 path=$2 body=${3:-}
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n' "$method" "$path" >&9
    printf 'Content-Length: %s\r\n\r\n%s' "${#body}" "$body" >&9
    cat <&9
    exec 9>&-
}

# Not a function: in the background that would be a shell with a child, and the signal would be the shell's.
as_timesale=(setpriv --reuid timesale --regid timesale --clear-groups --)

engine=unix:/run/timesale/engine.sock
port=$((20000 + RANDOM % 10000))

start() {
    "${as_timesale[@]}" timesaled --data /var/lib/timesale --listen "$engine" >/tmp/timesaled.log 2>&1 &
    engine_pid=$!
    "${as_timesale[@]}" timesale-http --listen "127.0.0.1:$port" --engine "$engine" >/tmp/timesale-http.log 2>&1 &
    http_pid=$!
    for _ in $(seq 300); do
        if grep -qx ready /tmp/timesaled.log && http GET /readyz 2>/dev/null | grep -q '^HTTP/1.1 200'; then return; fi
        kill -0 $engine_pid && kill -0 $http_pid || fail "one of them has ended"
        sleep 0.1
    done
    fail "not ready in time"
}

stop() {
    kill -TERM $http_pid $engine_pid
    wait $http_pid || fail "the sidecar ended with $?"
    wait $engine_pid || fail "the engine ended with $?"
}

step "no Swift here"
if command -v swift || find / -xdev -name 'libswift*' | grep .; then fail "this is no clean root"; fi

step "dpkg -i"
dpkg -i /var/tmp/timesale.deb
for program in timesaled timesale timesale-http wal-replay /usr/libexec/timesale/bench; do
    ldd "$(command -v $program)" | grep 'not found' && fail "$program misses a library"
    $program --help >/dev/null || fail "$program --help"
done
getent passwd timesale >/dev/null || fail "no user timesale"
test -s /usr/share/doc/timesale/third-party-licenses.txt || fail "no licenses"

step "a first order"
install -d -o timesale -g timesale -m 750 /run/timesale
install -d -o timesale -g timesale -m 700 /var/lib/timesale
start
"${as_timesale[@]}" timesale create --server "$engine" --name Lamps --stock 10 --id 1001
"${as_timesale[@]}" timesale order 1001 --server "$engine" --user 42 --quantity 2
step "one over HTTP"
http POST /v1/timesales/1001/orders '{"userId": "43", "quantity": 3}' | tee /tmp/answer | head -n 1
grep -q '^HTTP/1.1 201' /tmp/answer || fail "$(cat /tmp/answer)"
stop

step "after a restart"
wal-replay verify /var/lib/timesale
start
"${as_timesale[@]}" timesale get 1001 --server "$engine" --json | tee /tmp/sale
grep -q '"sold": *5\|"sold":5' /tmp/sale || fail "five units should be sold"
stop

step "dpkg -r, dpkg -P"
dpkg -r timesale
for left in /usr/bin/timesaled /usr/bin/timesale /usr/bin/timesale-http /lib/systemd/system/timesaled.service; do
    test ! -e "$left" || fail "$left is left"
done
test -e /etc/timesale/timesaled.env || fail "configuration goes with dpkg -P alone"
dpkg -P timesale
test ! -e /etc/timesale || fail "/etc/timesale is left"
test -e /var/lib/timesale/MANIFEST || fail "the data must stay"
rm -rf /var/lib/timesale
