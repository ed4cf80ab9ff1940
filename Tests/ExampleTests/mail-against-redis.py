#!/usr/bin/env python3
"""Runs Examples/mail-from-redis against a real redis-server, engine and sidecar, all of which come to grief meanwhile.

    Tests/ExampleTests/mail-against-redis.py PROGRAMS...     directories of timesaled, timesale and timesale-http

Orders of all kinds are placed and confirmed while workers and the engine are killed with -9 and Redis is flushed and killed. In
the end each order that was confirmed has exactly one mail, and every event was counted once. Then Redis is away for longer
than the log is kept: what is lost is asked for over HTTP, and again each order has one mail.
"""

import collections
import contextlib
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

root = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(root / "bench/k6"), str(root / "docs/examples/clients")]
import run  # noqa: E402
import timesale  # noqa: E402

import redis  # noqa: E402

EXAMPLE = root / "Examples/mail-from-redis/mail_from_redis.py"
# What docs/redis.md says that the example has to be allowed, and nothing else.
ALLOWED = "+xreadgroup +xgroup +xack +xautoclaim +xpending +xinfo +xrange +multi +exec +ping".split()
HELD, AT_ONCE = 1, 2
BUYERS = 4


def expect(what, is_so, *details):
    if not is_so:
        sys.exit(f"{what}: {details}")


def eventually(what, question, seconds=120):
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            sys.exit(f"{what} did not come about")
        time.sleep(0.05)
    return answer


class World(run.World):
    """Engine and sidecar, a Redis, and workers of the example."""

    def __init__(self, programs):
        super().__init__(programs, None)
        self.redis_socket = f"{self.directory}/redis.sock"
        self.redis_process = None
        self.client = redis.Redis(unix_socket_path=self.redis_socket, decode_responses=True)
        self.database = self.directory / "mail.db"
        self.workers = {}
        self.kills = collections.Counter()
        self.start_redis()

    def __exit__(self, *fault):
        processes = [*self.workers.values(), self.redis_process]
        for process in processes:
            process.kill()
            process.wait()
        if fault and fault[0]:
            for name in ("timesaled", "worker"):
                with contextlib.suppress(OSError):
                    print(self.log(name)[-3000:], file=sys.stderr)
        super().__exit__()

    def start_engine(self):
        self.engine = self._start(
            "timesaled", "--listen", self._socket, "--data", f"{self.directory}/data", "--segment-size", "2MiB",
            "--log-ahead", "0KiB", "--grace", "0ms", "--redis", f"unix:{self.redis_socket}", "--redis-events")

    def start_redis(self):
        self.redis_process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.redis_socket, "--save", "", "--appendonly", "no",
             "--dir", str(self.directory), "--user", "mail", "on", ">secret", "~timesale:events", *ALLOWED], stdout=subprocess.DEVNULL)
        eventually("a redis-server", self.redis_answers)

    def redis_answers(self):
        try:
            return self.client.ping()
        except redis.RedisError:
            return False

    def start_worker(self, name):
        with open(self.directory / "worker.log", "ab") as log:
            self.workers[name] = subprocess.Popen(
                ["/usr/bin/python3", "-B", str(EXAMPLE), "--database", str(self.database), "--worker", name,
                 "--redis", f"unix://mail:secret@{self.redis_socket}", "--sidecar", self.base, "--dead-after", "0.5"],
                stdout=log, stderr=log)

    def kill(self, what):
        if what == "engine":
            self.kill_engine()
            self.start_engine()
        elif what == "redis":
            self.redis_process.kill()
            self.redis_process.wait()
            self.start_redis()
        elif what == "flush":
            self.client.flushall()
        else:
            # One that has ended by itself has a fault.
            expect(f"{what} runs", self.workers[what].poll() is None)
            self.workers[what].kill()
            self.workers[what].wait()
            # For a while nobody of that name: others take over what it had been given.
            time.sleep(random.choice((0, 1)))
            self.start_worker(what)
        self.kills[what] += 1

    def snapshot(self):
        subprocess.run(
            [self.programs / "timesale", "snapshot", "--server", self._socket], check=True, stdout=subprocess.DEVNULL)

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(self.database, timeout=60)) as connection:
            return connection.execute(sql).fetchall()

    def mails(self):
        return {row[0]: row[1:] for row in self.rows("select order_id, user_id, sale_id, quantity from mails")}


class Buyers:
    """Order until they are told to end, and know what the server has told them."""

    def __init__(self, world):
        self.world, self.confirmed, self.counts = world, {}, collections.Counter()
        self.is_over = threading.Event()
        self.faults = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(BUYERS)]

    def run(self, meanwhile):
        for thread in self.threads:
            thread.start()
        meanwhile()
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        expect("buyers without a fault", not self.faults, self.faults)

    def _run(self, number):
        shop = timesale.Timesale(self.world.base, tries=100, patience=60)
        try:
            for turn in range(10**6):
                if self.is_over.is_set():
                    return
                self.buy(shop, number * 10**6 + turn + 1)
        except Exception as fault:  # noqa: BLE001
            self.faults.append(repr(fault))

    def buy(self, shop, user):
        """One of each kind: held and confirmed, held and cancelled or left, confirmed at once, a checkout."""
        quantity = user % 3 + 1
        kind = user % 4
        if kind == 3:
            lines = [{"timeSaleId": HELD, "quantity": quantity}, {"timeSaleId": AT_ONCE, "quantity": 1}]
            checkout = shop.call("POST", "/v1/checkouts", {"userId": user, "lines": lines}, f"basket-{user}")
            shop.call("POST", f"/v1/checkouts/{checkout['checkoutId']}/confirm", {}, checkout["checkoutId"])
            self.note(checkout["orders"], user, "orderPlaced", "orderPlaced", "checkoutPlaced", "checkoutConfirmed")
            return
        order = shop.order(AT_ONCE if kind == 2 else HELD, user, quantity, f"basket-{user}")
        if kind == 0:
            shop.confirm(order["orderId"])
            self.note([order], user, "orderPlaced", "orderConfirmed")
        elif kind == 2:
            self.note([order], user, "orderPlaced")
        else:
            shop.call("POST", f"/v1/orders/{order['orderId']}/cancel", {}, order["orderId"])
            self.note([], user, "orderPlaced", "orderCancelled")

    def note(self, orders, user, *types):
        with self.lock:
            self.counts.update(types)
            for order in orders:
                self.confirmed[order["orderId"]] = (str(user), str(order["timeSaleId"]), order["quantity"])


def check(world, buyers):
    """Each confirmed order has its mail, one and the right one, and there is no other."""
    eventually("a mail for each order", lambda: len(world.mails()) >= len(buyers.confirmed))
    # Whatever should not come would come now: a whole round of claims.
    time.sleep(2)
    doubles = world.rows("select order_id, count(*) from mails group by order_id having count(*) > 1")
    expect("no order has two mails", not doubles, doubles[:3])
    mails = world.mails()
    wrong = {order for order in mails.keys() | buyers.confirmed.keys() if mails.get(order) != buyers.confirmed.get(order)}
    expect("the mails are of what was confirmed", not wrong,
           [(order, mails.get(order), buyers.confirmed.get(order)) for order in list(wrong)[:3]])


def main():
    # Ended from outside, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as gathered:
        programs = pathlib.Path(gathered)
        for directory in sys.argv[1:]:
            for name in ("timesaled", "timesale", "timesale-http"):
                path = pathlib.Path(directory).resolve() / name
                if path.exists():
                    (programs / name).symlink_to(path)
        with World(programs) as world:
            shop = timesale.Timesale(world.base)
            for sale, hold in ((HELD, 600), (AT_ONCE, 0)):
                terms = {"id": sale, "name": f"Sale {sale}", "stock": 10**6, "holdSeconds": hold}
                shop.call("POST", "/v1/timesales", terms, f"sale-{sale}")
            for number in range(3):
                world.start_worker(f"mail-{number}")
            buyers = Buyers(world)

            def trouble():
                events = ["mail-0", "flush", "mail-1", "engine", "mail-2", "redis", "flush", "mail-0", "engine", "mail-1"]
                for what in events:
                    # Amid work: when some more have been dealt with.
                    seen = len(buyers.confirmed)
                    eventually("orders", lambda: len(buyers.confirmed) >= seen + 60)
                    world.kill(what)

            buyers.run(trouble)
            check(world, buyers)
            counts = dict(world.rows("select type, count from event_counts"))
            expect("each event was counted once", counts == dict(buyers.counts), counts, buyers.counts)
            expect("no gap", not world.rows("select * from gaps"))
            state = world.client.xpending("timesale:events", "mail")
            expect("all is acknowledged", state["pending"] == 0, state)
            refused = [(entry["username"], entry["object"]) for entry in world.client.acl_log()]
            expect("nothing was refused", not refused, refused)
            print(f"mail: {len(buyers.confirmed)} orders, each mailed once, through {dict(world.kills)}", flush=True)

            # Redis is away for longer than the log is kept.
            world.redis_process.kill()
            world.redis_process.wait()
            before = len(buyers.confirmed)
            for turn in range(3):
                for number in range(300):
                    buyers.buy(shop, 10**9 + turn * 1000 + number)
                world.snapshot()
            world.start_redis()
            check(world, buyers)
            gaps = world.rows("select after_id, until_id from gaps where is_closed")
            expect("a gap that was closed", gaps)
            print(f"mail: a gap after {gaps[0][0]}, {len(buyers.confirmed) - before} orders meanwhile", flush=True)


if __name__ == "__main__":
    main()
