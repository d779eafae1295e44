#!/usr/bin/env python3
"""Real trainings, healthy and made to misbehave, scraped by a real Prometheus whose alerts go to a real Alertmanager,
which notifies a webhook. All durations of the rules are divided by 30. Nothing here waits for a time that a slow
machine might need more of: only for conditions, up to PATIENCE.

    WATCHED_RUN=build/release/bin/watched_run AZIMUTH_SMOLLM2="$(scripts/fetch_model)" \\
      python3 tests/grafana/end_to_end/end_to_end_test.py -v
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

from alerting_stack import Stack  # noqa: E402
from panel_queries import panel_queries  # noqa: E402

SCALE = 30
LONGEST_WAIT = 15 * 60 / SCALE  # of any rule, in seconds
PATIENCE = 600  # seconds for any condition
SCRAPE_EVERY = 2  # seconds
EVALUATE_EVERY = 1
BLOCKS = 30  # of SmolLM2-135M
FIXED_SERIES = 87  # of a run with two exporters and a base
TOO_HIGH_RATE = "1e-2"  # a hundred times the usual
LEFT_BASE = 5.1  # degrees; the rules say 5

# What each run raises.
EXPECTED = {
    "healthy": set(),
    "blended": {"AzimuthNoLongerStable", "AzimuthDriftingFromBase", "AzimuthSignatureChanged"},
    "rate-too-high": {"AzimuthDriftingFromBase"},  # and what the state says in which it comes to rest
    "cut": {"AzimuthDirectionLost"},
    "absent": {"AzimuthDirectionCameUp"},  # and nothing until one comes up
    "nan": {"AzimuthNonfiniteWeights"},
    "killed": {"AzimuthRunSilent"},
}
DRIFTING = {"AzimuthNoLongerStable", "AzimuthDriftingFromBase"}

# A training at too high a rate is chaos: another rounding, and it goes elsewhere. So it comes to rest as soon as it has
# left its base; which alert comes then depends on its state there, others may on the way, and Alertmanager holds
# warnings back where something critical came first.
RAISED_AT_REST = {
    "drifting": "AzimuthNoLongerStable",
    "changed": "AzimuthSignatureChanged",
    "emerging": "AzimuthDirectionLost",
}
MAY_COME_TOO = {"rate-too-high": set(RAISED_AT_REST.values())}
MAY_BE_HELD_BACK = {"rate-too-high": DRIFTING}
STEPS_AT_REST = 10  # after which the state is final; the tracker's window is 5

# The panels that are rightly empty while a single run is well, and why.
EMPTY_WHEN_WELL = {
    ("azimuth-direction", "table", "Alerts"): "no alert is active",
    ("azimuth-fleet", "table", "Silent runs"): "no run has gone silent",
    ("azimuth-fleet", "table", "Alerts"): "no alert is active",
    ("azimuth-direction", "annotation", "Events"): "nothing happened",
    ("azimuth-fleet", "annotation", "Events"): "nothing happened",
    ("azimuth-itself", "annotation", "Events"): "nothing happened",
}


def is_number(text):
    return text not in ("NaN", "+Inf", "-Inf")


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {PATIENCE} s still not: {what()}")
        time.sleep(0.5)
    return result


def get_json(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.load(answer)


def get_lines(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode().splitlines()


class Webhook:
    """Records which alerts fired, by run."""

    def __init__(self):
        self.fired = {}
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    if alert["status"] == "firing":
                        labels = alert["labels"]
                        recorder.fired.setdefault(labels["run"], set()).add(labels["alertname"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Run:
    """A training in a process of its own."""

    def __init__(self, name, folder, *more):
        self.name = name
        self.process = subprocess.Popen(
            [os.environ["WATCHED_RUN"], os.environ["AZIMUTH_SMOLLM2"], ROOT / "examples/data/opticks.ids", name,
             folder / f"{name}.azimuth", *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline().split()
        if not first:
            raise AssertionError(f"{name}: the training ended with {self.process.wait()}")
        self.address = f"127.0.0.1:{first[1]}"

    def metrics(self):
        return [line for line in get_lines(f"http://{self.address}/metrics") if not line.startswith("#")]

    def step(self):
        """The newest that it exports; what Prometheus has may be many steps old."""
        return next(float(line.rsplit(" ", 1)[1]) for line in self.metrics() if line.startswith("azimuth_training_step{"))

    def order(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self):
        """As it should; returns when the process has gone."""
        self.order("end")
        if self.process.wait(PATIENCE) != 0:
            raise AssertionError(f"{self.name}: the training failed")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Watched:
    """Everything that runs, and what came of it."""

    def __init__(self):
        self.runs, self.in_alertmanager, self.lock = [], {}, threading.Lock()
        self.expected = {run: set(alerts) for run, alerts in EXPECTED.items()}
        self.webhook = Webhook()
        self.rules = tempfile.TemporaryDirectory()
        receiver = f"- name: on-call\n    webhook_configs: [{{url: {json.dumps(self.webhook.address)}}}]"
        subprocess.run([sys.executable, "-B", ROOT / "grafana/generate.py", "--scale", str(SCALE),
                        "--out", self.rules.name], check=True)
        self.stack = Stack(
            rules=f"{self.rules.name}/alerts/azimuth.rules.yml", ports=(0, 0),
            replace={"scrape_interval: 5s": f"scrape_interval: {SCRAPE_EVERY}s",
                     "evaluation_interval: 5s": f"evaluation_interval: {EVALUATE_EVERY}s",
                     "group_wait: 30s": "group_wait: 1s", "group_interval: 1m": "group_interval: 1s",
                     "- name: on-call": receiver})
        self.stack.__enter__()
        print(f"Prometheus: {self.stack.prometheus}", file=sys.stderr, flush=True)

    def stop(self):
        for run in self.runs:
            if run.process.poll() is None:
                run.kill()
            run.process.stdin.close()
            run.process.stdout.close()
        self.stack.stop()
        self.webhook.stop()
        self.rules.cleanup()

    def start(self, name, *more, state="stable"):
        run = Run(name, self.stack.folder, *more)
        with self.lock:
            self.runs.append(run)
            self.stack.scrape(*(each.address for each in self.runs))
        wait_until(lambda: self.state(run) == state, lambda: f"{name} is seen to be {state}")
        return run

    def state(self, run):
        states = self.query(f'azimuth_direction_state{{run="{run.name}"}} == 1')
        return states[0]["metric"]["state"] if states else None

    def wait_for_steps(self, run, steps):
        """Until Prometheus sees it so many steps after the one where it is now."""
        last = run.step() + steps
        wait_until(lambda: self.value(f'azimuth_training_step{{run="{run.name}"}}') >= last,
                   lambda: f"{run.name} is seen at step {last}")

    def query(self, expr, **parameters):
        """The samples; parameters `start`, `end` and `step` make it a range query."""
        kind = "query_range" if parameters else "query"
        address = f"{self.stack.prometheus}/api/v1/{kind}?" + urllib.parse.urlencode({"query": expr, **parameters})
        try:
            return get_json(address)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from None

    def value(self, expr):
        result = self.query(expr)
        return float(result[0]["value"][1]) if result else -1

    def wait_for_alerts(self, run, expected=None):
        """Until they have reached Alertmanager and the webhook."""
        expected = self.expected[run] if expected is None else expected
        wait_until(lambda: self.collect(run) >= expected,
                   lambda: f"{run}: {expected} in Alertmanager, only {self.collect(run)}")
        notified = expected - MAY_BE_HELD_BACK.get(run, set())
        wait_until(lambda: self.webhook.fired.get(run, set()) >= notified,
                   lambda: f"{run}: {notified} at the webhook, only {self.webhook.fired.get(run, set())}")

    def wait_for_all_alerts(self, run):
        """Until any other that could come would have come as well."""
        self.wait_for_alerts(run)
        self.let_rules_be_evaluated()
        self.collect(run)

    def let_rules_be_evaluated(self):
        """By Prometheus' own count: as often as makes a condition of any rule fire."""
        def evaluations():
            return sum(float(line.rsplit(" ", 1)[1]) for line in get_lines(f"{self.stack.prometheus}/metrics")
                       if line.startswith("prometheus_rule_group_iterations_total{") and "azimuth-alerts" in line)

        enough = evaluations() + LONGEST_WAIT / EVALUATE_EVERY + 10
        wait_until(lambda: evaluations() >= enough, lambda: "the rules are evaluated")

    def collect(self, run):
        """Alerts of the run that Alertmanager has had up to now."""
        alerts = get_json(f"{self.stack.alertmanager}/api/v2/alerts")
        had = self.in_alertmanager.setdefault(run, set())
        had |= {alert["labels"]["alertname"] for alert in alerts if alert["labels"].get("run") == run}
        return had


def blended(watched):
    run = watched.start("blended")
    # In two stages: at first as far as a warning, which is not to depend on how fast the machine is.
    run.order("blend 0.2")
    watched.wait_for_alerts("blended", DRIFTING)
    run.order("blend 1")
    watched.wait_for_all_alerts("blended")
    run.end()


def rate_too_high(watched):
    run = watched.start("rate-too-high")

    # Step by step; between these steps the rate is 0 and weights rest.
    for _ in range(50):
        if watched.value('azimuth_direction_angle_degrees{run="rate-too-high", reference="base"}') > LEFT_BASE:
            break
        run.order(f"rate {TOO_HIGH_RATE} 1")
        watched.wait_for_steps(run, 4)  # two may be under way; the third is the one
    else:
        raise AssertionError(f"after 50 steps at {TOO_HIGH_RATE} still within {LEFT_BASE} degrees of the base")
    watched.wait_for_steps(run, STEPS_AT_REST)
    watched.expected["rate-too-high"].add(RAISED_AT_REST[watched.state(run)])
    watched.wait_for_all_alerts("rate-too-high")
    run.end()


def cut(watched):
    run = watched.start("cut")
    run.order("cut")
    watched.wait_for_all_alerts("cut")
    run.end()


def absent(watched):
    run = watched.start("absent", "absent", state="absent")
    watched.let_rules_be_evaluated()
    if raised := watched.collect("absent"):
        raise AssertionError(f"a run without a direction raises {raised} for what it is")
    run.order("restore")
    watched.wait_for_all_alerts("absent")
    run.end()


def nan(watched):
    run = watched.start("nan")
    run.order("nan")
    watched.wait_for_all_alerts("nan")
    run.end()


def killed(watched):
    run = watched.start("killed")
    run.kill()
    watched.wait_for_all_alerts("killed")


def stop_on_signal(number, _):
    """What was started is stopped, whatever the scenarios wait for."""
    watched.stop()
    os._exit(128 + number)


def setUpModule():
    global watched, answers, exported
    watched = Watched()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_on_signal)
    unittest.addModuleCleanup(watched.stop)
    healthy = watched.start("healthy")
    watched.wait_for_steps(healthy, 4)
    # While it is alone: every panel, and what a scrape holds.
    answers = [(query, watched.query(query.expr, **query.at(time.time()))) for query in panel_queries(
        ROOT / "grafana/dashboards", run="healthy", scrape_interval=SCRAPE_EVERY)]
    exported = healthy.metrics()
    # Two at a time beside the healthy one: a training of this model holds nearly three gigabytes.
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(scenario, watched) for scenario in (blended, rate_too_high, cut, absent, nan, killed)]:
            done.result()
    watched.collect("healthy")
    healthy.end()
    watched.wait_for_all_alerts("healthy")  # an end is not a crash


class Alerts(unittest.TestCase):
    maxDiff = None

    def test_each_run_raises_exactly_what_it_should(self):
        for run, expected in watched.expected.items():
            with self.subTest(run=run):
                may_come_too = MAY_COME_TOO.get(run, set()) - expected
                may_be_held_back = MAY_BE_HELD_BACK.get(run, set()) & expected
                self.assertEqual(watched.in_alertmanager[run] - may_come_too, expected)
                notified = watched.webhook.fired.get(run, set()) - may_come_too
                self.assertEqual(notified | may_be_held_back, expected)

    def test_nothing_else_is_heard_of(self):
        self.assertLessEqual(set(watched.webhook.fired), set(EXPECTED))


class Dashboards(unittest.TestCase):
    def test_every_query_returns_data_on_a_live_run(self):
        for query, result in answers:
            with self.subTest(panel=query.panel, expr=query.expr):
                if query.panel in EMPTY_WHEN_WELL:
                    self.assertFalse(result, "no longer empty: mend the list")
                else:
                    self.assertTrue(any(is_number(value) for series in result
                                        for _, value in series.get("values", [series.get("value")])))

    def test_the_list_of_empty_panels_names_panels(self):
        self.assertLessEqual(set(EMPTY_WHEN_WELL), {query.panel for query, _ in answers})


class Series(unittest.TestCase):
    """docs/grafana.md states the numbers."""

    def test_a_run_exports_so_many_series(self):
        of_blocks = [line for line in exported if 'block="' in line]
        of_norms = [line for line in of_blocks if line.startswith("azimuth_block_norm{")]
        self.assertEqual(len(exported) - len(of_blocks), FIXED_SERIES)
        self.assertEqual(len(of_norms), 3 * (BLOCKS + 1))
        # Gain, eigenvalue and singular angle: a series of each block that has one.
        self.assertLessEqual(len(of_blocks) - len(of_norms), 3 * BLOCKS)
        print(f"{len(exported)} series: {FIXED_SERIES}, and {len(of_blocks)} of {BLOCKS} blocks", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
