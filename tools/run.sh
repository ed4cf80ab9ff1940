#!/usr/bin/env bash
# Starts engine and HTTP sidecar together, and stops both with Ctrl-C: `make run`.
#
#   tools/run.sh ENGINE HTTP DATA      such as 127.0.0.1:7070 127.0.0.1:8080 ./data
set -uo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-bin}
engine=$1 http=$2 data=$3

# Each in a session of its own, so that Ctrl-C comes to this script alone: the sidecar stops first, the engine behind it.
start() { setsid "$@" & }

stop() {
    trap '' INT TERM
    local code=0
    for pid in "$sidecar_pid" "$engine_pid"; do
        [[ -n $pid ]] || continue
        kill -TERM "$pid" 2>/dev/null
        wait "$pid" || code=$?
    done
    exit "${1:-$code}"
}

engine_pid='' sidecar_pid=''
trap stop INT TERM
start "$bin/timesaled" --listen "$engine" --data "$data"
engine_pid=$!
start "$bin/timesale-http" --listen "$http" --engine "$engine"
sidecar_pid=$!

# The engine reads its log first, so this may take a while. bash's own connection, since curl may not be here.
answers() {
    (exec 9<>"/dev/tcp/${http%:*}/${http##*:}" && printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&9 && grep -q '^HTTP/1.[01] 200' <&9) 2>/dev/null
}
until answers /readyz; do
    kill -0 "$engine_pid" 2>/dev/null || { wait "$engine_pid"; stop $?; }
    kill -0 "$sidecar_pid" 2>/dev/null || { wait "$sidecar_pid"; stop $?; }
    sleep 0.1
done

# What the command line needs to be told where the engine is not in its usual place.
server=''
[[ $engine == 127.0.0.1:7070 ]] || server=" --server $engine"

echo
if answers /; then echo "The dashboard is at http://$http/"; fi
cat <<TEXT
HTTP is on $http, the engine on $engine, the data in $data. Stop both with Ctrl-C; run it again and everything is there.
A first order, in another terminal:

  bin/timesale create$server --name Lamps --stock 10 --id 1001
  curl http://$http/v1/timesales/1001/orders -H 'Content-Type: application/json' \\
      -H 'Idempotency-Key: basket-1' -d '{"userId": 42, "quantity": 2}'

And then:
  bin/timesale rush$server                       a flash sale, in ten seconds
  bin/timesale --help                     a sale of your own, its orders, watching it sell
  bin/timesaled --help                    other addresses, tokens, more shards; timesale-http has its own
  docs/http.md, docs/clients.md           the same from any language
TEXT

# Where one of them ends, the other does too.
wait -n "$engine_pid" "$sidecar_pid"
stop $?
