#!/usr/bin/env python3
"""Writes a mail for each confirmed order of a timesale server, exactly once, from the stream of events in Redis.

    mail_from_redis.py --database mail.db --worker mail-1 [--redis redis://127.0.0.1:6379] [--sidecar http://127.0.0.1:8080]

Run as many as the work needs, each under a name of its own that it keeps; they share a consumer group and the database.
The table `mails` is an outbox: what sends the mails takes them from there.

What makes it once and only once: an event and all that it brings about are one transaction, with the event's `seq` in
it, and an event whose `seq` is known is dropped. So a worker may die at any moment; another one claims what it had been
given. Also kept there is the place in the stream up to which all has been dealt with. When Redis has lost the stream
and the group with it (FLUSHALL, a start without persistence), the group is made again at that place, and timesale fills the stream again.

Events that are lost for good are told by an entry of type `gap`. Then the orders are asked for over HTTP (--sidecar).

Needs redis-py (Debian: python3-redis). The database is SQLite here; any with transactions will do.
"""

import argparse
import json
import os
import socket
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import redis

SCHEMA = """
create table if not exists mails (
    id integer primary key, order_id text not null, user_id text not null, sale_id text not null,
    quantity integer not null
);
-- What is known of an order. Workers may get its events in any order: a mail is due once all of this is there.
create table if not exists orders (
    order_id text primary key, user_id text, sale_id text, quantity integer, confirmed_at real
);
create table if not exists checkouts (checkout_id text primary key, order_ids text, is_confirmed integer not null default 0);
create table if not exists event_counts (type text primary key, count integer not null);
-- All up to the place has been dealt with, and behind it what stands in `dealt`.
create table if not exists place (sequence integer not null, number integer not null);
create table if not exists dealt (sequence integer, number integer, primary key (sequence, number)) without rowid;
create table if not exists gaps (
    after_id text, until_id text, is_closed integer not null default 0, primary key (after_id, until_id)
);
insert into place select 0, 0 where not exists (select * from place);
"""

BATCH = 100
# How long an entry may be with a worker before another one takes it for dead, and how often workers look.
DEAD_AFTER_MS = 60_000
LOOK_EVERY_S = 1.0


def place_of(entry_id):
    """`SEQUENCE-NUMBER`: places in the server's log, which compare as pairs."""
    sequence, number = entry_id.split("-")
    return int(sequence), int(number)


class Database:
    def __init__(self, path):
        self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.connection.execute("pragma synchronous = full")
        with self:
            # Not executescript, which would commit in between.
            for statement in SCHEMA.split(";"):
                self.run(statement)

    def run(self, sql, *values):
        return self.connection.execute(sql, values)

    def __enter__(self):
        # The lock of writers now: two workers must not both read, and then both write.
        self.run("begin immediate")
        return self

    def __exit__(self, fault, *_):
        self.run("rollback" if fault else "commit")

    def place(self):
        return self.run("select sequence, number from place").fetchone()


# What events bring about. All of it within the transaction of the event.


def known(database, order_id, user_id, sale_id, quantity):
    """Who ordered what. The one that comes last of this and the confirmation brings about the mail."""
    is_new = database.run(
        "insert into orders (order_id, user_id, sale_id, quantity) values (?, ?, ?, ?) on conflict do update set"
        " user_id = excluded.user_id, sale_id = excluded.sale_id, quantity = excluded.quantity where user_id is null",
        order_id, user_id, sale_id, quantity).rowcount
    if is_new:
        mail_if_complete(database, order_id)


def confirmed(database, order_id):
    is_new = database.run(
        "insert into orders (order_id, confirmed_at) values (?, ?) on conflict do update set"
        " confirmed_at = excluded.confirmed_at where confirmed_at is null", order_id, time.time()).rowcount
    if is_new:
        mail_if_complete(database, order_id)


def mail_if_complete(database, order_id):
    database.run(
        "insert into mails (order_id, user_id, sale_id, quantity) select order_id, user_id, sale_id, quantity"
        " from orders where order_id = ? and user_id is not null and confirmed_at is not null", order_id)


def order_placed(database, event):
    known(database, event["orderId"], event["userId"], event["timeSaleId"], int(event["quantity"]))
    # A sale without a hold time confirms at once, without an event of its own.
    if event["expiresAt"] == "0":
        confirmed(database, event["orderId"])


def order_confirmed(database, event):
    # It names the order alone: whose it is stood in orderPlaced.
    confirmed(database, event["orderId"])


def checkout_placed(database, event):
    checkout = event["checkoutId"]
    database.run(
        "insert into checkouts (checkout_id, order_ids) values (?, ?) on conflict do update set"
        " order_ids = excluded.order_ids", checkout, event["orderIds"])
    confirm_orders(database, checkout)


def checkout_confirmed(database, event):
    checkout = event["checkoutId"]
    database.run(
        "insert into checkouts (checkout_id, is_confirmed) values (?, 1) on conflict do update set is_confirmed = 1",
        checkout)
    confirm_orders(database, checkout)


def confirm_orders(database, checkout):
    """The orders of a checkout are confirmed with it, without events of their own."""
    row = database.run(
        "select order_ids from checkouts where checkout_id = ? and is_confirmed and order_ids is not null",
        checkout).fetchone()
    for order_id in row[0].split(",") if row else []:
        confirmed(database, order_id)


def gap(database, event):
    database.run(
        "insert or ignore into gaps (after_id, until_id) values (?, ?)", event["after"], event["seq"])


CHANGES = {
    "orderPlaced": order_placed, "orderConfirmed": order_confirmed, "checkoutPlaced": checkout_placed,
    "checkoutConfirmed": checkout_confirmed, "gap": gap,
}


def deal(database, event):
    """Does what an event asks for, unless that has been done."""
    place = place_of(event["seq"])
    if place <= database.place():
        return
    if not database.run("insert or ignore into dealt values (?, ?)", *place).rowcount:
        return
    database.run(
        "insert into event_counts values (?, 1) on conflict do update set count = count + 1", event["type"])
    if event["type"] in CHANGES:
        CHANGES[event["type"]](database, event)


# Where events come from.


class Stream:
    def __init__(self, client, key, group, worker, dead_after_ms):
        self.client, self.key, self.group, self.worker = client, key, group, worker
        self.dead_after_ms = dead_after_ms
        # First what was given to this worker in an earlier life.
        self.has_own = True

    def begin(self, place):
        """Makes the group, to go on behind a place."""
        try:
            self.client.xgroup_create(self.key, self.group, id="%d-%d" % place, mkstream=True)
        except redis.ResponseError as fault:
            if not str(fault).startswith("BUSYGROUP"):
                raise

    def next(self, block_ms):
        """Entries that are this worker's to deal with; they come again until they are acknowledged."""
        if self.has_own:
            entries = self._read("0", None)
            self.has_own = bool(entries)
            if entries:
                return entries
        return self._read(">", block_ms)

    def _read(self, after, block_ms):
        found = self.client.xreadgroup(self.group, self.worker, {self.key: after}, count=BATCH, block=block_ms)
        return found[0][1] if found else []

    def of_the_dead(self):
        """Entries that others were given and have not acknowledged for long; and whether some were trimmed meanwhile."""
        answer = self.client.xautoclaim(
            self.key, self.group, self.worker, min_idle_time=self.dead_after_ms, start_id="0-0", count=BATCH)
        return answer[1], bool(answer[2:] and answer[2])

    def acknowledge(self, ids):
        self.client.xack(self.key, self.group, *ids)

    def state(self):
        """The place up to which all has been acknowledged; and that of the oldest entry and the last one given out."""
        # Of one moment: if the stream were lost in between, two of them would not belong together.
        pipeline = self.client.pipeline(transaction=True)
        pipeline.xinfo_groups(self.key)
        pipeline.xpending(self.key, self.group)
        pipeline.xrange(self.key, count=1)
        groups, pending, oldest = pipeline.execute()
        given = next(place_of(one["last-delivered-id"]) for one in groups if one["name"] == self.group)
        done = given
        if pending["pending"]:
            sequence, number = place_of(pending["min"])
            done = (sequence, number - 1) if number else (sequence - 1, 2**32 - 1)
        return done, place_of(oldest[0][0]) if oldest else None, given


class Worker:
    def __init__(self, database, stream, sidecar, token):
        self.database, self.stream, self.sidecar, self.token = database, stream, sidecar, token
        self.next_look = 0.0

    def run(self):
        while True:
            try:
                self.take(self.stream.next(block_ms=int(LOOK_EVERY_S * 1000)))
                if time.monotonic() >= self.next_look:
                    self.look()
                    self.next_look = time.monotonic() + LOOK_EVERY_S
            except redis.ResponseError as fault:
                # It is new here, or lost, perhaps while we waited for the next entry.
                if "NOGROUP" in str(fault) or str(fault).startswith("UNBLOCKED"):
                    self.stream.begin(self.database.place())
                    continue
                print(fault, file=sys.stderr)
                time.sleep(1)
            except (redis.ConnectionError, redis.TimeoutError, OSError) as fault:
                # What it was given may not have arrived.
                self.stream.has_own = True
                print(fault, file=sys.stderr)
                time.sleep(1)

    def take(self, entries):
        if not entries:
            return
        with self.database as database:
            for _, event in entries:
                # Nothing is left of one that was trimmed away.
                if event:
                    deal(database, event)
        # Only now: who dies before this is given them again, and drops them.
        self.stream.acknowledge([entry_id for entry_id, _ in entries])

    def look(self):
        entries, are_lost = self.stream.of_the_dead()
        self.take(entries)
        done, oldest, given = self.stream.state()
        # They were trimmed before anybody had read them: the stream is too short for how long we were away.
        if oldest and oldest > given > (0, 0):
            are_lost = True
        with self.database as database:
            if are_lost:
                until = max(given, oldest or given)
                gap(database, {"after": "%d-%d" % database.place(), "seq": "%d-%d" % until})
            if done > database.place():
                database.run("update place set sequence = ?, number = ?", *done)
                database.run("delete from dealt where (sequence, number) <= (?, ?)", *done)
        if self.sidecar:
            self.close_gaps()
            self.complete()

    # What the stream does not say.

    def close_gaps(self):
        """After a gap all orders are looked at as they are now."""
        open_gaps = self.database.run("select after_id, until_id from gaps where not is_closed").fetchall()
        if not open_gaps:
            return
        for sale in self.listed("/v1/timesales"):
            for order in self.listed(f"/v1/timesales/{sale['id']}/orders"):
                self.learn(order)
        for ends in open_gaps:
            with self.database as database:
                database.run("update gaps set is_closed = 1 where after_id = ? and until_id = ?", *ends)

    def complete(self):
        """A confirmed order of which nobody has read who placed it: that was in a gap, or before the first event."""
        rows = self.database.run(
            "select order_id from orders where user_id is null and confirmed_at < ?", time.time() - 5).fetchall()
        for (order_id,) in rows:
            try:
                self.learn(self.get(f"/v1/orders/{order_id}"))
            except urllib.error.HTTPError as fault:
                if fault.code != 404:
                    raise
                # Older than the server remembers.
                print(f"order {order_id} was confirmed, and cannot be found any more", file=sys.stderr)
                with self.database as database:
                    database.run("delete from orders where order_id = ?", order_id)

    def learn(self, order):
        with self.database as database:
            known(database, order["orderId"], str(order["userId"]), str(order["timeSaleId"]), order["quantity"])
            if order["state"] == "confirmed":
                confirmed(database, order["orderId"])

    def listed(self, path):
        cursor = None
        while True:
            query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = self.get(f"{path}?{urllib.parse.urlencode(query)}")
            yield from page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                return

    def get(self, path):
        request = urllib.request.Request(self.sidecar + path)
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", required=True, help="a file of SQLite, the same for all workers")
    parser.add_argument("--worker", default=socket.gethostname(), help="a name that no other worker has")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", help="where the stream is; a password can be in it")
    parser.add_argument("--prefix", default="", help="what the server was given as --redis-prefix")
    parser.add_argument("--group", default="mail", help="the consumer group")
    parser.add_argument("--sidecar", help="where orders are asked for after a gap")
    parser.add_argument("--dead-after", type=float, default=DEAD_AFTER_MS / 1000, help="in seconds")
    options = parser.parse_args()
    client = redis.Redis.from_url(options.redis, decode_responses=True, socket_timeout=10, health_check_interval=30)
    stream = Stream(
        client, options.prefix + "timesale:events", options.group, options.worker, int(options.dead_after * 1000))
    # A token of the scope admin, if the sidecar wants one: not as an argument, which other users could see.
    Worker(Database(options.database), stream, options.sidecar, os.environ.get("TIMESALE_TOKEN")).run()


if __name__ == "__main__":
    main()
