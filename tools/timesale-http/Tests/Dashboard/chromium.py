"""A headless Chromium, driven by the DevTools protocol over a pipe: messages of JSON, each with a NUL behind it."""

import base64
import fcntl
import itertools
import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time


class Fault(Exception):
    """What was expected did not happen."""


class Chromium:
    """One browser, with its profile in a temporary directory."""

    def __init__(self, program="chromium"):
        self.profile = pathlib.Path(tempfile.mkdtemp(prefix="timesale-chromium-"))
        self.numbers = itertools.count(1)
        self.answers, self.pages, self.lock = {}, {}, threading.Lock()
        path = shutil.which(program)
        if path is None:
            raise Fault(f"there is no {program}; on Debian: apt-get install chromium")
        to_browser, self.sending = os.pipe()
        self.receiving, from_browser = os.pipe()
        # Chromium reads from 3 and writes to 4; ours move out of the way of these two first.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (to_browser, from_browser)]

        def wire():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.log = open(self.profile / "log", "wb")
        # Every other descriptor of Python is closed at the exec by itself.
        self.process = subprocess.Popen(
            [path, "--headless", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--hide-scrollbars", "--lang=en", f"--user-data-dir={self.profile / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, close_fds=False, preexec_fn=wire,
            start_new_session=True)
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        threading.Thread(target=self._receive, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (Fault, OSError):
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _receive(self):
        rest = b""
        while True:
            try:
                more = os.read(self.receiving, 1 << 16)
            except OSError:
                more = b""
            if not more:
                break
            *messages, rest = (rest + more).split(b"\0")
            for text in messages:
                message = json.loads(text)
                if "id" in message:
                    self.answers[message["id"]].put(message)
                elif page := self.pages.get(message.get("sessionId")):
                    page.hear(message["method"], message["params"])
        for waiting in list(self.answers.values()):
            waiting.put({"error": {"message": "the browser has ended"}})

    def send(self, method, session=None, **params):
        """Sends without waiting; the answer will be in the queue that is returned."""
        number = next(self.numbers)
        waiting = self.answers[number] = queue.Queue()
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        with self.lock:
            os.write(self.sending, json.dumps(message).encode() + b"\0")
        return waiting

    def call(self, method, session=None, **params):
        try:
            answer = self.send(method, session, **params).get(timeout=60)
        except queue.Empty:
            raise Fault(f"{method}: no answer of the browser") from None
        if "error" in answer:
            raise Fault(f"{method}: {answer['error']['message']}")
        return answer["result"]


class Page:
    """A tab of its own context: nothing is shared with another page. Notes what the page asks for and complains of."""

    def __init__(self, browser, patience=60, rewrite=None):
        """patience: seconds until what was waited for is a fault; rewrite: path, text of a file -> text in its place."""
        self.browser, self.patience, self.rewrite = browser, patience, rewrite
        self.requests, self.complaints, self.exceptions = [], [], []
        self.lost = None
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=self.context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        # Each page behaves as the one in front.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        if rewrite:
            self.call("Fetch.enable", patterns=[{"urlPattern": "*", "requestStage": "Response", "resourceType": kind}
                                                for kind in ("Document", "Stylesheet", "Script")])

    def close(self):
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)
        self.browser.pages.pop(self.session, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def hear(self, method, params):
        """On the thread that receives: it must not wait for the browser."""
        if method == "Network.requestWillBeSent":
            self.requests.append((params["request"]["url"], params["request"]))
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.exceptions.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(value.get("value")) for value in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Fetch.requestPaused":
            threading.Thread(target=self._paused, args=(params,), daemon=True).start()

    def _paused(self, params):
        number = params["requestId"]
        if self.lost is not None and params["request"]["method"] == "POST":
            self.lost.append(params["request"]["headers"].get("Idempotency-Key"))
            self.call("Fetch.failRequest", requestId=number, errorReason="ConnectionReset")
            return
        if not self.rewrite or params.get("responseStatusCode") != 200 or params["resourceType"] in ("Fetch", "XHR"):
            self.call("Fetch.continueRequest", requestId=number)
            return
        body = self.call("Fetch.getResponseBody", requestId=number)
        text = base64.b64decode(body["body"]).decode() if body["base64Encoded"] else body["body"]
        path = "/" + params["request"]["url"].split("/", 3)[3]
        headers = [field for field in params["responseHeaders"]
                   if field["name"].lower() not in ("content-length", "content-encoding")]
        self.call("Fetch.fulfillRequest", requestId=number, responseCode=200, responseHeaders=headers,
                  body=base64.b64encode(self.rewrite(path, text).encode()).decode())

    def lose_answers(self, is_lost):
        """From now on answers to POST get lost on the way back: what they did is done. Notes their keys in `lost`."""
        self.lost = [] if is_lost else None
        if is_lost:
            self.call("Fetch.enable", patterns=[{"urlPattern": "*", "requestStage": "Response", "resourceType": kind}
                                                for kind in ("Fetch", "XHR")])
        else:
            self.call("Fetch.disable")

    # What is done

    def open(self, url):
        self.call("Page.navigate", url=url)

    def before_each_document(self, script):
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def size(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name, reduced_motion=False):
        features = [{"name": "prefers-color-scheme", "value": name}]
        if reduced_motion:
            features.append({"name": "prefers-reduced-motion", "value": "reduce"})
        self.call("Emulation.setEmulatedMedia", features=features)

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Fault(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def wait(self, expression, what=None):
        """Until the expression is true, and returns it; an element that is missing counts as not yet."""
        end = time.monotonic() + self.patience
        while True:
            found = self.value(f"(() => {{ try {{ return {expression}; }} catch (error) {{ if (error instanceof TypeError) return false; throw error; }} }})()")
            if found:
                return found
            if time.monotonic() > end:
                raise Fault(f"not within {self.patience} s: {what or expression}; the page says: {self.text()[:600]!r}")
            time.sleep(0.03)

    def text(self, selector="body"):
        return self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def click(self, selector, times=1):
        """With the mouse, in the middle of the element."""
        place = self.wait(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            const place = {{x: box.x + box.width / 2, y: box.y + box.height / 2}};
            return box.width > 0 && element.contains(document.elementFromPoint(place.x, place.y)) && place;
        }})()""", f"{selector} can be clicked")
        waiting = []
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                waiting.append(self.browser.send(
                    "Input.dispatchMouseEvent", self.session, type=kind, button="left", clickCount=count, **place))
        for answer in waiting:
            answer.get(timeout=60)

    def key(self, name, modifiers=0):
        code = {"Tab": 9, "Enter": 13, "Escape": 27}[name]
        more = {"text": "\r"} if name == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code,
                      modifiers=modifiers, **(more if kind == "keyDown" else {}))

    def fill(self, selector, text):
        self.wait(f"(() => {{ const field = document.querySelector({json.dumps(selector)}); field.focus(); field.select?.(); return true; }})()")
        self.call("Input.insertText", text=text)

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))
