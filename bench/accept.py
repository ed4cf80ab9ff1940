#!/usr/bin/env python3
"""Runs every benchmark that has a goal, and prints what was wanted and what was reached.

    bench/accept.py [--only speed,mirror] [--quick] [--http] [--results DIR] [-- FLAGS OF EVERY bench COMMAND]

Each measurement is one of `bin/bench`, whose report it keeps as JSON; with --http those of bench/wrk/run.py and
bench/k6/run.py follow, which need wrk and k6. --quick takes fewer rounds: figures to see whether something has broken,
not to be quoted. Exit code: 0 if all goals were met, 1 if a measurement failed or broke a promise, 2 if only a goal
was missed.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What the prototype reached, of which a server that does all of it has to reach 70 % (docs/performance.md).
PROTOTYPE = {
    "depth-1": 73_000, "depth-16": 995_000, "depth-128": 4_947_000, "batch-128": 5_015_000, "batch-1024": 7_300_000,
}


def median(values):
    """That which `bench` prints: of an even number, the upper of the two in the middle."""
    return statistics.median_high(values)


class Row:
    def __init__(self, figure, wanted, reached, is_met):
        self.figure, self.wanted, self.reached, self.is_met = figure, wanted, reached, is_met


def at_least(figure, wanted, reached, unit=""):
    return Row(figure, f"at least {wanted:,g}{unit}", f"{reached:,.4g}{unit}", reached >= wanted)


def at_most(figure, wanted, reached, unit=""):
    return Row(figure, f"at most {wanted:,g}{unit}", f"{reached:,.4g}{unit}", reached <= wanted)


def speed(report):
    for case in report["cases"]:
        name = case["load"]["name"]
        rate = median(run["ordersPerSecond"] for run in case["runs"])
        if name in PROTOTYPE:
            share = 100 * rate / PROTOTYPE[name]
            wanted = f"at least 70 % of {PROTOTYPE[name]:,}"
            yield Row(f"orders/s, {name}", wanted, f"{rate:,.0f}, {share:.0f} %", share >= 70)


def latency(report):
    for case in report["cases"]:
        orders = [p99 for one in case["rounds"] for p99 in one["server"]["latency"]["tenthsP99Us"]]
        disk = [p99 for one in case["rounds"] for p99 in one["disk"]["writes"]["tenthsP99Us"]]
        yield at_most(
            f"p99 of orders at half the maximum rate, {case['load']['name']}", 3, median(orders) / median(disk),
            " times the disk's")


def memory(report):
    orders = report["orders"]
    yield at_most("resident memory of an order", 128, report["residentBytes"] / orders, " bytes")
    yield at_most("log of an order in full groups", 72, report["logBytes"] / orders, " bytes")
    events = report["recoveredEvents"] / report["recoveryCPUSeconds"]
    yield at_least("recovery from the log", 3e6, events, " events/s of a core")
    yield at_most(f"start on a snapshot of {orders:,} orders", 2000, report["snapshot"]["recoveryMs"], " ms")


def modules(report):
    rows = report["rows"]
    for row in rows:
        if row["workload"] == "order":
            continue
        base = next(r for r in rows if r["workload"] == "order" and r["load"]["name"] == row["load"]["name"])
        share = median(a["ordersPerSecond"] / b["ordersPerSecond"] for a, b in zip(row["runs"], base["runs"]))
        yield at_least(f"{row['workload']} beside orders, {row['load']['name']}", 0.5, share, " of their rate")


def snapshots(report):
    ratio = [one["with"]["latency"]["p99Us"] / one["without"]["latency"]["p99Us"] for one in report["rounds"]]
    yield at_most("p99 of orders while a snapshot is made", 1.5, median(ratio), " times that without")


def mirror(report):
    def cost(trial):
        return trial["load"]["shardCPU"] / trial["load"]["ordersPerSecond"]

    for mode, words in (("on", "with the mirror"), ("paused", "with Redis stopped")):
        ratio = [
            cost(next(t for t in one if t["mode"] == mode)) / cost(next(t for t in one if t["mode"] == "off"))
            for one in report["rounds"]
        ]
        yield at_most(f"CPU of the shards per order {words}", 1.1, median(ratio), " times that without")


def overload(report):
    for case in report["cases"]:
        goodput = median(one["accepted"] / one["capacity"] for one in case["rounds"])
        figure = f"accepted at {report['factor']:g} times the capacity, {case['load']['name']}"
        yield at_least(figure, 0.8, goodput, " of it")
    rounds = [one for case in report["cases"] for one in case["rounds"]]
    yield at_most("answers other than BUSY with a hint, and ends of holds refused", 0, sum(
        one["busyFrames"] - one["busyFramesWithHint"] + one["unanswered"] + one["endsRefused"] + one["refusedOtherwise"]
        for one in rounds))
    yield at_most("growth of memory in overload", 0.05, max(
        one["residentBytesAfter"] / one["residentBytesBefore"] - 1 for one in rounds))


def compare(report):
    for ratio in report["ratios"]:
        if ratio.get("target"):
            yield Row(
                f"orders/s beside {ratio['against']}, {ratio['case']}", f"at least {ratio['target']:g} times",
                f"{ratio['median']:.3g} times ({ratio['low']:.3g} to {ratio['high']:.3g})", ratio["met"])


# The shard on the CPU of the disk's interrupts, as docs/performance.md says for latency.
BESIDE_THE_DISK = ["--users", "4000000", "--server-cpu", "1", "--generator-cpu", "0"]

# Name, what reads its report, flags, flags of a quick run.
MEASUREMENTS = [
    ("speed", speed, ["--runs", "5"], ["--runs", "3", "--seconds", "1"]),
    ("latency", latency, BESIDE_THE_DISK, ["--rounds", "3", *BESIDE_THE_DISK]),
    ("memory", memory, [], []),
    ("modules", modules, ["--runs", "5"], ["--runs", "3", "--seconds", "1"]),
    ("snapshots", snapshots, [], ["--rounds", "3"]),
    ("mirror", mirror, ["--rounds", "9"], ["--rounds", "3"]),
    ("overload", overload, ["--rounds", "5"], ["--rounds", "3", "--seconds", "2"]),
    (
        "compare", compare, ["--rounds", "6", "--against", "redis-always"],
        ["--rounds", "3", "--seconds", "1", "--against", "redis-always"],
    ),
]


def run_http(tool, results):
    """The runs of bench/k6 or bench/wrk; answers rows of their thresholds, and whether a promise was broken."""
    folder = results / tool
    for path in folder.glob("*.json"):
        path.unlink()
    program = [sys.executable, f"bench/{tool}/run.py", "--results", str(folder)]
    print(f"\n== {' '.join(program[1:])}", flush=True)
    code = subprocess.run(program, cwd=ROOT).returncode
    rows = []
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        for row in result["thresholds"]:
            got = f"{row['got']:,.4g}" if isinstance(row["got"], float) else str(row["got"])
            rows.append(Row(f"{tool} {result['run']}", row["what"], got, row["ok"]))
    return rows, code not in (0, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="some of " + ",".join(name for name, *_ in MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--http", action="store_true", help="the runs of bench/wrk and bench/k6 too")
    parser.add_argument(
        "--results", type=pathlib.Path, default=ROOT / ".accept", help="for the reports (default: .accept)")
    parser.add_argument("flags", nargs="*", help="of every bench command, behind --")
    arguments = parser.parse_args()
    names = [name for name, *_ in MEASUREMENTS]
    wanted = arguments.only.split(",") if arguments.only else names
    if not set(wanted) <= set(names):
        parser.error("--only takes some of " + ",".join(names))
    arguments.results.mkdir(parents=True, exist_ok=True)
    rows, failed = [], []
    for name, read, flags, quick in MEASUREMENTS:
        if name not in wanted:
            continue
        path = arguments.results / f"{name}.json"
        path.unlink(missing_ok=True)
        command = ["bin/bench", name, *(quick if arguments.quick else flags), *arguments.flags]
        print(f"\n== {' '.join(command)}", flush=True)
        code = subprocess.run([*command, "--json", str(path)], cwd=ROOT).returncode
        if path.exists():
            rows += [(row, " ".join(command)) for row in read(json.loads(path.read_text()))]
        # A goal that is missed is no failure of the command, a broken promise is.
        if code != 0 or not path.exists():
            failed.append(name)
    for tool in ("wrk", "k6") if arguments.http else ():
        found, is_broken = run_http(tool, arguments.results)
        rows += [(row, f"bench/{tool}/run.py") for row in found]
        failed += [tool] if is_broken else []

    lines = ["| figure | wanted | reached | | command |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.figure} | {row.wanted} | {row.reached} | {'met' if row.is_met else '**missed**'} | `{command}` |"
        for row, command in rows
    ]
    (arguments.results / "table.md").write_text("\n".join(lines) + "\n")
    print("\n" + "\n".join(lines))
    missed = [row for row, _ in rows if not row.is_met]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} goals met; the table and all reports: {arguments.results}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
