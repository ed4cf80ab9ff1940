#!/usr/bin/env python3
"""Prints docs/protocol-golden.json: a second implementation of docs/protocol.md, which is all it is written from.

    python3 tools/golden.py > docs/protocol-golden.json

64-bit numbers are printed as decimal strings, because JSON readers of many languages round them; ids as UUIDs.
"""

import json
import struct
import uuid

MASK = (1 << 64) - 1


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def mix(x):
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def partition(user):
    high, low = struct.unpack(">QQ", user.bytes)
    return mix(mix(high ^ 0x9E3779B97F4A7C15) ^ low) >> 52


def version7(time_ms, part, random):
    return uuid.UUID(int=(time_ms << 16 | 7 << 12 | part) << 64 | 2 << 62 | random)


def version8(hash_high, hash_low, part):
    return uuid.UUID(int=(hash_high << 16 | 8 << 12 | part) << 64 | 2 << 62 | hash_low)


def part_of(checkout, part):
    high, low = struct.unpack(">QQ", checkout.bytes)
    a = mix(mix(high ^ 0x9E3779B97F4A7C15) ^ low)
    b = mix(mix(low ^ 0xD1B54A32D192ED03) ^ high)
    return version8(mix(a + part & MASK) >> 16, mix(b + part & MASK) & HIGH62, high & 4095)


def number(value):
    return uuid.UUID(int=value)


# Layouts: the fields of an entry or result in order, with their types. rN is N reserved bytes.
LAYOUTS = {
    "HandshakeEntry": "versionMin:u16 versionMax:u16 shard:u16 :r2 token:text",
    "TopologyResult": "code:u16 version:u16 shard:u16 shards:u16 frameSizeMaxBytes:u32 batchCountMax:u32 "
    "instance:u64 nowMs:u64 retainMs:u64 inFlightMaxBytes:u32 admin:u8 :r3 sequence:u64",
    "PingEntry": "nonce:u64",
    "PingResult": "code:u16 :r2 wallClockOffsetMs:u32 nonce:u64 nowMs:u64",
    "SnapshotResult": "code:u16 :r6 sequence:u64 digest:u64 recordCount:u64 size:u64 durationMs:u64",
    "MirrorResult": "code:u16 state:u8 :r5 sequence:u64 eventSequence:u64 lagEvents:u64 lagBytes:u64 lagMs:u64 "
    "writes:u64 flushes:u64 errors:u64 rewrites:u64 repairs:u64 eventsWritten:u64 eventGaps:u64",
    "TailEntry": "afterSequence:u64 afterIndex:u32 waitMs:u32 limit:u32 :r4",
    "TailResult": "code:u16 shard:u16 index:u32 sequence:u64 event:event",
    "ShardStatsResult": "code:u16 shard:u16 connections:u32 frames:u64 ordersAccepted:u64 ordersRefused:u64 "
    "confirms:u64 cancels:u64 expiries:u64 extends:u64 forwarded:u64 busy:u64 logEvents:u64 logBytes:u64 "
    "logBlocks:u64 writtenLsn:u64 durableLsn:u64 logLatencyUs:u64 ordersRemembered:u64 ordersCapacity:u64 "
    "usersKnown:u64 usersCapacity:u64 openHolds:u64 tombstones:u64 bytesReceived:u64 bytesSent:u64 turns:u64 "
    "pointEarnings:u64 pointUses:u64 transactionsRemembered:u64 transactionsCapacity:u64 "
    "couponsIssued:u64 couponUses:u64 couponRestores:u64 couponsRemembered:u64 couponsCapacity:u64 "
    "checkoutsPlaced:u64 checkoutConfirms:u64 checkoutCancels:u64 checkoutExpiries:u64 checkoutsRemembered:u64 "
    "checkoutsCapacity:u64 ordersRetired:u64 tombstonesRetired:u64 transactionsRetired:u64 couponsRetired:u64 "
    "couponOperationsRetired:u64 checkoutsRetired:u64 offersRetired:u64 "
    "refusedSoldOut:u64 refusedLimitExceeded:u64 refusedNotStarted:u64 refusedEnded:u64 refusedClosed:u64 "
    "refusedNotFound:u64 refusedCapacity:u64 refusedNoSpace:u64 cpuUs:u64 meshBytes:u64 repliesWaitingBytes:u64 "
    "openAssemblies:u64 logRoomBytes:u64 logSyncUs:u64 logSyncs:counts",
    "CreateSaleEntry": "operationId:id saleId:u64 stock:u64 startsAtMs:u64 endsAtMs:u64 perUserLimit:u32 "
    "holdMs:u32 unitPrice:u64 name:text",
    "OfferIdEntry": "offerId:u64",
    "RestockEntry": "operationId:id offerId:u64 quantity:u64",
    "ListOffersEntry": "after:u64 limit:u16 stateMask:u8 :r5",
    "SaleResult": "code:u16 state:u8 flags:u8 perUserLimit:u32 saleId:u64 stock:u64 available:u64 held:u64 "
    "sold:u64 startsAtMs:u64 endsAtMs:u64 unitPrice:u64 createdAtMs:u64 holdMs:u32 :r4 name:text",
    "OrderEntry": "orderId:id userId:id saleId:u64 quantity:u32 :r4",
    "OrderResult": "code:u16 state:u8 flags:u8 quantity:u32 createdAtMs:u64 expiresAtMs:u64",
    "OrderIdEntry": "orderId:id",
    "ExtendEntry": "orderId:id deadlineMs:u64",
    "ListUserOrdersEntry": "userId:id after:id limit:u16 :r6",
    "OrderViewResult": "code:u16 state:u8 flags:u8 quantity:u32 orderId:id userId:id saleId:u64 "
    "createdAtMs:u64 expiresAtMs:u64",
    "ListSaleOrdersEntry": "saleId:u64 after:u64 limit:u16 :r6",
    "SaleOrderResult": "code:u16 state:u8 flags:u8 quantity:u32 orderId:id userId:id saleId:u64 "
    "createdAtMs:u64 expiresAtMs:u64 position:u64",
    "EarnEntry": "transactionId:id userId:id expiresAtMs:u64 amount:u32 :r4 reason:reason",
    "UsePointsEntry": "transactionId:id userId:id amount:u32 :r4 reason:reason",
    "PointResult": "code:u16 state:u8 flags:u8 amount:u32 balance:u64 createdAtMs:u64 expiresAtMs:u64",
    "TransactionIdEntry": "transactionId:id",
    "TransactionViewResult": "code:u16 state:u8 flags:u8 amount:u32 transactionId:id userId:id kind:u8 :r3 "
    "remaining:u32 createdAtMs:u64 expiresAtMs:u64 balance:u64 reason:reason",
    "UserEntry": "userId:id",
    "BalanceResult": "code:u16 :r2 lots:u32 balance:u64 nextExpiryMs:u64 nextExpiryAmount:u64",
    "CreatePolicyEntry": "operationId:id policyId:u64 quantity:u64 validFromMs:u64 validUntilMs:u64 "
    "discountValue:u64 maxDiscount:u64 minPurchase:u64 perUserLimit:u32 discountKind:u8 :r3 name:text",
    "PolicyResult": "code:u16 state:u8 flags:u8 perUserLimit:u32 policyId:u64 quantity:u64 remaining:u64 "
    "issued:u64 used:u64 validFromMs:u64 validUntilMs:u64 discountValue:u64 maxDiscount:u64 minPurchase:u64 "
    "createdAtMs:u64 discountKind:u8 :r7 name:text",
    "IssueCouponEntry": "couponId:id userId:id policyId:u64",
    "CouponResult": "code:u16 state:u8 flags:u8 :r4 issuedAtMs:u64 expiresAtMs:u64",
    "UseCouponEntry": "useId:id couponId:id userId:id orderId:id purchaseAmount:u64",
    "RestoreCouponEntry": "restoreId:id couponId:id userId:id",
    "CouponIdEntry": "couponId:id",
    "ListUserCouponsEntry": "userId:id after:id limit:u16 stateMask:u8 :r5",
    "CouponViewResult": "code:u16 state:u8 flags:u8 :r4 couponId:id userId:id policyId:u64 issuedAtMs:u64 "
    "expiresAtMs:u64 usedAtMs:u64 discount:u64 purchaseAmount:u64 orderId:id",
    "PlaceCheckoutEntry": "checkoutId:id userId:id couponId:id earnExpiresAtMs:u64 usePoints:u32 earnPoints:u32 "
    "lineCount:u16 :r6 lines:lines",
    "CheckoutIdEntry": "checkoutId:id",
    "CheckoutResult": "code:u16 state:u8 flags:u8 failedAt:u8 orderCount:u8 :r2 checkoutId:id userId:id couponId:id "
    "subtotal:u64 discount:u64 toPay:u64 createdAtMs:u64 expiresAtMs:u64 earnExpiresAtMs:u64 pointsUsed:u32 "
    "pointsEarned:u32 orders:lines",
}

SIZES = {
    "HandshakeEntry": 88, "TopologyResult": 56, "PingEntry": 8, "PingResult": 24, "SnapshotResult": 48, "ShardStatsResult": 616,
    "TailEntry": 24, "TailResult": 192, "MirrorResult": 104,
    "CreateSaleEntry": 144, "OfferIdEntry": 8, "RestockEntry": 32, "ListOffersEntry": 16, "SaleResult": 168,
    "OrderEntry": 48, "OrderResult": 24, "OrderIdEntry": 16, "ExtendEntry": 24, "ListUserOrdersEntry": 40,
    "OrderViewResult": 64, "ListSaleOrdersEntry": 24, "SaleOrderResult": 72, "CreatePolicyEntry": 160, "PolicyResult": 184, "IssueCouponEntry": 40,
    "CouponResult": 24, "UseCouponEntry": 72, "RestoreCouponEntry": 48, "CouponIdEntry": 16,
    "ListUserCouponsEntry": 40, "CouponViewResult": 104,
    "EarnEntry": 80, "UsePointsEntry": 72, "PointResult": 32, "TransactionIdEntry": 16,
    "TransactionViewResult": 104, "UserEntry": 16, "BalanceResult": 32,
    "PlaceCheckoutEntry": 328, "CheckoutIdEntry": 16, "CheckoutResult": 368,
}  # fmt: skip

OPERATIONS = {
    "handshake": (1, "HandshakeEntry", "TopologyResult"),
    "ping": (2, "PingEntry", "PingResult"),
    "stats": (3, "PingEntry", "ShardStatsResult"),
    "topology": (4, "PingEntry", "TopologyResult"),
    "snapshot": (5, "PingEntry", "SnapshotResult"),
    "tail": (6, "TailEntry", "TailResult"),
    "mirror": (7, "PingEntry", "MirrorResult"),
    "createSale": (16, "CreateSaleEntry", "SaleResult"),
    "getSale": (17, "OfferIdEntry", "SaleResult"),
    "listSales": (18, "ListOffersEntry", "SaleResult"),
    "restockSale": (19, "RestockEntry", "SaleResult"),
    "closeSale": (20, "OfferIdEntry", "SaleResult"),
    "order": (32, "OrderEntry", "OrderResult"),
    "confirm": (33, "OrderIdEntry", "OrderViewResult"),
    "cancel": (34, "OrderIdEntry", "OrderViewResult"),
    "extend": (35, "ExtendEntry", "OrderViewResult"),
    "getOrder": (36, "OrderIdEntry", "OrderViewResult"),
    "listUserOrders": (37, "ListUserOrdersEntry", "OrderViewResult"),
    "listSaleOrders": (38, "ListSaleOrdersEntry", "SaleOrderResult"),
    "earnPoints": (64, "EarnEntry", "PointResult"),
    "usePoints": (65, "UsePointsEntry", "PointResult"),
    "cancelTransaction": (66, "TransactionIdEntry", "TransactionViewResult"),
    "getTransaction": (67, "TransactionIdEntry", "TransactionViewResult"),
    "getBalance": (68, "UserEntry", "BalanceResult"),
    "listTransactions": (69, "ListUserOrdersEntry", "TransactionViewResult"),
    "createPolicy": (80, "CreatePolicyEntry", "PolicyResult"),
    "getPolicy": (81, "OfferIdEntry", "PolicyResult"),
    "listPolicies": (82, "ListOffersEntry", "PolicyResult"),
    "restockPolicy": (83, "RestockEntry", "PolicyResult"),
    "closePolicy": (84, "OfferIdEntry", "PolicyResult"),
    "issueCoupon": (85, "IssueCouponEntry", "CouponResult"),
    "useCoupon": (86, "UseCouponEntry", "CouponViewResult"),
    "restoreCoupon": (87, "RestoreCouponEntry", "CouponViewResult"),
    "getCoupon": (88, "CouponIdEntry", "CouponViewResult"),
    "listUserCoupons": (89, "ListUserCouponsEntry", "CouponViewResult"),
    "placeCheckout": (96, "PlaceCheckoutEntry", "CheckoutResult"),
    "confirmCheckout": (97, "CheckoutIdEntry", "CheckoutResult"),
    "cancelCheckout": (98, "CheckoutIdEntry", "CheckoutResult"),
    "getCheckout": (99, "CheckoutIdEntry", "CheckoutResult"),
}

CODES = {
    "OK": 0, "BAD_COUNT": 4, "UNAUTHENTICATED": 7, "INVALID_ID": 17, "ID_REUSED": 21, "NOT_FOUND": 22,
    "ALREADY_EXISTS": 23, "SOLD_OUT": 32, "CONFIRMED": 37, "CANCELLED": 38, "EXPIRED": 39,
    "INSUFFICIENT_POINTS": 64, "ALREADY_SPENT": 65, "EXHAUSTED": 80, "MIN_PURCHASE": 85, "INVALID_PERCENTAGE": 86, "BUSY": 96,
    "TRIMMED": 113,
}  # fmt: skip


def fields(layout):
    return [field.split(":") for field in LAYOUTS[layout].split()]


def text(value):
    data = value.encode()
    return struct.pack("<H78s", len(data), data)


def places(lines):
    """16 places with these pairs of a sale and a quantity, those behind them zero."""
    return b"".join(struct.pack("<QII", sale, quantity, 0) for sale, quantity in lines + [(0, 0)] * (16 - len(lines)))


def pack(layout, values):
    data = b""
    for name, kind in fields(layout):
        if kind == "reason":
            data += struct.pack("<B31s", len(values[name].encode()), values[name].encode())
        elif kind == "event":
            data += bytes.fromhex(values[name]).ljust(176, b"\0")
        elif kind[0] == "r":
            data += bytes(int(kind[1:]))
        elif kind == "id":
            data += values[name].bytes
        elif kind == "text":
            data += text(values[name])
        elif kind == "lines":
            data += places(values[name])
        elif kind == "counts":
            data += struct.pack("<16Q", *values[name])
        else:
            data += values[name].to_bytes(int(kind[1:]) // 8, "little")
    assert len(data) == SIZES[layout], layout
    assert {name for name, kind in fields(layout) if name} == set(values), layout
    return data


def printable(layout, values):
    kinds = dict(fields(layout))

    def print_one(kind, value):
        if kind == "lines":
            return " ".join(f"{sale}:{quantity}" for sale, quantity in value)
        if kind == "counts":
            return " ".join(map(str, value))
        return str(value) if kind in ("id", "u64") else value

    return {key: print_one(kinds[key], value) for key, value in values.items()}


def frame(name, operation, direction, request_id, body, status="OK", more=False, retry_ms=0):
    code, *layouts = OPERATIONS[operation]
    layout = layouts[direction == "reply"]
    flags = (1 if direction == "reply" else 0) | (2 if more else 0)
    payload = b"".join(pack(layout, values) for values in body)
    rest = struct.pack(
        "<IBBHQHHI", 32 + len(payload), 1, code, CODES[status], request_id, len(body), flags, retry_ms
    )
    rest += payload
    return {
        "name": name,
        "operation": operation,
        "direction": direction,
        "header": {
            "length": 8 + len(rest), "version": 1, "operation": code, "status": CODES[status],
            "requestId": str(request_id), "count": len(body), "flags": flags, "retry": retry_ms,
        },
        "layout": layout,
        "body": [printable(layout, values) for values in body],
        "hex": (b"TSF1" + struct.pack("<I", crc32c(rest)) + rest).hex(),
    }  # fmt: skip


# The story that the frames tell.
NOW = 1767225600000  # 2026-01-01T00:00:00Z
HOLD = 15 * 60 * 1000
USER = number(42)
SHOPPER = uuid.UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")
HIGH62 = (1 << 62) - 1

ORDER = version7(NOW, partition(USER), 0x0123456789ABCDEF)
SECOND = version8(0xFEDCBA987654, 0x3EDCBA9876543210, partition(SHOPPER))
LOST = version7(NOW + 1, partition(SHOPPER), HIGH62)
CREATE = version7(NOW - 1000, 0, 1)
RESTOCK = version7(NOW + 1000, 0, 2)
EARNING = version7(NOW + 2000, partition(USER), 3)
SPENDING = version7(NOW + 3000, partition(USER), 4)
GIFT = version8(5, 6, partition(SHOPPER))
PAST53 = (1 << 53) + 1

SALE = dict(
    code=0, state=1, flags=0, perUserLimit=2, saleId=1001, stock=10000, available=9990, held=7, sold=3,
    startsAtMs=NOW, endsAtMs=NOW + 3600000, unitPrice=129900, createdAtMs=NOW - 900, holdMs=HOLD,
    name="New Year's sale \u2013 \uc2e0\ub144 \uc138\uc77c",
)  # fmt: skip
UNKNOWN_SALE = {key: "" if key == "name" else 0 for key in SALE} | dict(code=CODES["NOT_FOUND"], saleId=PAST53)
SALE_PLACE = 0xABCDEF << 32 | 41  # of shard 0, in the run of the server whose number ends so
VIEW = dict(
    code=0, state=0, flags=0, quantity=2, orderId=ORDER, userId=USER, saleId=1001, createdAtMs=NOW + 5,
    expiresAtMs=NOW + 5 + HOLD,
)  # fmt: skip
NO_VIEW = dict(
    code=0, state=0, flags=0, quantity=0, orderId=LOST, userId=number(0), saleId=0, createdAtMs=0, expiresAtMs=0
)
EARNED = dict(
    code=0, state=0, flags=0, amount=500, transactionId=EARNING, userId=USER, kind=0, remaining=380,
    createdAtMs=NOW + 2001, expiresAtMs=NOW + 86400000, balance=380, reason="review \u2013 \uac10\uc0ac",
)  # fmt: skip
USED = EARNED | dict(
    amount=120, transactionId=SPENDING, kind=1, remaining=0, createdAtMs=NOW + 3001, expiresAtMs=0, reason=""
)
NO_TRANSACTION = {key: "" if key == "reason" else 0 for key in EARNED} | dict(
    transactionId=GIFT, userId=number(0))
TOPOLOGY = dict(
    code=0, version=1, shard=0, shards=2, frameSizeMaxBytes=1 << 20, batchCountMax=8190,
    instance=0xA1B2C3D4E5F60718, nowMs=NOW, retainMs=7 * 86400000, inFlightMaxBytes=4 << 20, admin=1, sequence=77,
)  # fmt: skip
POLICY = dict(
    code=0, state=1, flags=0, perUserLimit=1, policyId=1001, quantity=500, remaining=498, issued=2, used=1,
    validFromMs=NOW, validUntilMs=NOW + 30 * 86400000, discountValue=15, maxDiscount=20000, minPurchase=10000,
    createdAtMs=NOW - 800, discountKind=1, name="15% \u2013 \ucfe0\ud3f0",
)  # fmt: skip
NO_POLICY = {key: "" if key == "name" else 0 for key in POLICY}
COUPON = version7(NOW, partition(USER), 0x0C0FFEE0)
USE = version7(NOW + 60000, partition(USER), 0x05E)
RESTORE = version8(3, 4, partition(USER))
COUPON_VIEW = dict(
    code=0, state=1, flags=0, couponId=COUPON, userId=USER, policyId=1001, issuedAtMs=NOW + 7,
    expiresAtMs=NOW + 30 * 86400000, usedAtMs=NOW + 60003, discount=18749, purchaseAmount=124999, orderId=ORDER,
)  # fmt: skip
UNUSED = COUPON_VIEW | dict(state=0, usedAtMs=0, discount=0, purchaseAmount=0, orderId=number(0))
NO_COUPON = {key: number(0) if key.endswith("Id") and key != "policyId" else 0 for key in COUPON_VIEW}
CHECKOUT = version7(NOW + 2, partition(USER), 0x3141592653589793)
# Three lines, two of which name the same sale: 129,900 x 3 + 5,000 x 1, less 15 % but at most 20,000, less 700 points.
BOUGHT = dict(
    code=0, state=0, flags=0, failedAt=255, orderCount=2, checkoutId=CHECKOUT, userId=USER, couponId=COUPON,
    subtotal=394700, discount=20000, toPay=374000, createdAtMs=NOW + 5, expiresAtMs=NOW + 5 + HOLD,
    earnExpiresAtMs=NOW + 365 * 86400000, pointsUsed=700, pointsEarned=3740,
    orders=[(1001, 3), (1002, 1)],
)  # fmt: skip
NOT_BOUGHT = {key: number(0) if key[-2:] == "Id" else 0 for key in BOUGHT} | dict(
    checkoutId=CHECKOUT, failedAt=255, orders=[]
)


# The order as its event in the log has it: `orderPlaced` (docs/log-format.md), two units, held until its deadline.
PLACED = (struct.pack("<BBHIQ", 1, 0, 64, 2, NOW + 5) + ORDER.bytes + USER.bytes
          + struct.pack("<QQ", 1001, NOW + 5 + HOLD)).hex()
CONFIRMED = (struct.pack("<BBHIQ", 2, 0, 32, 0, NOW + 60000) + ORDER.bytes).hex()


def place(sequence, index=0xFFFFFFFF, code="OK"):
    return dict(code=CODES[code], shard=0, index=index, sequence=sequence, event="")


def stats(shard):
    names = [name for name, kind in fields("ShardStatsResult") if kind == "u64"]
    counters = {name: (shard + 1) * 1000000007 + position for position, name in enumerate(names)}
    syncs = [(shard + 1) * 1000003 + place for place in range(16)]
    return dict(code=0, shard=shard, connections=64 + shard, logSyncs=syncs) | counters


def frames():
    request, reply = "request", "reply"
    expired = VIEW | dict(state=3, expiresAtMs=0)
    return [
        frame("handshake request", "handshake", request, 1,
              [dict(versionMin=1, versionMax=1, shard=0xFFFF, token="secret-of-the-shop")]),
        frame("handshake reply", "handshake", reply, 1, [TOPOLOGY]),
        frame("handshake refused", "handshake", reply, 1, [], status="UNAUTHENTICATED"),
        frame("ping request", "ping", request, 2, [dict(nonce=0x1122334455667788)]),
        frame("ping reply", "ping", reply, 2, [dict(
            code=0, wallClockOffsetMs=(1 << 32) - 3600000, nonce=0x1122334455667788, nowMs=NOW)]),
        frame("stats request", "stats", request, 3, [dict(nonce=0)]),
        frame("stats reply of two shards", "stats", reply, 3, [stats(0), stats(1)]),
        frame("topology request", "topology", request, 4, [dict(nonce=0)]),
        frame("topology reply", "topology", reply, 4, [TOPOLOGY | dict(shard=1, admin=0)]),
        frame("snapshot request", "snapshot", request, 60, [dict(nonce=0)]),
        frame(
            "snapshot reply", "snapshot", reply, 60,
            [dict(code=0, sequence=90210, digest=0x0123456789abcdef, recordCount=120012, size=7688192, durationMs=260)]),
        frame("tail request", "tail", request, 61,
              [dict(afterSequence=90210, afterIndex=3, waitMs=20000, limit=1000)]),
        frame("tail reply", "tail", reply, 61,
              [dict(code=0, shard=0, index=4, sequence=90210, event=PLACED),
               dict(code=0, shard=1, index=0, sequence=90212, event=CONFIRMED), place(90213)]),
        frame("tail reply in the middle of a block", "tail", reply, 62,
              [dict(code=0, shard=0, index=4, sequence=90210, event=PLACED), place(90210, index=4)]),
        frame("tail request from now on", "tail", request, 63,
              [dict(afterSequence=MASK, afterIndex=0xFFFFFFFF, waitMs=0, limit=1)]),
        frame("tail reply without events", "tail", reply, 63, [place(90213)]),
        frame("tail reply of a trimmed log", "tail", reply, 64, [place(90000, code="TRIMMED")]),
        frame("tail busy reply", "tail", reply, 65, [], status="BUSY"),
        frame("mirror request", "mirror", request, 66, [dict(nonce=0)]),
        frame("mirror reply", "mirror", reply, 66,
              [dict(code=0, state=2) | {name: 1000000007 + 13 * place for place, (name, kind) in
               enumerate(fields("MirrorResult")) if kind == "u64"}]),
        frame("create sale request", "createSale", request, 5,
              [dict(operationId=CREATE, stock=10000) | {key: SALE[key] for key in
               ("saleId", "startsAtMs", "endsAtMs", "perUserLimit", "holdMs", "unitPrice", "name")},
               dict(operationId=version8(1, 2, 0), saleId=MASK, stock=1 << 40, startsAtMs=0, endsAtMs=0,
                    perUserLimit=0, holdMs=0, unitPrice=(1 << 53) - 1, name="x" * 78)]),
        frame("create sale reply", "createSale", reply, 5,
              [SALE | dict(state=0, available=10000, held=0, sold=0),
               {key: "" if key == "name" else 0 for key in SALE} | dict(code=CODES["ALREADY_EXISTS"], saleId=MASK)]),
        frame("get sale request", "getSale", request, 6, [dict(offerId=1001), dict(offerId=PAST53)]),
        frame("get sale reply", "getSale", reply, 6, [SALE, UNKNOWN_SALE]),
        frame("list sales request", "listSales", request, 8, [dict(after=1000, limit=1, stateMask=0b00110)]),
        frame("list sales reply with more", "listSales", reply, 8, [SALE], more=True),
        frame("list sales reply, empty", "listSales", reply, 9, []),
        frame("restock sale request", "restockSale", request, 10,
              [dict(operationId=RESTOCK, offerId=1001, quantity=500)]),
        frame("restock sale repeated reply", "restockSale", reply, 10,
              [SALE | dict(flags=1, stock=10500, available=10490)]),
        frame("close sale request", "closeSale", request, 11, [dict(offerId=1001)]),
        frame("close sale reply", "closeSale", reply, 11, [SALE | dict(state=4)]),
        frame("order request", "order", request, 7, [dict(orderId=ORDER, userId=USER, saleId=1001, quantity=2)]),
        frame("order reply", "order", reply, 7,
              [dict(code=0, state=0, flags=0, quantity=2, createdAtMs=NOW + 5, expiresAtMs=NOW + 5 + HOLD)]),
        frame("order batch request", "order", request, MASK,
              [dict(orderId=ORDER, userId=USER, saleId=1001, quantity=2),
               dict(orderId=SECOND, userId=SHOPPER, saleId=1001, quantity=1000000)]),
        frame("order batch reply", "order", reply, MASK,
              [dict(code=0, state=1, flags=3, quantity=2, createdAtMs=NOW + 5, expiresAtMs=0),
               dict(code=CODES["SOLD_OUT"], state=0, flags=0, quantity=0, createdAtMs=0, expiresAtMs=0)]),
        frame("order busy reply", "order", reply, 12, [], status="BUSY", retry_ms=20),
        frame("order bad count reply", "order", reply, 13, [], status="BAD_COUNT"),
        frame("confirm request", "confirm", request, 14, [dict(orderId=ORDER)]),
        frame("confirm late reply", "confirm", reply, 14, [VIEW | dict(state=1, flags=2, expiresAtMs=0)]),
        frame("confirm expired reply", "confirm", reply, 15, [expired | dict(code=CODES["EXPIRED"])]),
        frame("cancel request", "cancel", request, 16, [dict(orderId=ORDER), dict(orderId=LOST)]),
        frame("cancel reply with a tombstone", "cancel", reply, 16,
              [VIEW | dict(state=2, expiresAtMs=0), NO_VIEW | dict(state=2, flags=4, createdAtMs=NOW + 9)]),
        frame("extend request", "extend", request, 17, [dict(orderId=ORDER, deadlineMs=NOW + 2 * HOLD)]),
        frame("extend reply", "extend", reply, 17, [VIEW | dict(expiresAtMs=NOW + 2 * HOLD)]),
        frame("extend of a confirmed order", "extend", reply, 18,
              [VIEW | dict(code=CODES["CONFIRMED"], state=1, expiresAtMs=0)]),
        frame("get order request", "getOrder", request, 19, [dict(orderId=LOST), dict(orderId=ORDER)]),
        frame("get order reply", "getOrder", reply, 19, [NO_VIEW | dict(code=CODES["NOT_FOUND"]), VIEW]),
        frame("list user orders request", "listUserOrders", request, 20,
              [dict(userId=USER, after=ORDER, limit=1000)]),
        frame("list user orders reply", "listUserOrders", reply, 20, [VIEW, expired], more=False),
        frame("list sale orders request", "listSaleOrders", request, 21,
              [dict(saleId=1001, after=SALE_PLACE, limit=100)]),
        frame("list sale orders reply", "listSaleOrders", reply, 21,
              [VIEW | dict(position=SALE_PLACE + 3), expired | dict(position=SALE_PLACE + 4)], more=True),
        frame("list sale orders reply without an order", "listSaleOrders", reply, 22,
              [NO_VIEW | dict(code=CODES["NOT_FOUND"], orderId=number(0), position=2 << 56 | 0xABCDEF << 32)], more=True),
        *point_frames(),
        *coupon_frames(),
        *checkout_frames(),
    ]  # fmt: skip


def point_frames():
    request, reply = "request", "reply"
    return [
        frame("earn request", "earnPoints", request, 30,
              [dict(transactionId=EARNING, userId=USER, expiresAtMs=NOW + 86400000, amount=500,
                    reason=EARNED["reason"]),
               dict(transactionId=GIFT, userId=SHOPPER, expiresAtMs=0, amount=1000000000, reason="x" * 31)]),
        frame("earn reply", "earnPoints", reply, 30,
              [dict(code=0, state=0, flags=0, amount=500, balance=500, createdAtMs=NOW + 2001,
                    expiresAtMs=NOW + 86400000),
               dict(code=CODES["CANCELLED"], state=0, flags=0, amount=0, balance=0, createdAtMs=0, expiresAtMs=0)]),
        frame("use points request", "usePoints", request, 31,
              [dict(transactionId=SPENDING, userId=USER, amount=120, reason="")]),
        frame("use points repeated reply", "usePoints", reply, 31,
              [dict(code=0, state=0, flags=1, amount=120, balance=380, createdAtMs=NOW + 3001, expiresAtMs=0)]),
        frame("use of more points than there are", "usePoints", reply, 32,
              [dict(code=CODES["INSUFFICIENT_POINTS"], state=0, flags=0, amount=0, balance=0, createdAtMs=0,
                    expiresAtMs=0)]),
        frame("cancel transaction request", "cancelTransaction", request, 33,
              [dict(transactionId=EARNING), dict(transactionId=SPENDING), dict(transactionId=GIFT)]),
        frame("cancel transaction reply", "cancelTransaction", reply, 33,
              [EARNED | dict(code=CODES["ALREADY_SPENT"]), USED | dict(state=1, balance=500),
               NO_TRANSACTION | dict(state=1, flags=4, createdAtMs=NOW + 9)]),
        frame("get transaction request", "getTransaction", request, 34,
              [dict(transactionId=EARNING), dict(transactionId=GIFT)]),
        frame("get transaction reply", "getTransaction", reply, 34,
              [EARNED | dict(state=2, balance=0), NO_TRANSACTION | dict(code=CODES["NOT_FOUND"])]),
        frame("get balance request", "getBalance", request, 35, [dict(userId=USER)]),
        frame("get balance reply", "getBalance", reply, 35,
              [dict(code=0, lots=2, balance=PAST53, nextExpiryMs=NOW + 86400000, nextExpiryAmount=380)]),
        frame("list transactions request", "listTransactions", request, 36,
              [dict(userId=USER, after=number(0), limit=2)]),
        frame("list transactions reply", "listTransactions", reply, 36, [USED, EARNED], more=True),
    ]  # fmt: skip


def coupon_frames():
    request, reply = "request", "reply"
    return [
        frame("create policy request", "createPolicy", request, 50,
              [dict(operationId=version7(NOW - 900, 0, 3)) | {key: POLICY[key] for key in
               ("policyId", "quantity", "validFromMs", "validUntilMs", "discountValue", "maxDiscount", "minPurchase",
                "perUserLimit", "discountKind", "name")},
               dict(operationId=version8(5, 6, 0), policyId=PAST53, quantity=1, validFromMs=0, validUntilMs=0,
                    discountValue=101, maxDiscount=0, minPurchase=0, perUserLimit=0, discountKind=1, name="")]),
        frame("create policy reply", "createPolicy", reply, 50,
              [POLICY | dict(state=0, remaining=500, issued=0, used=0),
               NO_POLICY | dict(code=CODES["INVALID_PERCENTAGE"], policyId=PAST53)]),
        frame("get policy request", "getPolicy", request, 51, [dict(offerId=1001)]),
        frame("get policy reply", "getPolicy", reply, 51, [POLICY]),
        frame("list policies request", "listPolicies", request, 52, [dict(after=0, limit=2, stateMask=0b00010)]),
        frame("list policies reply", "listPolicies", reply, 52, [POLICY]),
        frame("restock policy request", "restockPolicy", request, 53,
              [dict(operationId=version7(NOW + 2000, 0, 4), offerId=1001, quantity=100)]),
        frame("restock policy reply", "restockPolicy", reply, 53, [POLICY | dict(quantity=600, remaining=598)]),
        frame("close policy request", "closePolicy", request, 54, [dict(offerId=1001)]),
        frame("close policy reply", "closePolicy", reply, 54, [POLICY | dict(state=4)]),
        frame("issue coupon request", "issueCoupon", request, 55,
              [dict(couponId=COUPON, userId=USER, policyId=1001),
               dict(couponId=LOST, userId=SHOPPER, policyId=1001)]),
        frame("issue coupon reply", "issueCoupon", reply, 55,
              [dict(code=0, state=0, flags=0, issuedAtMs=NOW + 7, expiresAtMs=NOW + 30 * 86400000),
               dict(code=CODES["EXHAUSTED"], state=0, flags=0, issuedAtMs=0, expiresAtMs=0)]),
        frame("use coupon request", "useCoupon", request, 56,
              [dict(useId=USE, couponId=COUPON, userId=USER, orderId=ORDER, purchaseAmount=124999)]),
        frame("use coupon reply", "useCoupon", reply, 56, [COUPON_VIEW]),
        frame("use coupon refused", "useCoupon", reply, 57, [UNUSED | dict(code=CODES["MIN_PURCHASE"])]),
        frame("restore coupon request", "restoreCoupon", request, 58,
              [dict(restoreId=RESTORE, couponId=COUPON, userId=USER)]),
        frame("restore coupon reply", "restoreCoupon", reply, 58, [UNUSED]),
        frame("get coupon request", "getCoupon", request, 59, [dict(couponId=COUPON), dict(couponId=LOST)]),
        frame("get coupon reply", "getCoupon", reply, 59,
              [COUPON_VIEW, NO_COUPON | dict(code=CODES["NOT_FOUND"], couponId=LOST)]),
        frame("list user coupons request", "listUserCoupons", request, 60,
              [dict(userId=USER, after=COUPON, limit=1000, stateMask=0b001)]),
        frame("list user coupons reply", "listUserCoupons", reply, 60, [UNUSED, COUPON_VIEW], more=True),
    ]  # fmt: skip


def checkout_frames():
    request, reply = "request", "reply"
    return [
        frame("place checkout request", "placeCheckout", request, 80,
              [{key: BOUGHT[key] for key in ("checkoutId", "userId", "couponId", "earnExpiresAtMs")}
               | dict(usePoints=700, earnPoints=3740, lineCount=3, lines=[(1001, 2), (1002, 1), (1001, 1)])]),
        frame("place checkout reply", "placeCheckout", reply, 80, [BOUGHT]),
        frame("place checkout refused reply", "placeCheckout", reply, 81,
              [NOT_BOUGHT | dict(code=CODES["SOLD_OUT"], failedAt=1),
               NOT_BOUGHT | dict(code=CODES["INSUFFICIENT_POINTS"], failedAt=17)]),
        frame("confirm checkout request", "confirmCheckout", request, 82, [dict(checkoutId=CHECKOUT)]),
        frame("confirm checkout late reply", "confirmCheckout", reply, 82,
              [BOUGHT | dict(state=1, flags=2, expiresAtMs=0)]),
        frame("cancel checkout request", "cancelCheckout", request, 83, [dict(checkoutId=CHECKOUT)]),
        frame("cancel checkout reply with a tombstone", "cancelCheckout", reply, 83,
              [NOT_BOUGHT | dict(state=2, flags=4, createdAtMs=NOW + 9)]),
        frame("get checkout request", "getCheckout", request, 84, [dict(checkoutId=CHECKOUT)]),
        frame("get checkout reply", "getCheckout", reply, 84, [BOUGHT]),
    ]  # fmt: skip


def crc_vectors():
    published = [
        (b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E), (bytes(reversed(range(32))), 0x113FDB5C),
    ]  # fmt: skip
    assert all(crc32c(data) == crc for data, crc in published)
    return [dict(hex=data.hex(), crc=crc) for data, crc in published]


def partition_vectors():
    users = [number(1), number(2), number(42), number(1000000), number(MASK), SHOPPER, number(1 << 64),
             number((1 << 128) - 1)]  # fmt: skip
    return [dict(user=str(user), partition=partition(user)) for user in users]


def uuid_vectors():
    vectors = []
    for value in [ORDER, SECOND, LOST, CREATE, version7((1 << 48) - 1, 4095, HIGH62), version7(0, 0, 0),
                  version8((1 << 48) - 1, HIGH62, 4095)]:  # fmt: skip
        high, low = struct.unpack(">QQ", value.bytes)
        version = high >> 12 & 15
        vectors.append(
            dict(text=str(value), high=str(high), low=str(low), version=version, partition=high & 4095,
                 mintTimeMs=str(high >> 16) if version == 7 else None)
        )  # fmt: skip
    return vectors


def part_vectors():
    return [
        dict(checkout=str(checkout), part=part, id=str(part_of(checkout, part)))
        for checkout, parts in [(CHECKOUT, (0, 1, 15, 16, 17, 18)), (SECOND, (0, 18)), (version7(0, 0, 0), (0, 1))]
        for part in parts
    ]


def main():
    golden = {
        "crc32c": crc_vectors(),
        "partitions": partition_vectors(),
        "uuids": uuid_vectors(),
        "parts": part_vectors(),
        "frames": frames(),
    }
    print(json.dumps(golden, indent=1, ensure_ascii=True))


if __name__ == "__main__":
    main()
