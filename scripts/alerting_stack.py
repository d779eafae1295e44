#!/usr/bin/env python3
"""Prometheus and Alertmanager from Debian's packages, on loopback addresses, with all they write in one temporary
folder that goes with them: what `scripts/demo --stack` and tests/grafana/end_to_end run beside a training.

    scripts/alerting_stack.py --scrape 127.0.0.1:9464 -- COMMAND...

runs COMMAND between the two, and stops everything when it ends, or on Ctrl-C. `{folder}` in COMMAND is the folder.
Only kill -9 leaves something behind: the folder, but no process.
"""

import argparse
import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

GRAFANA = Path(__file__).resolve().parent.parent / "grafana"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def free_port(preferred=0):
    """The preferred port, or any other where that is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no free port on 127.0.0.1")


def die_with_parent():
    """Whatever ends this process ends those that it started."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


# In sessions of their own: a terminal's Ctrl-C would reach them too, and they are to be stopped in order instead.
CHILD = {"preexec_fn": die_with_parent, "start_new_session": True}


def stop_process(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Stack:
    """Use it in a `with`. `prometheus` and `alertmanager` are the addresses of their HTTP interfaces.

    `rules` is a rule file. `replace` maps text of grafana/prometheus.yml and grafana/alertmanager.yml to what stands
    there instead: a test's shorter intervals, a receiver.
    """

    def __init__(self, *, rules=GRAFANA / "alerts/azimuth.rules.yml", replace=(), ports=(9090, 9093), patience=120):
        self.rules, self.replace, self.patience = Path(rules).resolve(), dict(replace), patience
        ports = [free_port(port) for port in ports]
        self.prometheus, self.alertmanager = (f"http://127.0.0.1:{port}" for port in ports)
        self.processes = []

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="azimuth-stack-"))
        try:
            self.scrape()
            self._start("alertmanager", self.alertmanager, "prometheus-alertmanager",
                        "--cluster.listen-address=")  # no gossip: one of them, and no further port
            self._start("prometheus", self.prometheus, "prometheus")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def scrape(self, *addresses):
        """Which addresses are scraped from now on."""
        (self.folder / "targets.new").write_text(json.dumps([{"targets": addresses}]))
        (self.folder / "targets.new").rename(self.folder / "targets.json")

    def stop(self):
        for process in reversed(self.processes):
            stop_process(process)
        self.processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name, address, program, *options):
        config = self.folder / f"{name}.yml"
        config.write_text(self._config(name))
        storage = "--storage.tsdb.path" if name == "prometheus" else "--storage.path"
        with open(self.folder / f"{name}.log", "wb") as log:
            try:
                process = subprocess.Popen(
                    [program, f"--config.file={config}", f"{storage}={self.folder / name}",
                     f"--web.listen-address={address.removeprefix('http://')}", *options],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, **CHILD)
            except FileNotFoundError:
                raise RuntimeError(f"{program} is missing: scripts/install_dependencies --stack") from None
        self.processes.append(process)
        self._wait_until_ready(name, address, process)

    def _config(self, name):
        changes = {
            "alerts/azimuth.rules.yml": json.dumps(str(self.rules)),
            "127.0.0.1:9093": self.alertmanager.removeprefix("http://"),
            'static_configs:\n      - targets: ["127.0.0.1:9464"]':
                f"file_sd_configs:\n      - files: [{json.dumps(str(self.folder / 'targets.json'))}]",
            **self.replace,
        }
        texts = {each: (GRAFANA / f"{each}.yml").read_text() for each in ("prometheus", "alertmanager")}
        for old, new in changes.items():
            if not any(old in text for text in texts.values()):
                raise RuntimeError(f"neither configuration in {GRAFANA} has the text: {old}")
            texts = {each: text.replace(old, new) for each, text in texts.items()}
        return texts[name]

    def _wait_until_ready(self, name, address, process):
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{address}/-/ready", timeout=10):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{name} did not start:\n{(self.folder / f'{name}.log').read_text()}")


def run_between(command, scraped):
    """Exit code of `command`, or 130 where a signal ended it all."""
    def stop(*_):
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # once is enough: what cleans up is not to be cut short
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        with Stack() as stack:
            stack.scrape(*scraped)
            print(f"Prometheus: {stack.prometheus}. Alertmanager: {stack.alertmanager}. Ctrl-C stops everything.",
                  flush=True)
            command = [part.replace("{folder}", str(stack.folder)) for part in command]
            process = subprocess.Popen(command, **CHILD)
            try:
                return process.wait()
            finally:
                stop_process(process)
    except KeyboardInterrupt:
        print("\nStopped; nothing is left behind.")
        return 130


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scrape", action="append", default=[], metavar="HOST:PORT", help="scrape this address")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    try:
        return run_between(options.command, options.scrape)
    except (RuntimeError, OSError) as error:
        print(f"alerting_stack: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
