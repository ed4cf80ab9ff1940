#!/usr/bin/env bash
# Requests made from the OpenAPI document by schemathesis, against an engine and a sidecar on free ports: no answer may be a
# 5xx, and none may break the document.
#
# run.sh TIMESALED TIMESALE-HTTP [SCHEMATHESIS OPTIONS]
set -euo pipefail

timesaled=$1 sidecar=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
environment="$here/../../.build/schemathesis"
work=$(mktemp -d)
pids=()

finish() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT

wait_for() { # file pattern
    local _
    for _ in $(seq 600); do
        grep -q "$2" "$1" && return
        sleep 0.05
    done
    echo "schemathesis: no \"$2\" in $1:" >&2
    cat "$work"/*.err >&2
    return 1
}

if [[ ! -x $environment/bin/schemathesis ]]; then
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check 'schemathesis>=4,<5'
fi

"$timesaled" --listen "unix:$work/engine.sock" --data "$work/data" --users 100000 --orders 1000000 \
    --segment-size 8MiB --log-ahead 0KiB >"$work/engine.out" 2>"$work/engine.err" &
pids+=($!)
wait_for "$work/engine.out" '^ready$'
"$sidecar" --listen 127.0.0.1:0 --engine "unix:$work/engine.sock" >"$work/sidecar.out" 2>"$work/sidecar.err" &
pids+=($!)
wait_for "$work/sidecar.out" '^ready$'
wait_for "$work/sidecar.err" 'the engine answers'
address=$(sed -n 's/^listening on //p' "$work/sidecar.out")

# What random requests can find.
curl -fsS "$address/v1/timesales" -H 'Content-Type: application/json' -d '{"id":1,"name":"Lamps","stock":1000}' >/dev/null
curl -fsS "$address/v1/coupon-policies" -H 'Content-Type: application/json' \
    -d '{"id":1,"name":"Ten off","quantity":1000,"discountType":"percent","discountValue":10}' >/dev/null

# Streams have no end, so they are left out. What it remembers of failures goes with the directory.
cd "$work"
"$environment/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$address/openapi.json" --exclude-path '/v1/timesales/{id}/events' \
    --exclude-path /v1/live \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method \
    --max-examples 15 --seed 1 --phases examples,coverage,fuzzing --request-timeout 30 --no-color "$@"
