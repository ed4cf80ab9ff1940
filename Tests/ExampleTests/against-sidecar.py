#!/usr/bin/env python3
"""Runs the clients of docs/clients.md against a real sidecar and engine, which is killed and started under them.

    Tests/ExampleTests/against-sidecar.py PROGRAMS...     directories of timesaled and timesale-http

Each client whose language this machine has orders, repeats its order, is told SOLD_OUT, and orders while the engine is away;
then the sale has to have sold exactly what the clients said. (What they do with scripted faults is in ClientTests.)
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

root = pathlib.Path(__file__).resolve().parent.parent.parent
clients = root / "docs/examples/clients"
sys.path.insert(0, str(root / "bench/k6"))
import run  # noqa: E402

ORDERED, REFUSED, NOT_DONE, UNKNOWN = 0, 1, 2, 3


def commands(built):
    """How each client that can run here is started."""
    yield "python", ["python3", "-B", str(clients / "timesale.py")]
    if shutil.which("node"):
        yield "node", ["node", str(clients / "timesale.mjs")]
    if shutil.which("javac"):
        subprocess.run(["javac", "-d", built, clients / "Timesale.java"], check=True)
        yield "java", ["java", "-cp", built, "Timesale"]
    if shutil.which("go"):
        subprocess.run(["go", "build", "-o", f"{built}/client", clients / "timesale.go"], check=True)
        yield "go", [f"{built}/client"]


def expect(name, what, is_so, *details):
    if not is_so:
        sys.exit(f"{name}: {what}: {details}")


def main():
    with tempfile.TemporaryDirectory() as built:
        programs = pathlib.Path(built)
        for directory in sys.argv[1:]:
            for path in pathlib.Path(directory).resolve().glob("timesale*"):
                if path.name in ("timesaled", "timesale-http"):
                    (programs / path.name).symlink_to(path)
        with run.World(programs, None) as world:
            create = urllib.request.Request(
                f"{world.base}/v1/timesales", b'{"id": 1001, "name": "Lamps", "stock": 1000}',
                {"Content-Type": "application/json"})
            urllib.request.urlopen(create).close()
            sold = 0
            for name, command in commands(built):

                def order(user, quantity, key, tries=20, patience=60):
                    words = [world.base, "1001", user, str(quantity), key, str(tries), str(patience)]
                    return subprocess.run([*command, *words], capture_output=True, text=True)

                user = f"{name}@shop.example"
                first = order(user, 2, "basket-1")
                expect(name, "an order", first.returncode == ORDERED, first)
                again = order(user, 2, "basket-1")
                expect(name, "a repeat", json.loads(again.stdout)["orderId"] == json.loads(first.stdout)["orderId"], again)
                refused = order(user, 1001, "basket-2")
                expect(name, "more than there is", refused.returncode == REFUSED and "SOLD_OUT" in refused.stderr, refused)
                other = order(user, 3, "basket-1")
                expect(name, "another basket under the same key", "IDEMPOTENCY_KEY_REUSED" in other.stderr, other)
                world.kill_engine()
                away = order(user, 1, "basket-3", tries=2, patience=4)
                # Which of the two depends on whether the sidecar has seen already that the engine is gone.
                expect(name, "no engine", away.returncode in (NOT_DONE, UNKNOWN), away)
                # Started while the client tries.
                words = [world.base, "1001", user, "1", "basket-3", "20", "60"]
                waiting = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                world.start_engine()
                output, errors = waiting.communicate(timeout=120)
                expect(name, "an engine that comes back", waiting.returncode == ORDERED, output, errors)
                sold += 3
                print(f"{name}: ordered, repeated, was refused, waited for the engine", flush=True)
            expect("all", f"{sold} units should be sold", world.sold() == sold, world.sold())


if __name__ == "__main__":
    main()
