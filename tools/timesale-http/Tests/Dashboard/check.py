#!/usr/bin/env python3
"""The dashboard in a real headless Chromium, against a real engine and sidecar.

    make dashboard
    check.py PROGRAMS...                    directories of timesaled and timesale-http
    check.py PROGRAMS... --only live        one check
    check.py PROGRAMS... --selftest         each check must fail on a page with a fault planted for it
    check.py PROGRAMS... --pictures DIR     what it looks like, on a desk and on a phone, light and dark

Waits for what it expects, for a minute at most. Exit code: 0 if all checks hold.
"""

import argparse
import contextlib
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent.parent.parent
sys.path[:0] = [str(here), str(root / "bench/k6")]
import chromium  # noqa: E402
import run  # noqa: E402
from chromium import Fault  # noqa: E402

ADMIN, SHOP = "admin-token-0123456789", "shop-token-0123456789"


class World(run.World):
    """An engine and a sidecar, with tokens or without, and the requests of a shop to them."""

    def __init__(self, programs, tokens=False):
        super().__init__(programs, None)
        self.token_file = self.redis = None
        self.users = itertools.count(1)
        if tokens:
            self.token_file = self.directory / "tokens"
            self.token_file.write_text(f"shop {SHOP}\nadmin {ADMIN}\n")
            self.token_file.chmod(0o600)

    def start_engine(self):
        self.engine = self._start(
            "timesaled", "--listen", self._socket, "--data", f"{self.directory}/data", "--log-ahead", "0KiB",
            "--segment-size", "8MiB", "--users", "100000", "--orders", "1000000",
            *(["--redis", f"unix:{self._redis_socket}", "--redis-events"] if self.redis else []))

    @property
    def _redis_socket(self):
        return self.directory / "redis.sock"

    def start_redis(self):
        """An empty one. The engine writes to it from its next start on."""
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self._redis_socket), "--save", "", "--dir", str(self.directory)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while subprocess.run(["redis-cli", "-s", str(self._redis_socket), "ping"], capture_output=True).stdout != b"PONG\n":
            if self.redis.poll() is not None or time.monotonic() > end:
                raise Fault("redis-server did not get ready")
            time.sleep(0.05)

    def kill_redis(self):
        self.redis.kill()
        self.redis.wait()

    def restart_engine(self):
        self.kill_engine()
        self.start_engine()

    @contextlib.contextmanager
    def mirror(self):
        """An engine with a mirror, and in the end again one without."""
        self.start_redis()
        try:
            self.restart_engine()
            yield
        finally:
            self.kill_redis()
            self.redis = None
            self.restart_engine()

    def __exit__(self, *error):
        if self.redis:
            self.kill_redis()
        super().__exit__(*error)

    def _start(self, name, *arguments):
        more = ["--token-file", str(self.token_file)] if name == "timesale-http" and self.token_file else []
        return super()._start(name, *arguments, *more)

    def start_sidecar(self):
        self.sidecar = self._start(
            "timesale-http", "--listen", self.base.removeprefix("http://"), "--engine", self._socket)
        self._wait_until_ready()

    def stop_sidecar(self):
        self.sidecar.kill()
        self.sidecar.wait()

    def ask(self, path, body=None):
        """The answer's JSON; a problem is an error. As long as the engine is on its way, nothing was done: asks again."""
        fields = {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN}"}
        data = None if body is None else json.dumps(body).encode()
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(
                        urllib.request.Request(self.base + path, data, fields), timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as problem:
                if json.load(problem)["code"] != "UNAVAILABLE" or time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def sale(self, name, stock=1000, **more):
        return self.ask("/v1/timesales", {"name": name, "stock": stock, **more})

    def sales(self):
        return self.ask("/v1/timesales?limit=100")["items"]

    def order(self, sale, count):
        """So many orders of one unit, by as many users."""
        orders = [{"timeSaleId": sale["id"], "userId": next(self.users)} for _ in range(count)]
        self.ask("/v1/orders/batch", {"orders": orders})


def expect(what, is_so, *details):
    if not is_so:
        raise Fault(" ".join(map(str, (f"expected: {what};", *details))))


def card(sale, kind="sales"):
    return f'#{kind} .card[data-id="{sale["id"]}"]'


def query(selector):
    return f"document.querySelector({json.dumps(selector)})"


def shows(selector, text):
    return f"{query(selector)}.innerText.includes({json.dumps(text)})"


LIVE = "document.getElementById('status').dataset.state === 'live'"


# The checks. Each gets a world and a function that opens a page; the name behind `check_` is that of the check. The fault that
# is planted in `--selftest`, and on which it must fail, stands before it: a file, what to look for in it, what to put there.

CHECKS = {}


def check(path, old, new, tokens=False):
    def add(function):
        CHECKS[function.__name__.removeprefix("check_")] = (function, (path, old, new), tokens)
        return function

    return add


@check("/dashboard.js", '"use strict";', '"use strict"; fetch("http://127.0.0.1:9/").catch(() => {});')
def check_load(world, visit):
    """The page comes without a complaint of the browser, and asks nobody but its sidecar."""
    world.sale("Lamps")
    with visit() as page:
        page.wait(LIVE)
        page.wait(shows("#sales-now", "Lamps"))
        expect("no complaints", not page.complaints and not page.exceptions, page.complaints, page.exceptions)
        foreign = [url for url, _ in page.requests if not url.startswith((world.base + "/", "data:", "about:"))]
        expect("no request to anybody else", not foreign, foreign)
        expect("no token asked for", not page.value("document.getElementById('token-dialog').open"))
        expect("no token to forget", page.value("document.getElementById('forget').hidden"))


@check("/dashboard.js", "  remember(state);\n  draw();", "  if (!remember.once) { remember.once = true; remember(state); draw(); }")
def check_live(world, visit):
    """Numbers, bar and curves move while orders are made."""
    sale = world.sale("Moving", 100_000, holdSeconds=600)
    with visit() as page:
        page.wait(shows(card(sale), "100,000"))
        stop = threading.Event()

        def buy():
            # At most 1,000 a second: it is not sold out while the page is looked at, however fast the engine is.
            while not stop.wait(0.02):
                world.order(sale, 20)

        buyer = threading.Thread(target=buy)
        buyer.start()
        try:
            page.wait("Number(document.querySelector('[data-key=accepted] dd span').innerText.replace(/,/g, '')) > 0")
            page.wait("Number(document.querySelector('[data-key=holds] dd span').innerText.replace(/,/g, '')) > 0")
            page.wait("document.querySelector('[data-key=p99] dd span').innerText !== '–'")
            page.wait("document.querySelector('[data-key=sync] dd span').innerText !== '–'")
            page.wait(f"parseFloat({query(card(sale) + ' .bar .held')}.style.width) > 1")
            page.wait("document.querySelector('#chart .accepted').getAttribute('d').split('L').length > 3")
            first = page.value(f"{query(card(sale) + ' .number')}.innerText")
            page.wait(f"{query(card(sale) + ' .number')}.innerText !== {json.dumps(first)}")
        finally:
            stop.set()
            buyer.join()
        left = next(item for item in world.sales() if item["id"] == sale["id"])["available"]
        page.wait(f"{query(card(sale) + ' .number')}.innerText === {json.dumps(f'{left:,}')}", "the page agrees with the engine")


def fill_sale(page, name, stock="120", **more):
    page.click("#new-sale")
    page.wait("document.getElementById('sale-dialog').open")
    for field, text in {"name": name, "stock": stock, **more}.items():
        page.fill(f"#sale-dialog [name={field}]", text)


@check("/dashboard.js", 'holdSeconds: decimalNumber(form, "holdSeconds")', "holdSeconds: undefined")
def check_create(world, visit):
    """A sale and a policy, made in the dialogs, are in the engine as they were written down."""
    with visit() as page:
        page.wait(LIVE)
        fill_sale(page, "Garden chairs", "1,200", perUserLimit="4", holdSeconds="90.5", unitPrice="4990")
        page.value("document.querySelector('#sale-dialog [name=endsAt]').value = '2099-01-02T03:04:05'")
        wanted = page.value("new Date('2099-01-02T03:04:05').toISOString()")
        page.click("#sale-dialog [type=submit]")
        page.wait("!document.getElementById('sale-dialog').open")
        page.wait(shows("#sales-now", "Garden chairs"))
        page.wait(shows("#toast", "was created"))
        made = [sale for sale in world.sales() if sale["name"] == "Garden chairs"]
        got = {key: made[0][key] for key in ("stock", "perUserLimit", "holdSeconds", "unitPrice", "endsAt")}
        expect("the sale", len(made) == 1 and got == {
            "stock": 1200, "perUserLimit": 4, "holdSeconds": 90.5, "unitPrice": 4990, "endsAt": wanted}, made)
        page.click("#new-policy")
        for field, text in {"name": "Ten off", "quantity": "300", "discountValue": "10", "maxDiscount": "500"}.items():
            page.fill(f"#policy-dialog [name={field}]", text)
        page.value("document.querySelector('#policy-dialog [name=discountType]').value = 'percent'")
        page.click("#policy-dialog [type=submit]")
        page.wait(shows("#policies-now", "10 % off, at most 500"))
        policy = world.ask("/v1/coupon-policies")["items"][-1]
        expect("the policy", (policy["quantity"], policy["discountType"]) == (300, "percent"), policy)


@check("/dashboard.js", "showFieldFault(dialog, problem.field, text)", "showFault(dialog, '')")
def check_problems(world, visit):
    """What is wrong stands as a sentence at its field, and what was written stays."""
    with visit() as page:
        page.wait(LIVE)
        fill_sale(page, "Wrong", "many")
        page.click("#sale-dialog [type=submit]")
        page.wait(shows("#sale-dialog", "A whole number is wanted."))
        expect("the field is marked", page.value("document.activeElement.getAttribute('aria-invalid') === 'true'"
                                                 " && document.activeElement.name === 'stock'"))
        page.fill("#sale-dialog [name=stock]", "9")
        # What the page lets through, the sidecar refuses: 100 letters of four bytes are more than a name has room for.
        page.value("document.querySelector('#sale-dialog [name=name]').value = '\\u{1F600}'.repeat(30)")
        page.click("#sale-dialog [type=submit]")
        page.wait("document.querySelector('#sale-dialog [name=name]').getAttribute('aria-invalid') === 'true'")
        fault = page.text("#sale-dialog .field-fault")
        expect("a sentence", fault[:1].isupper() and fault.endswith(".") and "name" not in fault[:5], fault)
        expect("what was written stays", page.value("document.querySelector('#sale-dialog [name=stock]').value") == "9")
        page.key("Escape")
        page.wait("!document.getElementById('sale-dialog').open")
        expect("nothing was made", not [sale for sale in world.sales() if sale["stock"] == 9])


@check("/dashboard.js", "    if (isUnderWay) return;", "    key = drawKey();")
def check_once(world, visit):
    """Two clicks make one sale; and so does a second try after an answer that was lost."""
    with visit() as page:
        page.wait(LIVE)
        fill_sale(page, "Clicked twice")
        page.value("document.querySelector('#sale-dialog [type=submit]').focus()")
        page.click("#sale-dialog [type=submit]", times=2)
        # The same at once, without the time that a hand takes in between.
        page.wait("!document.getElementById('sale-dialog').open")
        fill_sale(page, "Sent twice")
        page.value("""(() => { const form = document.querySelector('#sale-dialog form');
            form.requestSubmit(); form.dispatchEvent(new SubmitEvent('submit', {cancelable: true})); })()""")
        page.wait("!document.getElementById('sale-dialog').open")
        fill_sale(page, "Answer lost")
        page.lose_answers(True)
        page.click("#sale-dialog [type=submit]")
        page.wait(shows("#sale-dialog .fault", "Whether it was done is not known"))
        page.lose_answers(False)
        page.click("#sale-dialog [type=submit]")
        page.wait("!document.getElementById('sale-dialog').open")
        for name in ("Clicked twice", "Sent twice", "Answer lost"):
            page.wait(shows("#sales-now", name))
            made = [sale for sale in world.sales() if sale["name"] == name]
            expect(f"one sale: {name}", len(made) == 1, made)


@check("/dashboard.js", "}/${action}`;", "}/restock`;")
def check_restock_and_close(world, visit):
    """The buttons of a card act on its sale, and a close asks first."""
    sale, other = world.sale("To be closed", 10), world.sale("Left alone", 10)
    with visit() as page:
        page.click(f"{card(sale)} button:first-of-type")
        page.wait(shows("#restock-dialog", "To be closed"))
        page.fill("#restock-dialog [name=quantity]", "15")
        page.click("#restock-dialog [type=submit]")
        page.wait(shows(card(sale), "of 25 left"))
        page.click(f"{card(sale)} button:last-of-type")
        page.wait(shows("#close-dialog", "To be closed"))
        page.click("#close-dialog [value=cancel]")
        page.wait("!document.getElementById('close-dialog').open")
        expect("not closed yet", world.ask(f"/v1/timesales/{sale['id']}")["state"] == "open")
        page.click(f"{card(sale)} button:last-of-type")
        page.click("#close-dialog [type=submit]")
        page.wait(f"document.querySelector('#sales-past {card(sale).split(' ', 1)[1]}') !== null", "it is among the past ones")
        expect("closed", world.ask(f"/v1/timesales/{sale['id']}")["state"] == "closed")
        expect("the other is as it was", world.ask(f"/v1/timesales/{other['id']}")["stock"] == 10)
        policy = world.ask("/v1/coupon-policies", {
            "name": "Five off", "quantity": 3, "discountType": "fixed", "discountValue": 5})
        page.click(f"{card(policy, 'policies')} button:first-of-type")
        page.fill("#restock-dialog [name=quantity]", "4")
        page.key("Enter")
        page.wait(shows(card(policy, "policies"), "of 7 left"))


@check("/dashboard.js", 'if (answer.status === 401) throw', "if (answer.status === 402) throw", tokens=True)
def check_token(world, visit):
    """A wrong token asks again, one for shops says what is missing, the right one stays in the tab until it is forgotten."""
    with visit() as page:
        def give(token):
            page.wait("document.getElementById('token-dialog').open")
            page.fill("#token-dialog input", token)
            page.click("#token-dialog [type=submit]")

        page.wait("document.getElementById('token-dialog').open")
        expect("no reproach at first", page.value("document.querySelector('#token-dialog .fault').hidden"))
        give("wrong-token-0123456789")
        page.wait(shows("#token-dialog .fault", "not one of this sidecar's tokens"))
        give(SHOP)
        page.wait(shows("#token-dialog .fault", "scope admin"))
        give(ADMIN)
        page.wait(LIVE)
        fill_sale(page, "With a token")
        page.click("#sale-dialog [type=submit]")
        page.wait(shows("#sales-now", "With a token"))
        expect("not in an address", not [url for url, _ in page.requests if ADMIN in url])
        page.open(f"{world.base}/")
        page.wait(LIVE)
        expect("not asked again", not page.value("document.getElementById('token-dialog').open"))
        page.click("#forget")
        page.wait("document.getElementById('token-dialog').open")
        expect("forgotten", page.value("sessionStorage.length") == 0)
        expect("no exceptions", not page.exceptions, page.exceptions)


@check("/dashboard.js", "!state.engine.isAvailable", "false")
def check_engine_away(world, visit):
    """An engine that is gone is said, what was seen last stays; it is back by itself."""
    sale = world.sale("Survivor", 77)
    with visit() as page:
        page.wait(shows(card(sale), "77"))
        world.kill_engine()
        try:
            page.wait("document.getElementById('status').dataset.state === 'away'")
            page.wait(shows("#status", "Engine away since"))
            page.wait(shows("#banner", "The engine does not answer"))
            expect("what was seen last", "Survivor" in page.text(card(sale)))
        finally:
            world.start_engine()
        page.wait(LIVE)
        page.wait("document.getElementById('banner').hidden")
        world.order(sale, 7)
        page.wait(shows(card(sale), "70"))


def tile(key):
    return f"document.querySelector('#mirror [data-key={key}] dd').innerText"


def number(key):
    return f"Number({tile(key)}.replaceAll(',', ''))"


@check("/dashboard.js", "mirrorTexts[name] ?? [mirror.state, \"\"]", 'mirrorTexts.closed')
def check_mirror(world, visit):
    """How the copy in Redis stands: in step, away and by how far, in step again; without a mirror there is no word of it."""
    sale = world.sale("Copied", 5000)
    with visit() as page:
        page.wait(shows(card(sale), "5,000"))
        expect("no word of a mirror", page.value("document.getElementById('mirror-box').hidden"))
        with world.mirror():
            page.wait("!document.getElementById('mirror-box').hidden")
            page.wait(f"{tile('mirrorState')} === 'in step' && {tile('mirrorLagEvents')} === '0'")
            # All that earlier checks brought about is in the stream too.
            before = page.value(number("mirrorEvents"))
            world.order(sale, 40)
            page.wait(f"{number('mirrorEvents')} >= {before} + 40")
            page.wait(f"{tile('mirrorLagEvents')} === '0' && {tile('mirrorLag')} === '0ms'")
            expect("no errors", page.value(tile("mirrorErrors")) == "0")
            expect("nothing to explain", page.value("document.getElementById('mirror-about').hidden"))
            world.kill_redis()
            world.order(sale, 7)
            page.wait(f"{tile('mirrorState')} === 'away'")
            page.wait(shows("#mirror-about", "Orders go on without it"))
            page.wait(f"{number('mirrorLagEvents')} >= 7 && {tile('mirrorLag')} !== '0ms' && {tile('mirrorLagBytes')} !== '0 B'")
            page.wait(f"Number({tile('mirrorErrors')}) > 0")
            page.wait(shows(card(sale), "4,953"))
            world.start_redis()
            page.wait(f"{tile('mirrorState')} === 'in step' && {tile('mirrorLagEvents')} === '0'")
            page.wait("document.getElementById('mirror-about').hidden")
            page.wait(f"Number({tile('mirrorRewrites')}) > 0")
        page.wait("document.getElementById('mirror-box').hidden")


@check("/dashboard.js", "retryTimer = setTimeout(connect, wait);", "")
def check_connection_lost(world, visit):
    """A sidecar that is gone is said, with since when; the page comes back by itself."""
    sale = world.sale("Patient", 55)
    with visit() as page:
        page.wait(shows(card(sale), "55"))
        world.stop_sidecar()
        try:
            page.wait("document.getElementById('status').dataset.state === 'lost'")
            page.wait("/^Connection lost since \\d\\d:\\d\\d:\\d\\d/.test(document.getElementById('status-text').innerText)")
            page.wait(shows("#status", "next try in"))
        finally:
            world.start_sidecar()
        page.wait(LIVE)
        world.order(sale, 5)
        page.wait(shows(card(sale), "50"))


HOSTILE = ['<img src=x onerror="window.hacked=1">', "<script>window.hacked=1</script>", '"><svg onload=window.hacked=1>',
           "${window.hacked=1}"]


# The browser itself refuses this fault: the page may not make elements out of text (Trusted Types).
@check("/dashboard.js", "write(part.name, offer.name || `No. ${offer.id}`);", "part.name.innerHTML = offer.name;")
def check_hostile_names(world, visit):
    """A name is text, whatever stands in it."""
    sales = [world.sale(name) for name in HOSTILE]
    world.ask("/v1/coupon-policies", {"name": HOSTILE[0], "quantity": 3, "discountType": "fixed", "discountValue": 5})
    with visit() as page:
        for sale, name in zip(sales, HOSTILE):
            page.wait(f"{query(card(sale) + ' h3')}.textContent === {json.dumps(name)}")
        page.wait(f"document.querySelector('#policies-now h3').textContent === {json.dumps(HOSTILE[0])}")
        page.click(f"{card(sales[0])} button:first-of-type")
        page.wait(shows("#restock-dialog .about", HOSTILE[0]))
        expect("no element was made", page.value("document.querySelectorAll('main img, main script, dialog img').length") == 0)
        expect("nothing ran", page.value("window.hacked === undefined"))
        expect("no complaints", not page.complaints and not page.exceptions, page.complaints, page.exceptions)


@check("/dashboard.css", "grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr))", "grid-template-columns: 420px")
def check_phone(world, visit):
    """At 360 pixels nothing is wider than the screen, dialogs included, and what is pressed is large enough."""
    world.sale("A name of the greatest length that there may be for a sale, without a break x", 10 ** 12, unitPrice=10 ** 12,
               perUserLimit=10 ** 9, holdSeconds=4000000, endsAt="2099-01-01T00:00:00Z")
    world.sale("W" * 78, 5)
    world.ask("/v1/coupon-policies", {"name": "M" * 78, "quantity": 10 ** 12, "discountType": "fixed", "discountValue": 10 ** 12})
    with visit(360, 740, mobile=True) as page:
        page.wait(LIVE)
        page.wait(shows("#sales-now", "W" * 78))
        page.wait(shows("#policies-now", "M" * 78))
        page.wait("document.querySelectorAll('#shards .use').length > 0")

        def fits():
            wide = page.value("""[...document.querySelectorAll('body *')].filter((element) => {
                const box = element.getBoundingClientRect();
                return box.width > 0 && !element.closest('.skip, .hidden-title, svg') && (box.right > innerWidth + 0.5 || box.left < -0.5);
            }).map((element) => element.tagName + '.' + element.className + ' ' + element.getBoundingClientRect().right)""")
            expect("nothing wider than the screen", not wide and page.value(
                "document.documentElement.scrollWidth <= 360 && innerWidth === 360"), wide[:5])

        fits()
        for name in ("sale", "policy"):
            page.click(f"#new-{name}")
            page.wait(f"document.getElementById('{name}-dialog').open")
            fits()
            small = page.value(f"""[...document.querySelectorAll('#{name}-dialog button, #{name}-dialog input')].filter(
                (element) => element.getBoundingClientRect().height < 40).length""")
            expect("large enough for a thumb", small == 0, small)
            page.key("Escape")
            page.wait(f"!document.getElementById('{name}-dialog').open")


# The contrast of two colours (WCAG 2, 1.4.3), of the text of some elements against what is behind them.
CONTRAST = """(() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const paint = (color, on) => {
        canvas.fillStyle = on; canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => rgb.map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const background = (element) => {
        for (; element; element = element.parentElement) {
            const color = getComputedStyle(element).backgroundColor;
            if (color !== 'rgba(0, 0, 0, 0)') return color;
        }
        return 'white';
    };
    return [...document.querySelectorAll('h1, h2, h3, dt, dd, .badge, .meta, .parts, .countdown, button, .status, .quiet, .axis, small')]
        .filter((element) => element.getClientRects().length > 0 && element.innerText.trim() !== '').map((element) => {
            const behind = background(element);
            const [a, b] = [light(paint(getComputedStyle(element).color, behind)), light(paint(behind, behind))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.tagName + '.' + element.className + ' ' + element.innerText];
        }).filter(([contrast]) => contrast < 4.5);
})()"""


@check("/dashboard.css", "--quiet: #9aa3b5;", "--quiet: #4a5365;")
def check_dark_and_light(world, visit):
    """The page follows the scheme of the system, and all text can be read in both."""
    world.sale("Open", 10)
    world.sale("Later", 10, startsAt="2098-01-01T00:00:00Z")
    sold_out = world.sale("Gone", 1)
    world.order(sold_out, 1)
    with visit() as page:
        page.wait(shows("#sales-now", "sold out"))
        page.wait("document.querySelectorAll('#shards .use').length > 0")
        lightness = {}
        for scheme in ("light", "dark"):
            page.scheme(scheme, reduced_motion=True)
            page.wait(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
            lightness[scheme] = page.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + +b, 0)")
            expect(f"text that can be read ({scheme})", not page.value(CONTRAST), page.value(CONTRAST))
            expect("no motion", page.value("getComputedStyle(document.querySelector('.bar i')).transitionDuration") == "0s")
        expect("light is light, dark is dark", lightness["light"] > 600 and lightness["dark"] < 120, lightness)


# A phone whose clock is three hours fast, and is set back to the truth while the page is open.
SHIFTED = """(() => {
    const RealDate = Date;
    window.shift = 3 * 3600 * 1000;
    window.Date = class extends RealDate {
        constructor(...values) { if (values.length) super(...values); else super(RealDate.now() + window.shift); }
        static now() { return RealDate.now() + window.shift; }
    };
})()"""


@check("/dashboard.js", "engineAhead === null ? null : engineAhead + performance.now()", "Date.now()")
def check_wrong_clock(world, visit):
    """Countdowns go by the engine's clock, whatever the browser's says."""
    now = time.time()

    def at(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds))

    ending, starting = world.sale("Ending", 10, endsAt=at(7200)), world.sale("Starting", 10, startsAt=at(2 * 86400 + 3600))
    with visit(script=SHIFTED) as page:
        for _ in range(2):
            page.wait(shows(card(ending), "Ends in"))
            page.wait(shows(card(starting), "Starts in"))
            shown = page.value(f"{query(card(ending) + ' .countdown b')}.innerText")
            hours, minutes, seconds = map(int, shown.split(":"))
            left = now + 7200 - time.time()
            expect("the time that is left", abs(hours * 3600 + minutes * 60 + seconds - left) < 30, shown, left)
            days, _, clock = page.value(f"{query(card(starting) + ' .countdown b')}.innerText").partition(" d ")
            expect("the time to the start", days == "2" and clock[:2] in ("00", "01"), days, clock)
            page.value("window.shift = 0")
            page.wait(f"{query(card(ending) + ' .countdown b')}.innerText !== {json.dumps(shown)}")


@check("/dashboard.js", 'part.bar.setAttribute("aria-label", ', 'part.bar.setAttribute("data-about", ')
def check_keyboard(world, visit):
    """Everything has a name for who does not see it, and can be reached and left with the keyboard."""
    sale = world.sale("Named", 10)
    with visit() as page:
        page.wait(shows(card(sale), "Named"))
        nameless = page.value("""[...document.querySelectorAll('button, input, select, [role=img], meter, dialog, section')].filter((element) =>
            !(element.getAttribute('aria-label') || element.getAttribute('aria-labelledby') || element.closest('label') ||
              element.textContent.trim())).map((element) => element.outerHTML.slice(0, 80))""")
        expect("a name for everything", not nameless, nameless)
        page.value("document.getElementById('new-sale').focus()")
        page.key("Enter")
        page.wait("document.getElementById('sale-dialog').open && document.activeElement.name === 'name'")
        for _ in range(12):
            page.key("Tab")
            expect("the focus stays in the dialog", page.value(
                "document.activeElement === document.body || document.getElementById('sale-dialog').contains(document.activeElement)"))
        page.key("Escape")
        page.wait("document.activeElement.id === 'new-sale'")
        # A card that is drawn twice a second keeps the focus that lies in it.
        page.value(f"{query(card(sale) + ' button')}.focus()")
        world.sale("Newer", 10)
        page.wait(shows("#sales-now", "Newer"))
        expect("the focus stays in the card", page.value(f"document.activeElement === {query(card(sale) + ' button')}"))


# Running

class Visits:
    """Opens pages on a world; a planted fault goes into their files."""

    # Whether the files of the page come from the sources.
    is_source = False

    def __init__(self, browser, world, patience, fault=None):
        self.browser, self.world, self.patience, self.fault = browser, world, patience, fault
        self.is_planted = False

    def __call__(self, width=1280, height=900, mobile=False, script=None):
        page = chromium.Page(self.browser, self.patience, self.rewrite if self.fault or self.is_source else None)
        page.size(width, height, mobile)
        if script:
            page.before_each_document(script)
        page.open(f"{self.world.base}/")
        return page

    def rewrite(self, path, text):
        path = "/dashboard.html" if path == "/" else path
        if self.is_source:
            text = (root / f"tools/timesale-http/Sources/Sidecar/Dashboard{path}").read_text()
        where, old, new = self.fault or ("", "", "")
        if path != where:
            return text
        if old not in text:
            print(f"check: {path} has no {old!r}", file=sys.stderr)
        self.is_planted = old in text
        return text.replace(old, new)


def run_checks(browser, programs, names):
    failed = []
    for tokens in (False, True):
        wanted = [name for name in names if CHECKS[name][2] == tokens]
        if not wanted:
            continue
        with World(programs, tokens) as world:
            for name in wanted:
                start = time.monotonic()
                try:
                    CHECKS[name][0](world, Visits(browser, world, 60))
                    print(f"  ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
                except Fault as fault:
                    failed.append(name)
                    print(f"  FAIL  {name}: {fault}", flush=True)
    return failed


def selftest(browser, programs, names):
    missed = []
    for name in names:
        function, fault, tokens = CHECKS[name]
        with World(programs, tokens) as world:
            visits = Visits(browser, world, 10, fault)
            try:
                function(world, visits)
                missed.append(name)
                print(f"  MISS  {name} did not see its fault", flush=True)
            except Fault as seen:
                if not visits.is_planted:
                    missed.append(name)
                print(f"  {'ok  ' if visits.is_planted else 'MISS'}  {name} fails: {str(seen)[:140]}", flush=True)
    return missed


def pictures(browser, programs, directory):
    """A shop at work, as it looks."""
    directory.mkdir(parents=True, exist_ok=True)
    with World(programs) as world, world.mirror():
        def at(seconds):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))

        chairs = world.sale("Garden chairs, oak", 20000, holdSeconds=600, unitPrice=4990, perUserLimit=2, endsAt=at(2712))
        lamps = world.sale("Reading lamps", 6000, unitPrice=1290, endsAt=at(26 * 3600))
        kettle = world.sale("Kettles", 40, unitPrice=2490, endsAt=at(900))
        world.sale("Midnight: sneakers", 5000, startsAt=at(3 * 3600 + 120), endsAt=at(5 * 3600), perUserLimit=1, unitPrice=8900)
        old = world.sale("Last week's towels", 100)
        world.order(kettle, 45)
        world.order(old, 30)
        world.ask(f"/v1/timesales/{old['id']}/close", {})
        policies = [
            world.ask("/v1/coupon-policies", {"name": "Ten per cent, newcomers", "quantity": 3000, "discountType": "percent",
                                              "discountValue": 10, "maxDiscount": 2000, "validUntil": at(9 * 86400)}),
            world.ask("/v1/coupon-policies", {"name": "500 off from 5,000", "quantity": 800, "discountType": "fixed",
                                              "discountValue": 500, "minPurchase": 5000})]
        stop = threading.Event()

        def buy():
            for round_ in itertools.count():
                if stop.is_set():
                    return
                wave = 10 + int(18 * abs((round_ / 20) % 2 - 1))
                world.order(chairs, wave)
                world.order(lamps, wave // 3)
                world.order(kettle, wave // 4)
                user = next(world.users)
                try:
                    coupon = world.ask(f"/v1/coupon-policies/{policies[round_ % 2]['id']}/coupons", {"userId": user})
                    if round_ % 3 == 0:
                        world.ask(f"/v1/coupons/{coupon['couponId']}/use", {"userId": user, "purchaseAmount": 9000})
                    world.ask(f"/v1/users/{user}/points/earn", {"amount": 50})
                except urllib.error.HTTPError:
                    pass
                stop.wait(0.05)

        buyer = threading.Thread(target=buy)
        buyer.start()
        try:
            visit = Visits(browser, world, 60)
            with visit() as desk, visit(360, 740, mobile=True) as phone:
                for page in (desk, phone):
                    page.wait(LIVE)
                # Curves need something to show.
                desk.wait("document.querySelector('#chart .accepted').getAttribute('d').split('L').length > 50")
                for scheme in ("light", "dark"):
                    for name, page in (("desk", desk), ("phone", phone)):
                        page.scheme(scheme)
                        page.screenshot(directory / f"{name}-{scheme}.png")
                        for part in ("sales", "policies-title", "shards-title", "mirror-title"):
                            page.value(f"document.getElementById('{part}').scrollIntoView()")
                            page.screenshot(directory / f"{name}-{scheme}-{part}.png")
                        page.value("scrollTo(0, 0)")
                for name, page in (("desk", desk), ("phone", phone)):
                    fill_sale(page, "Sold", "x")
                    page.click("#sale-dialog [type=submit]")
                    page.wait("document.querySelector('.field-fault') !== null")
                    page.screenshot(directory / f"{name}-dialog.png")
                    page.key("Escape")
                    page.click(f"{card(chairs)} button:last-of-type")
                    page.screenshot(directory / f"{name}-close.png")
                    page.key("Escape")
                world.kill_redis()
                for scheme in ("light", "dark"):
                    for name, page in (("desk", desk), ("phone", phone)):
                        page.scheme(scheme)
                        page.wait(f"{tile('mirrorState')} === 'away'")
                        page.value("document.getElementById('mirror-title').scrollIntoView()")
                        page.screenshot(directory / f"{name}-{scheme}-mirror-away.png")
                desk.scheme("light")
                stop.set()
                buyer.join()
                world.kill_engine()
                desk.wait("document.getElementById('status').dataset.state === 'away'")
                desk.value("scrollTo(0, 0)")
                desk.screenshot(directory / "desk-away.png")
        finally:
            stop.set()
            buyer.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", type=pathlib.Path, metavar="PROGRAMS", help="directories of ours")
    parser.add_argument("--only", action="append", choices=CHECKS, metavar="CHECK", help=f"of {', '.join(CHECKS)}")
    parser.add_argument("--source", action="store_true", help="the page as it lies in the sources, not in the executable")
    parser.add_argument("--selftest", action="store_true", help="plant a fault for each check, which has to see it")
    parser.add_argument("--pictures", type=pathlib.Path, metavar="DIR", help="write pictures there, check nothing")
    arguments = parser.parse_args()
    names = arguments.only or list(CHECKS)
    Visits.is_source = arguments.source
    with tempfile.TemporaryDirectory() as together, chromium.Chromium() as browser:
        programs = pathlib.Path(together)
        for name in ("timesaled", "timesale-http"):
            path = next((d / name for d in arguments.programs if (d / name).exists()), None)
            if path is None:
                sys.exit(f"check: no {name} in {', '.join(map(str, arguments.programs))}")
            (programs / name).symlink_to(path.resolve())
        if arguments.pictures:
            pictures(browser, programs, arguments.pictures)
            return
        failed = (selftest if arguments.selftest else run_checks)(browser, programs, names)
    if failed:
        sys.exit(f"dashboard: {', '.join(failed)} failed")
    print(f"dashboard: {len(names)} checks {'see their faults' if arguments.selftest else 'hold'}")


if __name__ == "__main__":
    main()
