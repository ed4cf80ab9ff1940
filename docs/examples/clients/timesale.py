#!/usr/bin/env python3
"""timesale over HTTP, with nothing but Python's own library (3.9 or newer).

    python3 timesale.py BASE SALE USER QUANTITY KEY [TRIES [PATIENCE]]

orders, prints the answer and exits with 0; 1: refused; 2: not done; 3: the outcome is not known.
"""

import email.utils
import http.client
import json
import random
import re
import sys
import time
import urllib.parse
import uuid


class Refused(Exception):
    """The answer is no. Not `certain`: an attempt before it may still be on its way, and be carried out after it."""

    def __init__(self, status, problem, certain):
        super().__init__(f"{problem.get('code', status)}: {problem.get('detail', '')}")
        self.status, self.code, self.certain = status, problem.get("code"), certain


class NotDone(Exception):
    """No attempt was carried out. Try again later, or leave it."""


class OutcomeUnknown(Exception):
    """It may have been carried out. Only the same request with the same key can tell: go on with them later."""


class NotSent(Exception):
    pass


class Timesale:
    # A try may take a quarter of the patience, in seconds. Pauses are drawn from 0 up to a bound that doubles.
    def __init__(self, base, token=None, tries=8, patience=20.0, pause=0.1, pause_max=3.0):
        self.base, self.token = urllib.parse.urlsplit(base), token
        self.tries, self.patience, self.pause, self.pause_max = tries, patience, pause, pause_max

    def order(self, sale, user, quantity, key):
        return self.call("POST", f"/v1/timesales/{sale}/orders", {"userId": user, "quantity": quantity}, key)

    def confirm(self, order):
        # Idempotent by nature; with a key the server can also say that a retry is safe.
        return self.call("POST", f"/v1/orders/{order}/confirm", {}, order)

    def call(self, method, path, body=None, key=None):
        """Sends one request until it is decided, always with the same key, but not beyond the tries and the patience."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["Idempotency-Key"] = key
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        payload = None if body is None else json.dumps(body)
        end = time.monotonic() + self.patience
        certain = True
        for number in range(self.tries):
            wait = 0
            try:
                status, after, answer = self._send(method, path, payload, headers)
            except NotSent as fault:
                reason = fault
            except (OSError, http.client.HTTPException) as fault:
                reason, certain = repr(fault), False
            else:
                if 200 <= status < 300 and answer is not None:
                    return answer
                problem = answer if isinstance(answer, dict) else {}
                code, reason = problem.get("code"), f"{status} {problem.get('code', '')}"
                # An answer without a code is not of timesale: a proxy does not know what happened behind it.
                decided = code != "OUTCOME_UNKNOWN" and (code is not None or 400 <= status < 500)
                certain = certain and decided
                if not problem.get("retryable", status in (429, 502, 503, 504)):
                    if decided:
                        raise Refused(status, problem, certain)
                    break
                wait = after
            wait += random.uniform(0, min(self.pause_max, self.pause * 2**number))
            if number + 1 == self.tries or time.monotonic() + wait > end:
                break
            time.sleep(wait)
        if certain:
            raise NotDone(reason)
        raise OutcomeUnknown(reason)

    def _send(self, method, path, payload, headers):
        """One try on a connection of its own; with many orders a second, a pool of connections belongs here."""
        kind = http.client.HTTPSConnection if self.base.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.base.netloc, timeout=self.patience / 4)
        try:
            try:
                connection.connect()
            except OSError as fault:
                raise NotSent(repr(fault)) from fault
            connection.request(method, self.base.path.rstrip("/") + path, payload, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        return response.status, seconds(response.getheader("Retry-After")), answer


def seconds(retry_after):
    """Seconds, or a date (RFC 9110, 10.2.3)."""
    if not retry_after:
        return 0
    if retry_after.isdigit():
        return int(retry_after)
    try:
        return max(0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0


def user_id(key):
    """Numbers below 2^64 and UUIDs are user ids; any other key of a shop becomes a UUID of version 5."""
    if re.fullmatch(r"[0-9]{1,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", key):
        return key
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "https://shop.example/users/" + key))


if __name__ == "__main__":
    base, sale, user, quantity, key, *limits = sys.argv[1:]
    shop = Timesale(base, tries=int((limits or [8])[0]), patience=float((limits[1:] or [20])[0]))
    try:
        print(json.dumps(shop.order(sale, user_id(user), int(quantity), key)))
    except (Refused, NotDone, OutcomeUnknown) as outcome:
        print(f"{type(outcome).__name__}: {outcome}", file=sys.stderr)
        sys.exit({Refused: 1, NotDone: 2, OutcomeUnknown: 3}[type(outcome)])
