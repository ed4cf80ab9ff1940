"""An engine and its HTTP sidecar, started for one measurement, and what of the cores each had."""

import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    """An engine and a sidecar, from the start of both to their end."""

    def __init__(self, programs, directory):
        self.programs = programs
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="timesale-http-", dir=directory))
        self.base = f"http://127.0.0.1:{free_port()}"
        self.engine = self.sidecar = None

    def __enter__(self):
        try:
            self.start_engine()
            self.sidecar = self._start(
                "timesale-http", "--listen", self.base.removeprefix("http://"), "--engine", self._socket)
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in (self.sidecar, self.engine):
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _socket(self):
        return f"unix:{self.directory}/engine.sock"

    def start_engine(self):
        self.engine = self._start(
            "timesaled", "--listen", self._socket, "--data", f"{self.directory}/data", "--log-ahead", "1GiB",
            "--orders", "20000000", "--users", "4000000", "--coupons", "4000000", "--transactions", "4000000")

    def processes(self):
        return ("sidecar", self.sidecar), ("engine", self.engine)

    def kill_engine(self):
        self.engine.kill()
        self.engine.wait()

    def _start(self, name, *arguments):
        with open(self.directory / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                [self.programs / name, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # Ctrl-C ends k6 first; then these, by us.
                start_new_session=True)

    def _wait_until_ready(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for name, process in (("timesaled", self.engine), ("timesale-http", self.sidecar)):
                if process.poll() is not None:
                    sys.exit(f"{name} ended with {process.returncode}:\n{self.log(name)}")
            try:
                urllib.request.urlopen(f"{self.base}/readyz", timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"not ready after 30 s:\n{self.log('timesaled')}{self.log('timesale-http')}")

    def log(self, name):
        return (self.directory / f"{name}.log").read_text()

    def sold(self):
        """Units that have been sold of the newest sale; None while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.base}/v1/timesales?limit=100", timeout=2) as answer:
                sales = json.load(answer)["items"]
            return max((sale["sold"] + sale["held"] for sale in sales), default=0)
        except (OSError, ValueError):
            return None


def cpu_seconds(process):
    """CPU time of a running process, of all its threads."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Shares:
    """How much of a core generator, sidecar and engine each had, on the average, while the generator ran."""

    def __init__(self, world, generator):
        self.world, self.generator, self.start = world, generator, time.monotonic()
        self.before = self._read()

    def _read(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        # A generator counts once it has ended, as a killed engine does: which is why a run with a restart has no shares.
        read = {self.generator: children.ru_utime + children.ru_stime}
        read.update({name: cpu_seconds(process) for name, process in self.world.processes()})
        return read

    def end(self):
        seconds = time.monotonic() - self.start
        return {name: (value - self.before[name]) / seconds for name, value in self._read().items()}

    @staticmethod
    def text(shares):
        return "cores: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
