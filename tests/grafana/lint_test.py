"""What a linter would say of the dashboards and rules, where it matters; and whether they ask for what is exported.

    python3 tests/grafana/lint_test.py
"""

import itertools
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "grafana"))

from generator import panels, rules  # noqa: E402
from generator.direction import (  # noqa: E402
    BLOCK_COLOURS, EVENT_COLOURS, EXPORTER_COLOURS, OUTCOME_COLOURS, PHASE_COLOURS)

DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "grafana/dashboards").glob("*.json")}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Prometheus' own.
ALERTS_LABELS = {"alertname", "alertstate", "severity"}
PROMETHEUS_NAMES = {"ALERTS", "scrape_duration_seconds", "scrape_samples_scraped"}
PROMETHEUS_LABELS = {"instance", "job", "le"} | ALERTS_LABELS
# Thresholds that no rule has: an alert is there or not, weights are finite or not.
SWITCH = 1


def source(*names):
    return "\n".join(path.read_text() for name in names for path in sorted(ROOT.glob(name)))


def exported():
    """Names and labels that the exporter's source has."""
    text = source("exporters/prometheus/*.cpp")
    names = set(re.findall(r'"((?:azimuth|process)_\w+)"', text))
    for histogram in re.findall(r'Histogram,\s*"(\w+)"', text):
        names |= {f"{histogram}_{part}" for part in ("bucket", "sum", "count")}
    labels = set(re.findall(r'\{\{?"(\w+)",', text)) | set(re.findall(r', "(\w+)"\);', text))
    return names, labels


def names_in(expr):
    """The series that an expression asks for: every word that is not a function, a keyword, a label or a string."""
    for hidden in (r'"[^"]*"', r"\{[^{}]*\}", r"\[[^\]]*\]",
                   r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)"):
        expr = re.sub(hidden, " ", expr)
    words = re.findall(r"[A-Za-z_:][\w:]*(?![\w:]|\s*\()", expr)
    return set(words) - {"and", "or", "unless", "bool", "by", "on"}


def labels_in(expr):
    by = re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)", expr)
    matched = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', expr))
    return {label.strip() for group in by for label in group.split(",") if label.strip()} | set(matched)


def panels_of(dashboard, *, rows=False):
    return [panel for panel in dashboard["panels"] if (panel["type"] == "row") == rows]


def every_panel():
    return [(f"{name}: {panel['title']}", panel) for name, dashboard in DASHBOARDS.items()
            for panel in panels_of(dashboard)]


def walk(value):
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from walk(child)


def threshold_values(panel):
    return {step["value"] for part in walk(panel) if isinstance(part, dict) and "steps" in part
            and isinstance(part["steps"], list) for step in part["steps"] if step["value"] is not None}


class Dashboards(unittest.TestCase):
    def test_there_are_three_that_ask_their_questions_in_order(self):
        questions = {name: [row["title"] for row in panels_of(dashboard, rows=True)]
                     for name, dashboard in DASHBOARDS.items()}
        self.assertEqual(questions, {
            "direction": ["Is it healthy?", "What happened?", "Where in the model?", "What does it cost?"],
            "fleet": ["Which run needs me?", "Which runs have drifted over the last day?",
                      "Which runs have gone silent, and which alerts are active?"],
            "itself": ["Does anything get lost?", "How long do snapshots take, and what do they cost?",
                       "How are the processes and their scrapes?"]})

    def test_every_panel_says_what_it_is_and_what_to_do(self):
        for where, panel in every_panel():
            with self.subTest(where):
                self.assertTrue(panel["title"])
                self.assertGreater(len(panel["description"].split()), 8)
                self.assertTrue(panel["fieldConfig"]["defaults"].get("unit"))

    def test_every_panel_survives_missing_data(self):
        for where, panel in every_panel():
            with self.subTest(where):
                self.assertTrue(panel["fieldConfig"]["defaults"].get("noValue"))
                self.assertTrue(panel["targets"])

    def test_the_data_source_is_a_variable(self):
        for name, dashboard in DASHBOARDS.items():
            with self.subTest(name):
                first = dashboard["templating"]["list"][0]
                self.assertEqual((first["name"], first["type"], first["query"]),
                                 ("datasource", "datasource", "prometheus"))
                for part in walk(dashboard):
                    if isinstance(part, dict) and "expr" in part:
                        self.assertEqual(part["datasource"], DATASOURCE)
                for variable in dashboard["templating"]["list"][1:]:
                    self.assertEqual(variable["datasource"], DATASOURCE)
        for where, panel in every_panel():
            self.assertEqual(panel["datasource"], DATASOURCE, where)

    def test_there_are_variables_for_run_and_block(self):
        names = [variable["name"] for variable in DASHBOARDS["direction"]["templating"]["list"]]
        self.assertEqual(names, ["datasource", "run", "block"])

    def test_rates_are_over_the_rate_interval(self):
        for where, panel in every_panel():
            for target in panel["targets"]:
                for function, window in re.findall(r"\b(i?rate|increase|i?delta|changes|resets)\([^\[]*\[([^\]]*)\]",
                                                   target["expr"]):
                    self.assertEqual(window, "$__rate_interval", f"{where}: {function}")

    def test_panels_lie_beside_each_other(self):
        for name, dashboard in DASHBOARDS.items():
            taken = set()
            for panel in dashboard["panels"]:
                at = panel["gridPos"]
                cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
                self.assertFalse(taken & cells, f"{name}: {panel['title']}")
                self.assertLessEqual(at["x"] + at["w"], 24, f"{name}: {panel['title']}")
                taken |= cells
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)), name)

    def test_thresholds_are_those_of_the_rules(self):
        known = {rules.DRIFT_DEGREES, rules.CHANGED_DEGREES, rules.HIGH_NORM_RATIO, rules.EMERGING_RATIO,
                 rules.OVERHEAD_FACTOR, rules.OVERHEAD_FACTOR * rules.DEFAULT_BUDGET, rules.STORE_BACKLOG,
                 rules.LEAST_SNAPSHOT_AGE, rules.WARNING_WORRY, rules.CRITICAL_WORRY, SWITCH,
                 *range(len(rules.STATES))}
        for where, panel in every_panel():
            self.assertTrue(panel["fieldConfig"]["defaults"]["thresholds"]["steps"], where)
            self.assertLessEqual(threshold_values(panel), known, where)

    def test_links_lead_to_dashboards_and_from_the_fleet_to_a_run(self):
        uids = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
        urls = {name: [part["url"] for part in walk(dashboard) if isinstance(part, dict) and "url" in part]
                for name, dashboard in DASHBOARDS.items()}
        for url in itertools.chain(*urls.values()):
            self.assertIn(re.match(r"/d/([\w-]+)", url)[1], uids)
        self.assertGreaterEqual(urls["fleet"].count("/d/azimuth-direction?var-run=${__value.text}"), 3)


class Names(unittest.TestCase):
    def expressions(self):
        for rule in rules.recording_rules():
            yield rule.name, rule.expr
        for rule in rules.alert_rules():
            yield rule.name, rule.expr
        for name, dashboard in DASHBOARDS.items():
            for part in walk(dashboard):
                if isinstance(part, dict) and "expr" in part:
                    yield f"{name}: {part.get('legendFormat') or part.get('name')}", part["expr"]
            for variable in dashboard["templating"]["list"][1:]:
                asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
                yield f"{name}: variable {variable['name']}", f"{asked[1]} and on ({asked[2]}) {asked[1]}"

    def test_every_query_is_promql(self):
        stands_for = {"$__rate_interval": "1m", "$run": "a", "$block": ".*"}
        rules_text = "groups:\n- name: queries\n  rules:\n"
        for i, (_, expr) in enumerate(self.expressions()):
            for variable, value in stands_for.items():
                expr = expr.replace(variable, value)
            self.assertNotIn("$", expr)
            rules_text += f"  - {{record: query{i}, expr: {json.dumps(expr)}}}\n"
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(rules_text)
            file.flush()
            checked = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_what_is_asked_for_is_exported(self):
        names, labels = exported()
        names |= PROMETHEUS_NAMES | {rule.name for rule in rules.recording_rules()}
        labels |= PROMETHEUS_LABELS
        for where, expr in self.expressions():
            with self.subTest(where):
                self.assertTrue(names_in(expr))
                self.assertLessEqual(names_in(expr), names)
                self.assertLessEqual(labels_in(expr), labels)

    def test_what_is_exported_of_azimuth_is_shown(self):
        asked = set().union(*(names_in(expr) for _, expr in self.expressions()))
        names, _ = exported()
        azimuth = {name for name in names if name.startswith("azimuth_")}
        unseen = {name for name in azimuth - asked if not any(other.startswith(f"{name}_") for other in asked)}
        self.assertFalse(unseen)

    def test_every_recording_rule_is_used(self):
        asked = set().union(*(names_in(expr) for _, expr in self.expressions()))
        self.assertLessEqual({rule.name for rule in rules.recording_rules()}, asked)

    def test_states_events_and_defaults_are_the_library_s(self):
        observation = source("monitor/directions/include/azimuth/observation.h")
        states = re.search(r"kStates = \{(.*?)\}", observation, re.S)[1]
        self.assertEqual(rules.STATES, tuple(re.findall(r"State::(\w+)", states)))
        self.assertEqual(rules.STATES, tuple(name for name, _ in panels.STATE_COLOURS))
        kinds = re.findall(r'string_view (\w+) = "\1"', observation)
        self.assertEqual({colour["matcher"]["options"] for colour in EVENT_COLOURS}, set(kinds))
        defaults = dict(re.findall(r"(\w+) = ([\d.]+);",
                                   source("monitor/directions/include/azimuth/thresholds.h", "monitor/run/include/azimuth/monitor.h")))
        for name, value in {"drift_angle": rules.DRIFT_DEGREES, "changed_angle": rules.CHANGED_DEGREES,
                            "emerging_ratio": rules.EMERGING_RATIO, "high_norm_ratio": rules.HIGH_NORM_RATIO,
                            "max_overhead": rules.DEFAULT_BUDGET}.items():
            self.assertEqual(float(defaults[name]), value, name)


class Alerts(unittest.TestCase):
    def test_every_alert_says_what_somebody_needs(self):
        for rule in rules.alert_rules():
            with self.subTest(rule.name):
                self.assertIn(rule.severity, ("critical", "warning"))
                self.assertRegex(rule.wait, r"^\d+[smh]$")
                self.assertIn("{{ $labels.run }}", rule.summary)
                self.assertIn("{{ $labels.run }}", rule.description)
                self.assertIn("$value", rule.description)  # the figures

    def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert(self):
        sections = re.split(r"^## ", source("docs/runbook.md"), flags=re.M)[1:]
        by_anchor = {section.splitlines()[0].lower().replace(" ", "-"): section for section in sections}
        self.assertEqual(set(by_anchor), {rule.section for rule in rules.alert_rules()})
        for rule in rules.alert_rules():
            with self.subTest(rule.name):
                number, unit = int(rule.wait[:-1]), {"s": "second", "m": "minute"}[rule.wait[-1]]
                wait = f"after {number} {unit}{'s' * (number > 1)}" if number else "at once"
                for wanted in (f"`{rule.name}`, {rule.severity}, {wait}.", "**Means.**", "**Look at.**",
                               "**Usual causes.**", "**Do.**"):
                    self.assertIn(wanted, by_anchor[rule.section])

    def test_the_files_name_the_runbook(self):
        text = source("grafana/alerts/azimuth.rules.yml")
        for rule in rules.alert_rules():
            self.assertIn(f'runbook_url: "docs/runbook.md#{rule.section}"', text)

    def test_an_alert_asks_for_no_recording_rule(self):
        # Grafana's own alerting works without Prometheus' rule file.
        recorded = {rule.name for rule in rules.recording_rules()}
        for rule in rules.alert_rules():
            self.assertFalse(names_in(rule.expr) & recorded, rule.name)

    def test_every_alert_is_tested_to_fire_not_to_fire_and_to_resolve(self):
        # Per test of promtool, what is expected of an alert at one time after the other: True where it fires.
        found = {rule.name: set() for rule in rules.alert_rules()}
        for test in re.split(r"^  - name:", source("tests/grafana/rules/*_test.yml"), flags=re.M):
            courses = {}
            for name, expected in re.findall(
                    r"alertname: (Azimuth\w+),?\s+eval_time: \w+,?\s+exp_alerts: ?(\[\]|\*\w+|&\w+|\n)", test):
                courses.setdefault(name, []).append(expected != "[]")
            for name, course in courses.items():
                found[name].add("".join("F" if fires else "-" for fires in course))
        for name, courses in found.items():
            with self.subTest(name):
                self.assertTrue(any(re.search("-F+-", course) for course in courses), "waits, fires and resolves")
                self.assertTrue(any("F" not in course for course in courses), "does not fire")


MACHADO = {  # linear RGB as people without red, green or blue cones see it (Machado and others, 2009, severity 1)
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
IDENTITY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def lab(colour, eyes):
    """CIE L*a*b* of a colour #rrggbb, as seen by `eyes`."""
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    seen = [min(max(c, 0), 1) for c in times(eyes, linear)]
    x, y, z = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
               for t in (value / white for value, white in zip(times(XYZ, seen), WHITE))]
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


class Colours(unittest.TestCase):
    def test_colours_that_stand_side_by_side_can_be_told_apart(self):
        def fixed(overrides):
            return [next(p["value"]["fixedColor"] for p in o["properties"] if p["id"] == "color") for o in overrides]

        together = {"states": [colour for _, colour in panels.STATE_COLOURS], "events": fixed(EVENT_COLOURS),
                    "exporters": fixed(EXPORTER_COLOURS), "outcomes": fixed(OUTCOME_COLOURS),
                    "phases": fixed(PHASE_COLOURS), "blocks": fixed(BLOCK_COLOURS)}
        for what, colours in together.items():
            for name, eyes in {"all cones": IDENTITY, **MACHADO}.items():
                for one, other in itertools.combinations(colours, 2):
                    distance = sum((a - b) ** 2 for a, b in zip(lab(one, eyes), lab(other, eyes))) ** 0.5
                    self.assertGreater(distance, 10, f"{what}: {one} and {other}, {name}")

    def test_no_panel_uses_a_palette_of_grafana_s_that_is_red_and_green(self):
        for where, panel in every_panel():
            mode = panel["fieldConfig"]["defaults"]["color"]["mode"]
            self.assertIn(mode, ("thresholds", "shades", "continuous-BlYlRd"), where)


if __name__ == "__main__":
    unittest.main()
