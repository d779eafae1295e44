"""The dashboard of all runs."""

from . import panels as p
from .dashboard import dashboard
from .direction import AGE, DEGREES, NORM_RATIO, NUMBERS, STATES
from .rules import CRITICAL_WORRY, DEFAULT_BUDGET, DRIFT_DEGREES, OVERHEAD_FACTOR, WARNING_WORRY, alert_rules

BASE_ANGLE = 'azimuth_direction_angle_degrees{reference="base"}'
FIRING = 'ALERTS{{alertname=~"Azimuth.+", alertstate="firing", severity="{}"}}'.format
STATUS = p.value_names(("silent", p.VERMILION), ("live", p.SKY), ("ended", p.GREY))
TO_RUN = {"title": "Direction of ${__value.text}", "url": "/d/azimuth-direction?var-run=${__value.text}",
          "targetBlank": False}
BY_VALUE = {"mode": "continuous-BlYlRd", "seriesBy": "last"}  # blue, yellow, red: far runs stand out


def silent_expr():
    return next(rule.expr for rule in alert_rules() if rule.name == "AzimuthRunSilent")


def count(expr):
    return p.target(f"count({expr}) or vector(0)")


def worrying():
    status = "max by (run) (azimuth_run_ended + 1) or max by (run) (last_over_time(azimuth_run_ended[1d])) * 2"
    worry = p.steps((WARNING_WORRY, p.ORANGE), (CRITICAL_WORRY, p.VERMILION))
    return "Which run needs me?", [
        p.stat("Critical alerts", "Alerts that should wake somebody. Open the run at the top of the table, and the "
               "section of docs/runbook.md that the alert names.", [count(FIRING("critical"))], unit="none",
               thresholds=p.steps((1, p.VERMILION)), width=5),
        p.stat("Warnings", "Alerts that can wait until morning. They stand in the table at the bottom, each with its "
               "section of docs/runbook.md.", [count(FIRING("warning"))], unit="none",
               thresholds=p.steps((1, p.ORANGE)), width=5),
        p.stat("Live runs", "Runs that are scraped and have not ended. Fewer than you started: see the silent ones.",
               [count("azimuth_run_ended == 0")], unit="none", width=5),
        p.stat("Silent runs", "Runs of the last day that are not scraped any more and never said that they ended: "
               "crashed, killed, or out of reach. See the table at the bottom.", [count(silent_expr())], unit="none",
               thresholds=p.steps((1, p.VERMILION)), width=5),
        p.stat("Ended runs", "Runs of the last day that ended as they should. Nothing to do.",
               [count("max by (run) (last_over_time(azimuth_run_ended[1d])) == 1")], unit="none", width=4),
        p.table("Runs", f"A row for each run of the last day, the most worrying first: {CRITICAL_WORRY} for each critical "
                f"alert, {WARNING_WORRY} for each warning, and its angle to the base above noise, as a share of 90°. "
                "Click a run to see why.",
                [("Worry", "max by (run) (azimuth:run_worry)", p.column("none", decimals=1, thresholds=worry)),
                 ("Status", status, p.column("none", mappings=STATUS)),
                 ("State", "max by (run) (azimuth:direction_state:code)", p.column("none", mappings=STATES)),
                 ("Angle to base", f"max by (run) ({BASE_ANGLE})",
                  p.column("degree", decimals=2, thresholds=DEGREES)),
                 ("Norm ratio", "max by (run) (azimuth_direction_norm_ratio)",
                  p.column("none", decimals=1, thresholds=NORM_RATIO)),
                 ("Weights", "max by (run) (azimuth_nonfinite_weights)", p.column("none", mappings=NUMBERS)),
                 ("Step", "max by (run) (azimuth_training_step)", p.column("none", decimals=0)),
                 ("Loss", "max by (run) (azimuth_training_loss)", p.column("none", decimals=3)),
                 ("Last snapshot", "max by (run) (azimuth:snapshot_age_seconds)",
                  p.column("s", decimals=0, thresholds=AGE)),
                 ("Overhead", "max by (run) (azimuth_overhead_ratio)",
                  p.column("percentunit", decimals=2,
                           thresholds=p.steps((OVERHEAD_FACTOR * DEFAULT_BUDGET, p.ORANGE))))],
                key="run", sort_by="Worry", descending=True, height=11, no_value="-",
                overrides=[p.override("Run", links=[TO_RUN])]),
    ]


def drift():
    moved = f"max by (run) (max_over_time({BASE_ANGLE}[1d]) - min_over_time({BASE_ANGLE}[1d]))"
    return "Which runs have drifted over the last day?", [
        p.lines("Angle to base", "Angle of every run to its base; the further, the redder. Runs of one kind should lie "
                "close together: look at the one that leaves the bundle.",
                [p.target(f"max by (run) ({BASE_ANGLE})", "{{run}}")], unit="degree", color=BY_VALUE, limits=True,
                thresholds=DEGREES, minimum=0, maximum=None, height=9, no_value="no run has a base"),
        p.bars("Drift within the last day", "Largest less smallest angle to the base within 24 hours, the twenty that "
               f"moved most. Above {DRIFT_DEGREES}° in a day the learning rate deserves a look.",
               [p.target(f"sort_desc(topk(20, {moved}))", "{{run}}", instant=True)], unit="degree", decimals=2,
               thresholds=DEGREES, minimum=0, height=9, no_value="no run has a base"),
    ]


def silent():
    return "Which runs have gone silent, and which alerts are active?", [
        p.table("Silent runs", "Runs of the last day that stopped being scraped without having ended, and the time "
                "since their last snapshot. Is the process there? Was it preempted, and who starts it again? Empty is "
                "good.", [("Silent for", silent_expr(), p.column("s", decimals=0))],
                key="run", sort_by="Silent for", descending=True, width=10, height=8, no_value="none",
                overrides=[p.override("Run", links=[TO_RUN])]),
        p.table("Alerts", "All alerts that fire, or will unless it gets better. Empty is good.",
                [("Active", 'max by (alertname, alertstate, run, severity) (ALERTS{alertname=~"Azimuth.+"})', {})],
                key="alertname", sort_by="severity", descending=False, width=14, height=8, no_value="none",
                overrides=[p.override("run", links=[TO_RUN])]),
    ]


def fleet():
    return dashboard("azimuth-fleet", "All runs: which of them needs somebody, which drift, which have gone silent.",
                     [worrying(), drift(), silent()], run=".*", span="24h")
