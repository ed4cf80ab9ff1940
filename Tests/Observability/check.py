#!/usr/bin/env python3
"""Holds docs/observability against an engine, a sidecar and a Prometheus that run.

    Tests/Observability/check.py PROGRAMS...     directories of timesaled and timesale-http

Prometheus and Redis come from Debian (`prometheus`, `promtool`, `redis-server`). Prometheus scrapes a sidecar that was
given something of everything to do, with a mirror beside it. Then: configuration, rules and their tests are good; the families of the scrape are those of the README; every query of
the dashboard answers with data; every metric that a query or an alert names is there; the alerts of a Redis and of
an engine that are away begin when they are. Prints what is wrong; exit code 1 if anything is.
"""

import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import yaml

root = pathlib.Path(__file__).resolve().parent.parent.parent
docs = root / "docs/observability"
PATIENCE = 60
# What the machine of the tests may cause: it may be slow, and its disk small.
MAY_FIRE = {"TimesaleSlowOrders", "TimesaleSlowDisk", "TimesaleDiskFillsUp", "TimesaleShardAtItsLimit", "TimesaleOutcomesUnknown"}
faults = []


def fault(place, text):
    faults.append(f"{place}: {text}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition):
    """What the condition says once it says something; ends everything if that takes too long."""
    end = time.monotonic() + PATIENCE
    while not (answer := condition()):
        if time.monotonic() > end:
            sys.exit(f"observability: waited {PATIENCE} s for {what}")
        time.sleep(0.05)
    return answer


class World:
    """A Redis, an engine, a sidecar and a Prometheus, from their start to their end."""

    def __init__(self, programs):
        self.programs = programs
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="timesale-observability-"))
        self.address, self.prometheus = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.running = {}

    def __enter__(self):
        try:
            socket_path, redis = f"unix:{self.directory}/engine.sock", f"{self.directory}/redis.sock"
            self.start("redis-server", "--port", "0", "--unixsocket", redis, "--save", "", "--dir", str(self.directory))
            until("Redis", lambda: self.alive() or pathlib.Path(redis).exists())
            self.start("timesaled", "--listen", socket_path, "--data", f"{self.directory}/data", "--shards", "2",
                       "--segment-size", "2MiB", "--log-ahead", "4MiB", "--redis", f"unix:{redis}", "--redis-events")
            self.start("timesale-http", "--listen", self.address, "--engine", socket_path, "--metrics-sales", "3",
                       "--user-rate", "1000:2000")
            until("the sidecar", lambda: self.status("/readyz") == 200)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, name, *arguments):
        with open(self.directory / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [self.programs.get(name, name), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def alive(self):
        for name, process in self.running.items():
            if process.poll() is not None:
                sys.exit(f"observability: {name} ended:\n{(self.directory / f'{name}.log').read_text()}")

    def start_prometheus(self):
        """With the configuration of the documentation, another address, and no time to lose."""
        configuration = yaml.safe_load((docs / "prometheus.yml").read_text())
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["scrape_configs"][0]["static_configs"] = [{"targets": [self.address]}]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        shutil.copy(docs / "alerts.yml", self.directory)
        self.start("prometheus", f"--config.file={self.directory}/prometheus.yml",
                   f"--storage.tsdb.path={self.directory}/series", f"--web.listen-address={self.prometheus}",
                   "--log.level=warn")
        until("Prometheus", lambda: self.status("/-/ready", self.prometheus) == 200)

    def status(self, path, address=None):
        self.alive()
        try:
            return urllib.request.urlopen(f"http://{address or self.address}{path}", timeout=10).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def ask(self, method, path, body=None):
        """The answer as JSON, whatever its status."""
        request = urllib.request.Request(
            f"http://{self.address}{path}", json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"}, method=method)
        try:
            return json.load(urllib.request.urlopen(request, timeout=10))
        except urllib.error.HTTPError as error:
            return json.load(error)

    def post(self, path, **body):
        return self.ask("POST", path, body)

    def query(self, expression):
        """The samples of a query; its error as a text if it has one."""
        url = f"http://{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            answer = json.load(urllib.request.urlopen(url, timeout=10))
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        return answer["data"]["result"] if answer["status"] == "success" else answer["error"]

    def scrape(self):
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
            return answer.read().decode()


def traffic(world):
    """Something of everything that the dashboard shows."""
    for sale in range(1, 6):
        world.post("/v1/timesales", id=sale, name=f"Lamps {sale}", stock=100, holdSeconds=900)
    world.post("/v1/coupon-policies", id=1, name="Tenth", quantity=50, discountType="percent", discountValue=10)

    def once():
        user = str(uuid.uuid4())
        order = world.post("/v1/timesales/4/orders", userId=user)
        other = world.post("/v1/timesales/4/orders", userId=user)
        if "orderId" in order and "orderId" in other:
            world.post(f"/v1/orders/{order['orderId']}/extend", holdSeconds=1800)
            world.post(f"/v1/orders/{order['orderId']}/confirm")
            world.post(f"/v1/orders/{other['orderId']}/cancel")
        world.post("/v1/timesales/5/orders", userId=user, quantity=1000)
        world.post("/v1/orders/batch", orders=[
            {"timeSaleId": 3, "userId": str(uuid.uuid4())}, {"timeSaleId": 99, "userId": user}])
        coupon = world.post("/v1/coupon-policies/1/coupons", userId=user)
        if "couponId" in coupon:
            world.post(f"/v1/coupons/{coupon['couponId']}/use", userId=user)
            world.post(f"/v1/coupons/{coupon['couponId']}/restore", userId=user)
        world.post(f"/v1/users/{user}/points/earn", amount=100)
        world.post(f"/v1/users/{user}/points/use", amount=10)
        world.post("/v1/checkouts", userId=user, lines=[{"timeSaleId": 5, "quantity": 1}])

    once()
    return once


# MARK: What queries name

NAME = r"\b(?:timesale|process)_[a-z0-9_]+|\bup\b"


def selectors(expression):
    """The metrics in a query, with the labels that they are asked for. The value of a label may have braces in it."""
    for match in re.finditer(NAME, expression):
        rest, labels = expression[match.end():], ""
        if rest.startswith("{"):
            inside, end = False, 0
            for end, letter in enumerate(rest):
                inside ^= letter == '"'
                if letter == "}" and not inside:
                    break
            labels = rest[:end + 1]
        yield match.group() + labels


def filled(expression):
    """As Grafana would send it."""
    return expression.replace("$__rate_interval", "30s").replace("$instance", ".*")


def dashboard_queries():
    dashboard = json.loads((docs / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']!r}", filled(target["expr"])
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']!r}", filled(annotation["expr"])
    for variable in dashboard["templating"]["list"]:
        if match := re.match(r"label_values\((\w+), (\w+)\)$", variable.get("definition", "")):
            yield f"variable {variable['name']!r}", f"count by ({match.group(2)}) ({match.group(1)})"


def alert_queries():
    for group in yaml.safe_load((docs / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


# MARK: Checks


def check_files():
    """What promtool says of the files as they are."""
    for words in (["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"],
                  ["test", "rules", "alerts-test.yml"]):
        run = subprocess.run(["promtool", *words], cwd=docs, capture_output=True, text=True)
        if run.returncode != 0:
            fault(" ".join(["promtool", *words]), run.stdout + run.stderr)
    tested = (docs / "alerts-test.yml").read_text()
    described = re.findall(r"^\| `(Timesale\w+)` \|", (docs / "README.md").read_text(), re.M)
    names = [name for name, _ in alert_queries()]
    for name in names:
        if f'alertname="{name}"' not in tested:
            fault("alerts-test.yml", f"has no case for {name}")
    if sorted(described) != sorted(names):
        fault("README.md", f"its alerts are not those of alerts.yml: {sorted(set(described) ^ set(names))}")


def check_families(text):
    """The scrape against promtool, and against the README's tables."""
    run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    if run.returncode != 0 or run.stdout or run.stderr:
        fault("promtool check metrics", run.stdout + run.stderr)
    real = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        suffix = "_bucket" if kind == "histogram" else ""
        labels = re.search(rf"^{name}{suffix}(?:\{{(.*)\}})? ", text, re.M).group(1) or ""
        real[name] = (kind, sorted(set(re.findall(r'(\w+)="', labels)) - {"le"}))
    described = {}
    for name, kind, labels in re.findall(
            r"^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|", (docs / "README.md").read_text(), re.M):
        if name in described:
            fault("README.md", f"describes {name} twice")
        described[name] = (kind, sorted(re.findall(r"`(\w+)`", labels)))
    for name in sorted(real.keys() | described.keys()):
        if real.get(name) != described.get(name):
            fault("README.md", f"{name} is {real.get(name)}, described as {described.get(name)}")


def check_queries(world):
    for place, expression in dashboard_queries():
        answer = world.query(expression)
        if isinstance(answer, str):
            fault(place, f"{expression}: {answer}")
        # Annotations are for what has not happened here.
        elif not answer and not place.startswith("annotation"):
            fault(place, f"no data for {expression}")
        check_names(world, place, expression)
    for name, expression in alert_queries():
        answer = world.query(expression)
        if isinstance(answer, str):
            fault(name, f"{expression}: {answer}")
        elif answer and name not in MAY_FIRE:
            fault(name, f"fires, although all is well: {answer}")
        check_names(world, name, expression)


def check_names(world, place, expression):
    for selector in selectors(expression):
        answer = world.query(selector)
        if isinstance(answer, str) or not answer:
            fault(place, f"there is no {selector}")


def check_alerts(world):
    """Prometheus has the rules, and those of Redis and of the engine begin when they are gone."""
    world.running.pop("redis-server").kill()
    until("the sight of a Redis that is away", lambda: world.query(
        'timesale_mirror_state{state=~"open|halfOpen"} == 1 and on () timesale_mirror_errors_total > 0'))
    until("the alert of a Redis that is away", lambda: world.query('ALERTS{alertname="TimesaleMirrorAway"}'))
    world.running.pop("timesaled").kill()
    until("the alert of an engine that is away",
          lambda: world.query('ALERTS{alertname="TimesaleEngineDown"}'))


def main():
    programs = {}
    for directory in sys.argv[1:]:
        for name in ("timesaled", "timesale-http"):
            path = pathlib.Path(directory).resolve() / name
            if path.exists():
                programs[name] = path
    check_files()
    with World(programs) as world:
        again = traffic(world)
        # What of the mirror is known only when it has written is a family too.
        until("the mirror", lambda: "timesale_mirror_event_sequence" in world.scrape())
        check_families(world.scrape())
        world.start_prometheus()

        def seen():
            """Rates need two scrapes with something between them; both shards have to have been given something."""
            again()
            world.alive()
            return len(world.query("count_over_time(timesale_engine_up[30s]) >= 4")) == 1 and len(
                world.query('rate(timesale_engine_orders_total{code="OK"}[30s]) > 0')) == 2

        until("Prometheus to have scraped", seen)
        check_queries(world)
        check_alerts(world)
    for line in faults:
        print(f"observability: {line}")
    if faults:
        sys.exit(1)
    queries = len(list(dashboard_queries())) + len(list(alert_queries()))
    print(f"observability: {queries} queries of dashboard and alerts answered by a real Prometheus")


if __name__ == "__main__":
    main()
