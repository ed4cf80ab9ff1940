#!/usr/bin/env python3
"""A first sale and a first order, in nothing but Python's own library.

    python3 docs/examples/first-order.py [HOST:PORT]

Creates sale 1001 with 10 units and orders 2 of them for user 42, over the frames of docs/protocol.md. Run it again: the
sale is there already, and two more units go. The sixth run is told SOLD_OUT.
"""

import secrets
import socket
import struct
import sys
import time

NAMES = {0: "OK", 7: "UNAUTHENTICATED", 8: "FORBIDDEN", 23: "ALREADY_EXISTS", 32: "SOLD_OUT"}
HANDSHAKE, CREATE_SALE, GET_SALE, ORDER = 1, 16, 17, 32
SALE, USER, ANY_SHARD = 1001, 42, 0xFFFF


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def partition(high, low):
    def mix(x):
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    return mix(mix(high ^ 0x9E3779B97F4A7C15) ^ low) >> 52


def new_id(part):
    """A UUID of version 7 whose twelve bits behind the version are the partition of its user."""
    high = int(time.time() * 1000) << 16 | 7 << 12 | part
    return struct.pack(">QQ", high, 2 << 62 | secrets.randbits(62))


def text(value):
    data = value.encode()
    return struct.pack("<H78s", len(data), data)


def frame(operation, request_id, entry):
    """One request with one entry: the checksum covers all behind itself."""
    rest = struct.pack("<IBBHQHHI", 32 + len(entry), 1, operation, 0, request_id, 1, 0, 0) + entry
    return b"TSF1" + struct.pack("<I", crc32c(rest)) + rest


class Connection:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request_id = 0
        self.call(HANDSHAKE, struct.pack("<HHHH", 1, 1, ANY_SHARD, 0) + text(""))

    def call(self, operation, entry):
        """Sends one entry; returns the name of its result's code, and the result's bytes."""
        self.request_id += 1
        self.socket.sendall(frame(operation, self.request_id, entry))
        header = self.read(32)
        length, status = struct.unpack_from("<I", header, 8)[0], struct.unpack_from("<H", header, 14)[0]
        body = self.read(length - 32)
        if status:
            sys.exit(f"the server refused the request: {NAMES.get(status, status)} (docs/protocol.md, 11)")
        code = struct.unpack_from("<H", body)[0]
        return NAMES.get(code, f"code {code}"), body

    def read(self, count):
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                sys.exit("the server closed the connection")
            data += chunk
        return data


def main():
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7070").rpartition(":")
    try:
        server = Connection(host.strip("[]"), int(port))
    except OSError as error:
        sys.exit(f"no server at {host}:{port} ({error}); start one with: make run")

    sale = struct.pack("<QQQQIIQ", SALE, 10, 0, 0, 0, 0, 1500) + text("a first sale")
    code, _ = server.call(CREATE_SALE, new_id(0) + sale)
    print(f"create sale {SALE} with 10 units: {code}")

    order = new_id(partition(0, USER)) + struct.pack(">QQ", 0, USER) + struct.pack("<QII", SALE, 2, 0)
    code, _ = server.call(ORDER, order)
    print(f"order 2 units for user {USER}: {code}")
    code, result = server.call(ORDER, order)
    print(f"the same order again: {code}, flags {result[3]} (1 is: a repeat, nothing more was taken)")

    code, result = server.call(GET_SALE, struct.pack("<Q", SALE))
    stock, available, held, sold = struct.unpack_from("<QQQQ", result, 16)
    print(f"sale {SALE}: {code}, stock {stock}, available {available}, held {held}, sold {sold}")


if __name__ == "__main__":
    main()
