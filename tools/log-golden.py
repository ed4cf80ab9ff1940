#!/usr/bin/env python3
"""Prints docs/log-golden.json: a second implementation of docs/log-format.md, which is all it is written from.

    python3 tools/log-golden.py > docs/log-golden.json

Blocks are given without the zeros that fill them up to their length.
"""

import json
import struct
import uuid

from golden import crc32c, number, part_of, partition, version7

T0 = 1767225600000  # 2026-01-01T00:00:00Z


def event(kind, size, time_ms, body, flags=0, quantity=0):
    data = struct.pack("<BBHIQ", kind, flags, size, quantity, time_ms) + body
    assert len(data) == size, (kind, len(data))
    return data


def catalogue_id(random):
    return version7(T0, 0, random).bytes


def order_id(user, random):
    return version7(T0, partition(number(user)), random).bytes


def name(text):
    data = text.encode()
    return struct.pack("<H", len(data)) + data.ljust(78, b"\0")


def sale_body(stock):
    return (
        catalogue_id(1)
        + struct.pack("<QQQQQII", 7, stock, T0, T0 + 86400000, 4990, 2, 600000)
        + name("Launch day")
    )


def reason(text):
    data = text.encode()
    return struct.pack("<B", len(data)) + data.ljust(31, b"\0")


def placed(user, random, quantity, time_ms):
    body = order_id(user, random) + number(user).bytes + struct.pack("<QQ", 7, time_ms + 600000)
    return event(1, 64, time_ms, body, quantity=quantity)


def short(quantity, *orders):
    data = struct.pack("<BBHI", 1, 0, 8 + 32 * len(orders), quantity)
    return data + b"".join(order_id(user, random) + number(user).bytes for user, random in orders)


EXTENDED = T0 + 700000
EARNED = EXTENDED + 8000
LOT_ENDS = EARNED + 86400000
EARNING = order_id(42, 7) + number(42).bytes + struct.pack("<Q", LOT_ENDS)
USE = order_id(42, 8) + number(42).bytes
GIFT = order_id(1, 9) + number(1).bytes + struct.pack("<Q", 0)
WELCOME = event(11, 64, EARNED, order_id(42, 7) + reason("welcome"))

CLAIMED = EARNED + 10000
POLICY = (
    catalogue_id(10)
    + struct.pack("<QQQQQII", 7, 500, T0, T0 + 30 * 86400000, 15, 1, 1)
    + name("15% off")
    + struct.pack("<QQ", 20000, 10000)
)
COUPON = order_id(42, 11)


def used(random, order, amount, discount, time_ms):
    return event(13, 80, time_ms, order_id(42, random) + COUPON + order + struct.pack("<QQ", amount, discount))


COUPONS = [
    ("couponIssued", event(12, 56, CLAIMED + 1000, COUPON + number(42).bytes + struct.pack("<Q", 7))),
    ("couponUsed", used(12, order_id(42, 2), 124999, 18749, CLAIMED + 2000)),
    ("couponRestored", event(14, 48, CLAIMED + 3000, order_id(42, 13) + COUPON)),
    ("couponUsed", used(14, bytes(16), 10000, 1500, CLAIMED + 4000)),
]
ADDED = catalogue_id(15) + struct.pack("<QQ", 7, 100)

BOUGHT = CLAIMED + 10000
BOOK = catalogue_id(16) + struct.pack("<QQQQQII", 8, 50, 0, 0, 2500, 0, 600000) + name("Book")
LAMP = catalogue_id(17) + struct.pack("<QQQQQII", 9, 20, 0, 0, 4000, 0, 300000) + name("Lamp")
BASKET = version7(T0, partition(number(42)), 19)
SECOND = version7(T0, partition(number(3)), 20)
GIVEN_BACK = event(14, 48, BOUGHT + 1000, order_id(42, 18) + COUPON)


def part(checkout, index):
    return part_of(checkout, index).bytes


def order_of(checkout, user, index, sale, quantity, time_ms, deadline, kind=1, flags=0):
    body = part(checkout, index) + number(user).bytes + struct.pack("<QQ", sale, deadline)
    return event(kind, 64, time_ms, body, flags=flags, quantity=quantity)


def checkout(kind, which, user, coupon, amounts, time_ms, deadline, orders):
    """`amounts`: subtotal, discount, when the points to earn expire, points used, points to earn."""
    body = which.bytes + number(user).bytes + coupon + struct.pack("<QQQIIQ", *amounts, deadline)
    return event(kind, 104, time_ms, body, quantity=orders)


PAID = (11500, 1725, LOT_ENDS, 100, 98)
PLAIN = (2500, 0, 0, 0, 0)
CHECKOUTS = [
    ("orderPlaced", order_of(BASKET, 42, 0, 8, 3, BOUGHT + 2000, BOUGHT + 302000)),
    ("orderPlaced", order_of(BASKET, 42, 1, 9, 1, BOUGHT + 2000, BOUGHT + 302000)),
    ("checkoutPlaced", checkout(24, BASKET, 42, COUPON, PAID, BOUGHT + 2000, BOUGHT + 302000, 2)),
    ("checkoutConfirmed", event(25, 32, BOUGHT + 3000, BASKET.bytes)),
    ("orderPlaced", order_of(SECOND, 3, 0, 8, 1, BOUGHT + 4000, BOUGHT + 604000)),
    ("checkoutPlaced", checkout(24, SECOND, 3, bytes(16), PLAIN, BOUGHT + 4000, BOUGHT + 604000, 1)),
    ("checkoutExpired", event(27, 32, BOUGHT + 604000, SECOND.bytes)),
    ("checkoutConfirmed", event(25, 32, BOUGHT + 605000, SECOND.bytes, flags=1)),
    ("checkoutCancelled", event(26, 32, BOUGHT + 606000, SECOND.bytes)),
]
SHIRT = catalogue_id(18) + struct.pack("<QQQQQII", 10, 5, 0, 0, 1500, 0, 0) + name("Shirt")
GIFTS = (
    catalogue_id(21) + struct.pack("<QQQQQII", 8, 5, 0, 0, 500, 0, 0) + name("5 off") + struct.pack("<QQ", 0, 0)
)
# Long behind the retention time of the engine that logs this.
FAR = BOUGHT + (1 << 41)


def retired(what, which):
    return ("retired", event(28, 32, FAR, which, flags=what))


RETIRED = [
    retired(0, order_id(42, 2)),
    retired(3, order_id(42, 8)),
    retired(0, order_id(1, 3)),
    retired(3, order_id(1, 9)),
    *[retired(5, order_id(42, random)) for random in (12, 13, 14, 18)],
    retired(1, order_id(2, 4)),
    ("saleRetired", event(22, 24, FAR, struct.pack("<Q", 10))),
    ("policyRetired", event(23, 24, FAR, struct.pack("<Q", 8))),
]
POINTS = number(42).bytes + struct.pack("<Q", 0)
REWARD = part(BASKET, 18) + number(42).bytes + struct.pack("<Q", LOT_ENDS)

EVENTS = [
    ("saleCreated", event(16, 160, T0 + 500, sale_body(1000))),
    ("orderPlaced", placed(42, 2, 2, T0 + 1000)),
    ("orderConfirmed", event(2, 32, T0 + 2000, order_id(42, 2))),
    ("orderPlaced", placed(1, 3, 1, T0 + 3000)),
    ("orderExtended", event(5, 40, T0 + 4000, order_id(1, 3) + struct.pack("<Q", EXTENDED))),
    ("orderExpired", event(4, 32, EXTENDED, order_id(1, 3))),
    ("orderConfirmed", event(2, 32, EXTENDED + 1000, order_id(1, 3), flags=1)),
    ("orderCancelled", event(3, 32, EXTENDED + 2000, order_id(1, 3))),
    ("tombstonePlaced", event(6, 32, EXTENDED + 3000, order_id(2, 4))),
    ("orderPlaced", placed(3, 5, 1, EXTENDED + 4000)),
    ("holdsGraced", event(7, 24, EXTENDED + 5000, struct.pack("<Q", EXTENDED + 2000000))),
    ("saleRestocked", event(17, 48, EXTENDED + 6000, catalogue_id(6) + struct.pack("<QQ", 7, 500))),
    ("saleClosed", event(18, 24, EXTENDED + 7000, struct.pack("<Q", 7))),
    ("pointsEarned", event(8, 56, EARNED, EARNING, quantity=500)),
    ("transactionReasoned", WELCOME),
    ("pointsUsed", event(9, 48, EARNED + 1000, USE, quantity=120)),
    ("pointsEarned", event(8, 56, EARNED + 2000, GIFT, quantity=30)),
    ("transactionCancelled", event(10, 32, EARNED + 3000, order_id(1, 9))),
    ("policyCreated", event(19, 176, CLAIMED, POLICY)),
    *COUPONS,
    ("policyRestocked", event(20, 48, CLAIMED + 5000, ADDED)),
    ("policyClosed", event(21, 24, CLAIMED + 6000, struct.pack("<Q", 7))),
    ("saleCreated", event(16, 160, BOUGHT, BOOK)),
    ("saleCreated", event(16, 160, BOUGHT, LAMP)),
    ("saleCreated", event(16, 160, BOUGHT, SHIRT)),
    ("saleClosed", event(18, 24, BOUGHT, struct.pack("<Q", 10))),
    ("policyCreated", event(19, 176, BOUGHT, GIFTS)),
    ("policyClosed", event(21, 24, BOUGHT, struct.pack("<Q", 8))),
    ("couponRestored", GIVEN_BACK),
    *CHECKOUTS,
    *RETIRED,
]


def kept(user, random, quantity, time_ms, state, late, deadline):
    body = order_id(user, random) + number(user).bytes + struct.pack("<QQ", 7, deadline)
    return event(32, 64, time_ms, body, flags=state | late << 4, quantity=quantity)


ORDERS = [  # by partition
    (partition(number(42)), kept(42, 2, 2, T0 + 1000, 1, 0, T0 + 2000)),
    (partition(number(1)), kept(1, 3, 1, T0 + 3000, 2, 2, EXTENDED + 2000)),
    (partition(number(3)), kept(3, 5, 1, EXTENDED + 4000, 0, 0, EXTENDED + 2000000)),
    (partition(number(42)), order_of(BASKET, 42, 0, 8, 3, BOUGHT + 2000, BOUGHT + 3000, kind=32, flags=1)),
    (partition(number(42)), order_of(BASKET, 42, 1, 9, 1, BOUGHT + 2000, BOUGHT + 3000, kind=32, flags=1)),
    (
        partition(number(3)),
        order_of(SECOND, 3, 0, 8, 1, BOUGHT + 4000, BOUGHT + 606000, kind=32, flags=2 | 2 << 4),
    ),
]
KEPT_CHECKOUTS = [  # by partition
    (partition(number(42)), checkout(40, BASKET, 42, COUPON, PAID, BOUGHT + 2000, 0, 2)),
    (partition(number(3)), checkout(40, SECOND, 3, bytes(16), PLAIN, BOUGHT + 4000, 0, 1)),
]


def transaction(time_ms, body, remaining, flags, quantity):
    return event(35, 64, time_ms, body + struct.pack("<II", remaining, 0), flags=flags, quantity=quantity)


def operation(random, kind, time_ms, order=bytes(16), amount=0, discount=0):
    body = order_id(42, random) + COUPON + order + struct.pack("<QQ", amount, discount)
    return ("couponOperationKept", event(41, 80, time_ms, body, flags=kind))


def by_partition(records):
    return [data for _, data in sorted(records, key=lambda record: record[0])]


RECORDS = [
    ("saleKept", event(33, 176, T0 + 500, sale_body(1000) + struct.pack("<QQ", 1500, EXTENDED + 7000), flags=1)),
    ("policyKept", event(37, 192, CLAIMED, POLICY + struct.pack("<QQ", 600, CLAIMED + 6000), flags=1)),
    ("saleKept", event(33, 176, BOUGHT, BOOK + struct.pack("<QQ", 50, 0))),
    ("saleKept", event(33, 176, BOUGHT, LAMP + struct.pack("<QQ", 20, 0))),
    ("offerRetiredKept", event(39, 24, 0, struct.pack("<Q", 10))),
    ("offerRetiredKept", event(39, 24, 0, struct.pack("<Q", 8), flags=1)),
    ("catalogueOperationKept", event(34, 48, EXTENDED + 6000, catalogue_id(6) + struct.pack("<QQ", 7, 500))),
    ("catalogueOperationKept", event(34, 48, CLAIMED + 5000, ADDED, flags=1)),
    *[("orderKept", order) for order in by_partition(ORDERS)],
    ("transactionKept", transaction(EARNED, EARNING, 280, flags=0, quantity=500)),
    ("transactionReasoned", WELCOME),
    ("transactionKept", transaction(EARNED + 1000, USE + struct.pack("<Q", 0), 0, flags=1, quantity=120)),
    ("transactionKept", transaction(BOUGHT + 2000, part(BASKET, 17) + POINTS, 0, flags=1, quantity=100)),
    ("transactionKept", transaction(BOUGHT + 3000, REWARD, 98, flags=0, quantity=98)),
    ("transactionKept", transaction(EARNED + 2000, GIFT, 30, flags=1 << 4, quantity=30)),
    ("takingKept", event(36, 48, EARNED + 1000, order_id(42, 8) + order_id(42, 7), quantity=120)),
    ("takingKept", event(36, 48, BOUGHT + 2000, part(BASKET, 17) + order_id(42, 7), quantity=100)),
    COUPONS[0],
    operation(12, 0, CLAIMED + 2000, order_id(42, 2), 124999, 18749),
    operation(13, 1, CLAIMED + 3000),
    operation(14, 0, CLAIMED + 4000, bytes(16), 10000, 1500),
    operation(18, 1, BOUGHT + 1000),
    *[("checkoutKept", record) for record in by_partition(KEPT_CHECKOUTS)],
    ("tombstonePlaced", event(6, 32, EXTENDED + 3000, order_id(2, 4))),
    ("unitsRetiredKept", event(38, 40, 0, struct.pack("<QQQ", 7, 0, 5))),
    ("unitsRetiredKept", event(38, 40, 0, struct.pack("<QQQ", 7, 3, 2), flags=1)),
    ("idsForgottenKept", event(42, 24, 0, struct.pack("<Q", T0 - 1000))),
]


def block(events, previous, count=None, **fields):
    """A block and the checksum of its header. `count`: its events, where some are short orders."""
    body = b"".join(data for _, data in events)
    length = (112 + len(body) + 4095) // 4096 * 4096
    body_checksum = crc32c(body.ljust(length - 112, b"\0"))
    header = struct.pack(
        "<HHHHIIIIQQQQIIQQQQQ",
        3, fields["shard"], fields["shards"], 0, length, len(body), body_checksum, previous,
        fields["generation"], fields["logId"], fields["segment"], fields["firstLsn"], count or len(events), 0,
        fields["sequence"], fields["durableLsn"], fields["timeMs"], 0, 0,
    )
    assert len(header) == 104
    checksum = crc32c(header)
    described = dict(fields, lengthBytes=length, previousChecksum=previous, headerChecksum=checksum)
    described["hex"] = (b"TSBK" + struct.pack("<I", checksum) + header + body).hex()
    return described, checksum


LOG, _ = block(
    EVENTS, 0x11223344, shard=0, shards=1, generation=3, logId=6, segment=9, firstLsn=101, sequence=812,
    durableLsn=100, timeMs=EARNED + 4000,
)
# Orders of one millisecond: in full, and as they lie in the log.
RUSH_FULL = [
    placed(42, 30, 2, T0 + 5000),
    placed(1, 31, 1, T0 + 5000),
    event(6, 32, T0 + 5000, order_id(2, 32)),
    placed(3, 33, 1, T0 + 5000),
    placed(1, 36, 1, T0 + 5000),
    placed(3, 37, 2, T0 + 5000),
    placed(3, 34, 1, T0 + 5001),
    placed(1, 35, 1, T0 + 5001),
]
RUSH_LOGGED = [
    RUSH_FULL[0], short(1, (1, 31)), RUSH_FULL[2], short(1, (3, 33), (1, 36)), short(2, (3, 37)), RUSH_FULL[6],
    short(1, (1, 35)),
]
RUSH, _ = block(
    [("", data) for data in RUSH_LOGGED], 0x55667788, count=len(RUSH_FULL), shard=0, shards=1, generation=3,
    logId=6, segment=9, firstLsn=153, sequence=813, durableLsn=152, timeMs=T0 + 5001,
)
SNAPSHOT = dict(shard=0, shards=2, generation=4, logId=0, segment=812, sequence=812, durableLsn=0,
                timeMs=EARNED + 4000)
FIRST, FIRST_CHECKSUM = block(RECORDS, 0, firstLsn=1, **SNAPSHOT)
CLOSING, _ = block([], FIRST_CHECKSUM, firstLsn=1 + len(RECORDS), **SNAPSHOT)

MANIFEST = """timesale-manifest 2
generation 4
next-log 9
segment-size 67108864
log 7 0
log 8 1
base snapshot-000004-00000000000000000812.snap 812 8f3b9d2c61a70e54
from 0 1 0 1 00000000
from 1 1 0 1 00000000
base snapshot-000004-00000000000000090210.snap 90210 0123456789abcdef
from 0 3 8192 70001 1a2b3c4d
from 1 2 0 65121 5e6f7a8b
removed 90311 90402
"""


def listed(events):
    return [{"kind": kind, "hex": data.hex()} for kind, data in events]


print(
    json.dumps(
        {
            "events": listed(EVENTS),
            "records": listed(RECORDS),
            "logBlock": LOG,
            "rush": [data.hex() for data in RUSH_FULL],
            "rushBlock": RUSH,
            "snapshotBlocks": [FIRST, CLOSING],
            "manifest": MANIFEST + "checksum %08x\n" % crc32c(MANIFEST.encode()),
        },
        indent=1,
    )
)
