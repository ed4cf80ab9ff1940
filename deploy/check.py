#!/usr/bin/env python3
"""Checks what stands in deploy/ as far as that goes without systemd running and without a container engine.

    deploy/check.py --programs bin

Units: `systemd-analyze verify`, and `security` with a bound; what docs/security.md says of them; the executables, under strace,
make no system call that their unit forbids, and run without any privilege. Units, Dockerfile, compose file: every executable is one of ours,
every flag and every variable exists in its --help, ports agree, files that are copied or mounted exist. Prints what is
wrong; exit code 1 if anything is.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import yaml

here = pathlib.Path(__file__).resolve().parent
root = here.parent
# What `systemd-analyze security` may say at most: 10 is a service with everything allowed.
EXPOSURE_MAX = 1.5
faults = []


def fault(place, text):
    faults.append(f"{place}: {text}")


class Programs:
    """Our executables, and what their --help says that they take."""

    PREFIXES = {"timesaled": "TIMESALE_", "timesale-http": "TIMESALE_HTTP_"}

    def __init__(self, directories):
        self.directories, self.known = directories, {}

    def path(self, name):
        path = next((d / name for d in self.directories if (d / name).exists()), None)
        if path is None:
            sys.exit(f"check: no {name} in {', '.join(map(str, self.directories))}")
        return path

    def flags(self, *words):
        if words not in self.known:
            text = subprocess.run([self.path(words[0]), *words[1:], "--help"], capture_output=True, text=True, check=True).stdout
            self.known[words] = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", text))
        return self.known[words]

    def check_command(self, place, words):
        """A command line: program, subcommands, flags."""
        program = words[0].removeprefix("/usr/bin/")
        subcommands = [word for word in words[1:2] if program == "timesale" and not word.startswith("-")]
        try:
            known = self.flags(program, *subcommands)
        except subprocess.CalledProcessError:
            return fault(place, f"there is no {' '.join([program, *subcommands])}")
        for word in words:
            if word.startswith("--") and word.split("=")[0] not in known:
                fault(place, f"{program} has no {word}")

    def check_variable(self, place, name):
        for program in ("timesale-http", "timesaled"):
            prefix = self.PREFIXES[program]
            if name.startswith(prefix):
                flag = "--" + name.removeprefix(prefix).lower().replace("_", "-")
                if flag not in self.flags(program):
                    fault(place, f"{program} has no {flag} for {name}")
                return
        fault(place, f"{name} is no variable of ours")


def check_units(programs):
    folder = here / "systemd"
    for path in sorted(folder.iterdir()):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            place = f"{path.name}:{number}"
            # Commented settings are meant to be used.
            line = line.removeprefix("#")
            if line.startswith("ExecStart="):
                programs.check_command(place, line.removeprefix("ExecStart=").split())
            settings = line.removeprefix("Environment=") if line.startswith("Environment=") else line
            if path.suffix == ".env" or line.startswith("Environment="):
                for name in re.findall(r"(?:^|\s)([A-Z][A-Z_]+)=", settings):
                    programs.check_variable(place, name)
    units = sorted(path.name for path in folder.glob("*.service"))
    if not shutil.which("systemd-analyze"):
        print("check: no systemd-analyze here, so units are only read")
        return
    # A root that has nothing but the units, what they start, and the targets of this machine.
    with tempfile.TemporaryDirectory() as directory:
        fake = pathlib.Path(directory)
        (fake / "etc/systemd/system").mkdir(parents=True)
        (fake / "lib/systemd/system").mkdir(parents=True)
        (fake / "usr/bin").mkdir(parents=True)
        for pattern in ("*.target", "*.slice"):
            for path in pathlib.Path("/lib/systemd/system").glob(pattern):
                shutil.copy(path, fake / "lib/systemd/system", follow_symlinks=True)
        for name in units:
            shutil.copy(folder / name, fake / "etc/systemd/system")
            for program in re.findall(r"^Exec\w+=(\S+)", (folder / name).read_text(), re.M):
                stub = fake / program.lstrip("/")
                stub.parent.mkdir(exist_ok=True)
                stub.write_text("#!/bin/sh\n")
                stub.chmod(0o755)
            conf = folder / f"{name.removesuffix('.service')}-tokens.conf"
            (fake / f"etc/systemd/system/{name}.d").mkdir()
            shutil.copy(conf, fake / f"etc/systemd/system/{name}.d/tokens.conf")
        run = subprocess.run(
            ["systemd-analyze", f"--root={fake}", "verify", *units], capture_output=True, text=True)
        if run.returncode != 0 or run.stderr.strip():
            fault("systemd-analyze verify", run.stderr.strip() or f"exit code {run.returncode}")
        for name in units:
            run = subprocess.run(
                ["systemd-analyze", f"--root={fake}", "security", "--offline=true", "--no-pager", name],
                capture_output=True, text=True)
            level = re.search(r"exposure level for \S+: ([\d.]+)", run.stdout)
            if not level:
                fault(name, f"systemd-analyze security says {run.stderr.strip()!r}")
            elif float(level.group(1)) > EXPOSURE_MAX:
                fault(name, f"exposure {level.group(1)}, at most {EXPOSURE_MAX}")


def check_document():
    """The settings of the table in docs/security.md stand in the units that it names."""
    place = "docs/security.md"
    units = {"engine": ["timesaled.service"], "sidecar": ["timesale-http.service"]}
    units["both"] = units["engine"] + units["sidecar"]
    rows = re.findall(r"^\| `([A-Z]\w+=[^`]*)` \| (\w+) \|", (root / place).read_text(), re.M)
    if len(rows) < 20:
        fault(place, f"its table of settings has {len(rows)} rows")
    for setting, of in rows:
        for unit in units[of]:
            # The last word on a setting counts, but for those that add up.
            name = setting.split("=")[0]
            lines = re.findall(rf"^({name}=.*)$", (here / "systemd" / unit).read_text(), re.M)
            if setting not in (lines if name == "SystemCallFilter" else lines[-1:]):
                fault(place, f"{unit} has {lines or 'nothing'} instead of {setting}")


def check_without_privileges(programs):
    """Engine and sidecar as a user who may do nothing: no capability, none to be had, a file of tokens that is root's and
    readable for the user's group, as in the drop-in files. They sell, and read other tokens."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        print("check: no root or no setpriv here, so nothing is started without privileges")
        return
    nobody = 65534
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        directory.chmod(0o755)
        (directory / "own").mkdir(0o700)
        os.chown(directory / "own", nobody, nobody)
        tokens = directory / "tokens"
        started = {}

        def write(*lines):
            fresh = directory / "tokens.new"
            fresh.write_text("".join(line + "\n" for line in lines))
            fresh.chmod(0o640)
            os.chown(fresh, 0, nobody)
            fresh.rename(tokens)

        def start(name, *arguments):
            # Where an executable of a build lies may be closed to that user.
            program = shutil.copy(programs.path(name), directory / name)
            with open(directory / f"{name}.out", "wb") as out:
                started[name] = subprocess.Popen(
                    ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", "--no-new-privs",
                     "--bounding-set=-all", "--inh-caps=-all", program, *arguments],
                    cwd=directory / "own", stdout=out, stderr=subprocess.STDOUT)

        def output(name):
            return (directory / f"{name}.out").read_text()

        def wait(what, condition):
            end = time.monotonic() + 60
            while not condition():
                if time.monotonic() > end or any(process.poll() is not None for process in started.values()):
                    sys.exit(f"check: {what}: {[output(name) for name in started]}")
                time.sleep(0.05)

        def answer(token, path="/v1/timesales"):
            request = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {token}"})
            try:
                return urllib.request.urlopen(request, timeout=10).status
            except urllib.error.HTTPError as error:
                return error.code

        first, second = "admin-token-of-the-first", "admin-token-of-the-second"
        try:
            write(f"admin {first}")
            engine = f"unix:{directory}/own/engine.sock"
            start("timesaled", "--data", directory / "own/data", "--listen", engine, "--token-file", tokens,
                  "--segment-size", "2MiB", "--log-ahead", "4MiB")
            wait("no engine", lambda: "ready" in output("timesaled").splitlines())
            start("timesale-http", "--listen", "127.0.0.1:0", "--engine", engine, "--token-file", tokens,
                  "--engine-token-file", tokens)
            wait("no sidecar", lambda: re.search(r"127\.0\.0\.1:[1-9]\d*", output("timesale-http")))
            base = "http://" + re.search(r"127\.0\.0\.1:\d+", output("timesale-http")).group()
            wait("not ready", lambda: status(base + "/readyz") == 200 and answer(first) == 200)
            for name, process in started.items():
                state = dict(re.findall(r"^(\w+):\t(.*)$", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.M))
                wrong = {key: state[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(state[key], 16)}
                if wrong or state["NoNewPrivs"] != "1" or state["Uid"].split() != [str(nobody)] * 4:
                    fault(name, f"it was not started without privileges: {wrong or state['Uid']}")
            write(f"admin {first}", f"admin {second}")
            for name, words in (("timesaled", "tokens read again: 2"), ("timesale-http", "tokens read again: 2")):
                started[name].send_signal(signal.SIGHUP)
                wait("tokens are not read again", lambda: words in output(name))
            if answer(second) != 200 or answer(first + "x") != 401:
                fault("timesale-http", "without privileges it does not take other tokens")
        finally:
            for process in reversed(started.values()):
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
        for name, process in started.items():
            if process.returncode != 0:
                fault(name, f"without privileges it ends with {process.returncode}: {output(name)}")


def system_calls(group):
    """The names in a group of systemd's, groups in it included."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True).stdout
    names = set()
    for line in map(str.strip, text.splitlines()[1:]):
        names |= system_calls(line) if line.startswith("@") else {line} - {""}
    return {name for name in names if not name.startswith("#")}


def allowed_calls(unit):
    """What a unit's SystemCallFilter lines leave, in their order."""
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", (here / "systemd" / unit).read_text(), re.M):
        words = line.removeprefix("~").split()
        names = set().union(*(system_calls(word) if word.startswith("@") else {word} for word in words))
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def check_system_calls(programs):
    """Engine and sidecar start, sell, make a snapshot and stop; strace writes down what they ask of the kernel."""
    if not shutil.which("strace") or not shutil.which("systemd-analyze"):
        print("check: no strace or systemd-analyze here, so system calls are not looked at")
        return
    with tempfile.TemporaryDirectory() as directory:
        directory, engine = pathlib.Path(directory), f"unix:{directory}/engine.sock"
        started = {}

        def start(name, *arguments):
            with open(directory / f"{name}.out", "wb") as out:
                started[name] = subprocess.Popen(
                    ["strace", "-f", "-qq", "-I2", "-o", directory / f"{name}.trace", programs.path(name), *arguments],
                    stdout=out, stderr=subprocess.STDOUT)

        def wait(what, condition):
            end = time.monotonic() + 60
            while not condition():
                if time.monotonic() > end or any(process.poll() is not None for process in started.values()):
                    sys.exit(f"check: {what}: {[(directory / f'{name}.out').read_text() for name in started]}")
                time.sleep(0.05)

        def output(name):
            return (directory / f"{name}.out").read_text()

        def run(*words):
            subprocess.run([programs.path("timesale"), *words, "--server", engine], check=True, stdout=subprocess.DEVNULL)

        try:
            start("timesaled", "--data", directory / "data", "--listen", engine, "--pin", "0",
                  "--segment-size", "2MiB", "--log-ahead", "4MiB")
            wait("no engine", lambda: "ready" in output("timesaled").splitlines())
            start("timesale-http", "--listen", "127.0.0.1:0", "--engine", engine)
            wait("no sidecar", lambda: re.search(r"127\.0\.0\.1:[1-9]\d*", output("timesale-http")))
            base = "http://" + re.search(r"127\.0\.0\.1:\d+", output("timesale-http")).group()
            wait("not ready", lambda: status(base + "/readyz") == 200)
            run("create", "--name", "Lamps", "--stock", "10", "--id", "1001")
            run("order", "1001", "--user", "42")
            request = urllib.request.Request(
                base + "/v1/timesales/1001/orders", b'{"userId": "43"}', {"Content-Type": "application/json"})
            urllib.request.urlopen(request).close()
            urllib.request.urlopen(base + "/metrics").close()
            run("snapshot")
        finally:
            for name, process in reversed(started.items()):
                # strace ignores it; its child is who has to end.
                subprocess.run(["pkill", "-TERM", "-P", str(process.pid)], check=False)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
        for name in started:
            trace = (directory / f"{name}.trace").read_text()
            calls = set(re.findall(r"^\d+ +(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed)", trace, re.M))
            # execve is what starts the service: systemd makes it.
            forbidden = calls - allowed_calls(f"{name}.service") - {"execve"}
            if "futex" not in calls or forbidden:
                fault(f"{name}.service", f"its SystemCallFilter forbids {sorted(forbidden) or 'all'}")


def status(url):
    try:
        return urllib.request.urlopen(url, timeout=10).status
    except OSError:
        return None


def check_images(programs):
    """The Dockerfile: what each target starts, and the port that it tells of."""
    images, stages, target = {}, set(), None
    text = re.sub(r"\\\n", " ", (here / "Dockerfile").read_text())
    for line in text.splitlines():
        if match := re.match(r"FROM (\S+) AS (\S+)", line):
            target = match.group(2)
            images[target] = {"command": [], "port": None}
            if match.group(1) not in stages and ":" not in match.group(1):
                fault("Dockerfile", f"{match.group(1)} is neither a stage nor an image with its version")
            stages.add(target)
        elif match := re.match(r"ENTRYPOINT (\[.*\])", line):
            images[target]["command"] = yaml.safe_load(match.group(1))
            programs.check_command(f"Dockerfile, {target}", images[target]["command"])
        elif match := re.match(r"EXPOSE (\d+)", line):
            images[target]["port"] = match.group(1)
        elif match := re.match(r"RUN (deploy/\S+)", line):
            if not (root / match.group(1)).exists():
                fault("Dockerfile", f"there is no {match.group(1)}")
    for target, image in images.items():
        if image["port"] and not any(word.endswith(f":{image['port']}") for word in image["command"]):
            fault("Dockerfile", f"{target} exposes {image['port']}, and does not listen there")
    return images


def check_compose(programs, images):
    compose = yaml.safe_load((here / "compose.yml").read_text())
    services, volumes = compose["services"], set(compose["volumes"])
    for name, service in services.items():
        place = f"compose.yml, {name}"
        image = images.get(service.get("build", {}).get("target"), {"command": [], "port": None})
        if "build" in service:
            if not image["command"]:
                fault(place, "builds a target that starts nothing")
            else:
                programs.check_command(place, image["command"][:1] + service.get("command", []))
            if not (here / service["build"]["context"] / service["build"]["dockerfile"]).exists():
                fault(place, "there is no such Dockerfile")
        elif ":" not in service["image"]:
            fault(place, f"{service['image']} has no version")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not (here / source).exists():
                    fault(place, f"there is no {source}")
                elif source.endswith((".yml", ".json")):
                    yaml.safe_load((here / source).read_text())
            elif source not in volumes:
                fault(place, f"there is no volume {source}")
        for secret in service.get("secrets", []):
            if secret not in compose.get("secrets", {}):
                fault(place, f"there is no secret {secret}")
        for other in service.get("depends_on", []):
            if other not in services:
                fault(place, f"there is no service {other}")
        for port in service.get("ports", []):
            host, _, inside = port.rpartition(":")
            if not host.startswith("127.0.0.1:"):
                fault(place, f"{port} is open to the network")
            if image["command"] and inside != image["port"]:
                fault(place, f"publishes {inside}, the image exposes {image['port']}")
        if check := service.get("healthcheck"):
            programs.check_command(place, check["test"][1:])
    # Both reach the same socket, on the same volume.
    sockets = [re.findall(r"unix:(\S+)/", " ".join(images[target]["command"])) for target in ("engine", "sidecar")]
    mounts = [{volume.split(":")[1] for volume in services[name]["volumes"]} for name in ("engine", "sidecar")]
    if sockets[0] != sockets[1] or not all(set(found) <= mounted for found, mounted in zip(sockets, mounts)):
        fault("compose.yml", f"engine and sidecar do not share the socket: {sockets}, {mounts}")
    # Who reads from whom.
    mounted = {inside: source for name in services for source, inside, *_ in
               (volume.split(":") for volume in services[name].get("volumes", []))}
    rules = yaml.safe_load((here / "prometheus.yml").read_text())["rule_files"]
    for rule in rules:
        if f"/etc/prometheus/{rule}" not in mounted:
            fault("prometheus.yml", f"{rule} is not mounted in compose.yml")
    for provider in yaml.safe_load((here / "grafana/dashboards.yml").read_text())["providers"]:
        if not any(inside.startswith(provider["options"]["path"] + "/") for inside in mounted):
            fault("grafana/dashboards.yml", f"nothing is mounted in {provider['options']['path']}")
    for name in ("prometheus.yml", "grafana/datasource.yml"):
        for host, port in re.findall(r"([a-z]+):(\d{4,5})", (here / name).read_text()):
            published = [p.rpartition(":")[2] for p in services.get(host, {}).get("ports", [])]
            if port not in published:
                fault(name, f"nothing listens on {host}:{port}")
        yaml.safe_load((here / name).read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, action="append", help="where our executables are (default: bin)")
    programs = Programs(parser.parse_args().programs or [root / "bin"])
    check_units(programs)
    check_document()
    check_without_privileges(programs)
    check_system_calls(programs)
    check_compose(programs, check_images(programs))
    for line in faults:
        print(f"check: {line}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
