#!/usr/bin/env python3
"""Keeps a PostgreSQL table of all orders of a timesale server, each change exactly once.

    orders_to_postgres.py --dsn "dbname=shop" [--timesale bin/timesale] [--server 127.0.0.1:7070] [--token-file FILE]

It follows the durable events of the server with `timesale tail`, and writes what they say into the table
timesale_orders. The position in the events is kept in the same database and changes in the same transaction as the
rows. So whatever ends it, and wherever: it goes on behind the last transaction that was committed, and no event is
missed or applied twice. Run one of it; a second one waits until the first is gone.

Needs psycopg2 (Debian: python3-psycopg2). Run it by systemd or the like, which starts it again when it ends.
"""

import argparse
import json
import subprocess
import sys
import time

import psycopg2

SCHEMA = """
create table if not exists timesale_orders (
    order_id    uuid primary key,
    user_id     text not null,
    sale_id     text not null,
    quantity    integer not null,
    state       text not null check (state in ('held', 'confirmed', 'cancelled', 'expired')),
    checkout_id uuid,
    placed_at   timestamptz not null,
    changed_at  timestamptz not null
);
create index if not exists timesale_orders_checkout on timesale_orders (checkout_id) where checkout_id is not null;
create table if not exists timesale_position (
    consumer text primary key,
    position text not null
);
"""

CONSUMER = "orders"
# Two that write the same table would each be right, and slower: the second one waits for this lock.
LOCK = 0x54530001
# What `timesale tail` ends with when the server is not there, or is busy: it is asked again.
TRY_AGAIN = {69, 75}


def order_placed(cursor, event):
    # No "on conflict": an event that came twice would be a fault, and has to be seen.
    cursor.execute(
        "insert into timesale_orders (order_id, user_id, sale_id, quantity, state, placed_at, changed_at)"
        " values (%(order)s, %(user)s, %(sale)s, %(quantity)s, %(state)s,"
        " to_timestamp(%(timeMs)s / 1000.0), to_timestamp(%(timeMs)s / 1000.0))",
        event | {"state": "held" if event["deadlineMs"] else "confirmed"},
    )


def order_is(state):
    def change(cursor, event):
        cursor.execute(
            "update timesale_orders set state = %s, changed_at = to_timestamp(%s / 1000.0) where order_id = %s",
            (state, event["timeMs"], event["order"]),
        )
        if cursor.rowcount != 1:
            raise RuntimeError(f"no such order: {event}")

    return change


def checkout_placed(cursor, event):
    # Its orders have come right before it.
    cursor.execute(
        "update timesale_orders set checkout_id = %s, state = %s where order_id = any(%s::uuid[])",
        (event["checkout"], "held" if event["deadlineMs"] else "confirmed", event["orderIds"]),
    )


def checkout_is(state):
    # What happens to a checkout happens to all its orders, without events of their own.
    def change(cursor, event):
        cursor.execute(
            "update timesale_orders set state = %s, changed_at = to_timestamp(%s / 1000.0) where checkout_id = %s",
            (state, event["timeMs"], event["checkout"]),
        )

    return change


# What is not here says nothing about the state of an order.
CHANGES = {
    "orderPlaced": order_placed,
    "orderConfirmed": order_is("confirmed"),
    "orderCancelled": order_is("cancelled"),
    "orderExpired": order_is("expired"),
    "checkoutPlaced": checkout_placed,
    "checkoutConfirmed": checkout_is("confirmed"),
    "checkoutCancelled": checkout_is("cancelled"),
    "checkoutExpired": checkout_is("expired"),
}


def prepare(database):
    """Makes the tables where they are missing, when nobody else does this work."""
    with database.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (LOCK,))
        cursor.execute(SCHEMA)
        cursor.execute("insert into timesale_position values (%s, '0') on conflict do nothing", (CONSUMER,))
    database.commit()


def position(database):
    with database.cursor() as cursor:
        cursor.execute("select position from timesale_position where consumer = %s", (CONSUMER,))
        return cursor.fetchone()[0]


def follow(database, command):
    """Applies events until the tail ends; answers its exit code."""
    command = command + ["--after", position(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail, database.cursor() as cursor:
        for line in tail.stdout:
            # A line without its end is half a line: its tail was killed.
            if not line.endswith("\n"):
                break
            event = json.loads(line)
            if "code" in event:
                print(event["message"], file=sys.stderr)
            elif event["kind"] == "position":
                # Behind events that came together: with all that they changed, or not at all.
                cursor.execute(
                    "update timesale_position set position = %s where consumer = %s", (event["position"], CONSUMER))
                database.commit()
            elif event["kind"] in CHANGES:
                CHANGES[event["kind"]](cursor, event)
    database.rollback()
    return tail.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dsn", default="", help="how to reach the database; libpq's variables count too")
    parser.add_argument("--timesale", default="timesale", help="the command line tool")
    parser.add_argument("--server", help="HOST:PORT or unix:PATH of the server")
    parser.add_argument("--token-file", help="with a token of the scope admin")
    options = parser.parse_args()
    command = [options.timesale, "tail", "--json", "--positions"]
    command += ["--server", options.server] if options.server else []
    command += ["--token-file", options.token_file] if options.token_file else []

    database = psycopg2.connect(options.dsn)
    prepare(database)
    while True:
        code = follow(database, command)
        if code not in TRY_AGAIN:
            return code or 1
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
