#!/usr/bin/env python3
"""Orders over HTTP as fast as wrk can send them, in a closed loop: one in each request, then a hundred in each.

    make wrk                                     both, with wrk from Debian
    python3 bench/wrk/run.py orders              one of them

Each run has a fresh engine (`--fsync always`) with its data in a temporary directory, and a sidecar that reaches it over a
unix socket. Stock is above any demand, and there is no limit per user: anything but an acceptance is an error.
Exit code: 0; 1 if a promise was broken; 2 if only a threshold was missed.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from world import Shares, World  # noqa: E402

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
STOCK = 1_000_000_000
# Orders in a request, connections, and how many orders a second are wanted.
RUNS = {"orders": (1, 64, 20_000), "batch": (100, 16, 300_000)}


def create_sale(base):
    body = json.dumps({"name": "wrk", "stock": STOCK, "unitPrice": 4900}).encode()
    request = urllib.request.Request(f"{base}/v1/timesales", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["id"]


def units_sold(base, sale):
    with urllib.request.urlopen(f"{base}/v1/timesales/{sale}", timeout=10) as answer:
        return json.load(answer)["sold"]


def run(name, arguments):
    orders, connections, wanted = RUNS[name]
    print(f"\nwrk:{name}: {connections} connections, {orders} in a request", flush=True)
    with World(arguments.programs, arguments.directory) as world:
        sale = create_sale(world.base)
        shares = Shares(world, "wrk")
        ended = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{arguments.duration}", "-s", str(here / "orders.lua"), world.base],
            env={**os.environ, "SALE": str(sale), "ORDERS": str(orders), "RUN": f"wrk-{time.time_ns()}"},
            stdout=subprocess.PIPE, text=True)
        cores = shares.end()
        line = next((line for line in ended.stdout.splitlines() if line.startswith("RESULT ")), None)
        if ended.returncode or not line:
            sys.exit(f"wrk ended with {ended.returncode}\n{ended.stdout}\n{world.log('timesale-http')}")
        result = json.loads(line.removeprefix("RESULT "))
        sold = units_sold(world.base, sale)
    answered = (result["requests"] - result["statuses"]) * orders
    rate = answered / result["microseconds"] * 1e6
    # wrk goes away with a request under way on each connection.
    most = answered + connections * orders
    checks = [
        {"what": "units sold are those answered, and at most those under way at the end",
         "wanted": f"{answered} to {most}", "got": sold, "ok": answered <= sold <= most},
        {"what": "statuses other than 2xx", "wanted": 0, "got": result["statuses"], "ok": result["statuses"] == 0},
        {"what": "requests without an answer", "wanted": 0, "got": result["lost"], "ok": result["lost"] == 0},
    ]
    thresholds = [{"what": f"orders/s>={wanted}", "got": rate, "ok": rate >= wanted}]
    print(f"  {rate:,.0f} orders/s; p50 {result['p50'] / 1000:.2f} ms, p99 {result['p99'] / 1000:.2f} ms")
    print(f"  {Shares.text(cores)}")
    for word, rows in (("MISS", thresholds), ("FAIL", checks)):
        for row in rows:
            print(f"  {'ok  ' if row['ok'] else word} {row['what']} ({row['got']:,.0f})")
    return {"run": name, "thresholds": thresholds, "checks": checks, "cores": cores, "ordersPerSecond": rate, **result}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(RUNS)}")
    parser.add_argument("--programs", type=pathlib.Path, default=root / "bin", help="where ours are (default: bin)")
    parser.add_argument("--directory", help="for the engine's data: the disk is part of what is measured")
    parser.add_argument("--duration", default="10s", help="of each run (default: %(default)s)")
    parser.add_argument("--results", type=pathlib.Path, default=root / ".wrk/results", help="for JSON (default: .wrk/results)")
    arguments = parser.parse_args()
    names = arguments.runs or list(RUNS)
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(RUNS)}")
    arguments.results.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names:
        results.append(run(name, arguments))
        (arguments.results / f"{name}.json").write_text(json.dumps(results[-1], indent=2))
    broken = [row for result in results for row in result["checks"] if not row["ok"]]
    missed = [row for result in results for row in result["thresholds"] if not row["ok"]]
    sys.exit(1 if broken else 2 if missed else 0)


if __name__ == "__main__":
    main()
