"""The recording and alert rules: the one source of the files for Prometheus and for Grafana's own alerting.

An alert uses the metrics as they are exported, no recording rule, so that Grafana can evaluate it without Prometheus'
rule file. What an alert means to the person who gets it stands in docs/runbook.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from .durations import Durations

# The thresholds that dashboards draw too. Angles are in degrees; those of the states are the library's defaults.
STABLE_DEGREES = 2
DRIFT_DEGREES = 5
CHANGED_DEGREES = 30
HIGH_NORM_RATIO = 10
EMERGING_RATIO = 2
COLLAPSED_SHARE = 0.2
OVERHEAD_FACTOR = 1.2
DEFAULT_BUDGET = 0.01
STORE_BACKLOG = 8
WARNING_WORRY, CRITICAL_WORRY = 10, 100
LEAST_SNAPSHOT_AGE = 600
FIRST_SNAPSHOT_AGE = 3600

def state_words():
    """What each state means and what to do: the table of docs/states.md, which a test holds to the library's."""
    text = (Path(__file__).parents[2] / "docs/states.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {state: f"{meaning} {advice}" for state, meaning, advice in rows if state in STATES}


STATES = ("absent", "emerging", "settling", "stable", "drifting", "changed", "nonfinite")


@dataclass(frozen=True)
class RecordingRule:
    name: str
    expr: str


@dataclass(frozen=True)
class AlertRule:
    name: str
    severity: str
    wait: str  # for how long the condition must hold: the field `for`
    expr: str
    summary: str
    description: str
    section: str  # of docs/runbook.md


def recording_rules(durations=Durations()):
    day = durations("1d")
    codes = "\n  or ".join(
        f'azimuth_direction_state{{state="{state}"}} * {code}' for code, state in enumerate(STATES)
    )
    all_runs = f"max by (run) (last_over_time(azimuth_run_ended[{day}])) * 0"
    firing = 'count by (run) (ALERTS{{alertname=~"Azimuth.+", alertstate="firing", severity="{}"}})'.format
    return [
        RecordingRule(
            "azimuth:direction_angle_above_noise_degrees",
            "clamp_min(azimuth_direction_angle_degrees - azimuth_direction_noise_floor_degrees, 0)\n"
            "or azimuth_direction_angle_degrees",
        ),
        RecordingRule("azimuth:direction_state:code", f"sum without (state) (\n  {codes}\n)"),
        RecordingRule(
            "azimuth:snapshot_age_seconds",
            "time() - (azimuth_last_snapshot_timestamp_seconds or process_start_time_seconds) and azimuth_run_ended",
        ),
        # Sorts the fleet: a critical alert outweighs all warnings, a warning every angle.
        RecordingRule(
            "azimuth:run_worry",
            f"{CRITICAL_WORRY} * ({firing('critical')} or {all_runs})\n"
            f"+ {WARNING_WORRY} * ({firing('warning')} or {all_runs})\n"
            f'+ (max by (run) (azimuth:direction_angle_above_noise_degrees{{reference="base"}}) / 90 or {all_runs})',
        ),
    ]


def latest(metric, hold):
    """The metric by run, and for a while after the process has gone what it was last: a run that is ended because of
    what an alert is about must not take the alert with it."""
    return f"(max by (run) ({metric}) or max by (run) (last_over_time({metric}[{hold}])))"


def in_state(states):
    return f'max by (run) (azimuth_direction_state{{state=~"{states}"}}) == 1'


def was_in_state(states, window):
    return f'max by (run) (max_over_time(azimuth_direction_state{{state=~"{states}"}}[{window}])) == 1'


def ever_lost(window):
    """Whether the tracker saw a direction go. Not so where a run of that name begins anew, without its history: it is
    absent or settling at first, as every young run is."""
    return f'max by (run) (max_over_time(azimuth_events_total{{kind="direction_lost"}}[{window}])) > 0'


def growth(counter, window):
    """In how many of the samples of `window` the counter had grown. A restart, which sets it to 0, is not growth."""
    return f"changes({counter}[{window}]) - resets({counter}[{window}])"


def base_angle():
    angle = 'azimuth_direction_angle_degrees{reference="base"}'
    floor = 'azimuth_direction_noise_floor_degrees{reference="base"}'
    return f"max by (run) ({angle} - {floor} or {angle})"


def turned_from(hold):
    angle = "max by (run, reference) (last_over_time(azimuth_direction_angle_degrees{{reference=\"{}\"}}[{}]))".format
    return f"({angle('base', hold)} or on (run) {angle('previous', hold)})"


def run_silent(day):
    """Runs that have gone silent: no process serves them, and the one that took their newest snapshot did not end as it
    should."""
    seen = f"last_over_time(azimuth_last_snapshot_timestamp_seconds[{day}])"
    ended = f"last_over_time(azimuth_run_ended[{day}])"
    return (
        f"time() - (\n"
        f"  max by (run) ({seen})\n"
        f"  > max by (run) ({seen} * {ended})\n"
        f")\n"
        f"unless on (run) azimuth_run_ended"
    )


def alert_rules(durations=Durations()):
    day, hour, hold = durations("1d"), durations("1h"), durations("15m")
    ratio = "max by (run) (azimuth_direction_norm_ratio)"
    age = "time() - azimuth_last_snapshot_timestamp_seconds"
    changed = latest('azimuth_direction_state{state="changed"}', hold)
    # A burst of failures, such as a port that is taken for a moment, counts once or twice, however often it is scraped:
    # counters are read every five minutes.
    spells = f"{hour}:{durations('5m')}"
    backlog = 'azimuth_export_queue_length{exporter="store"}'
    return [
        AlertRule(
            name="AzimuthNonfiniteWeights",
            severity="critical",
            wait="0s",  # NaN does not go away, and nothing is near it
            expr=f"{latest('azimuth_training_step', hold)}\n"
            f"and on (run) {latest('azimuth_nonfinite_weights', hold)} == 1",
            summary="Weights of {{ $labels.run }} are NaN or infinite",
            description="The newest snapshot of run {{ $labels.run }} has weights that are not finite. "
            'Training is at step {{ printf "%.0f" $value }}; every step from here on is lost.',
            section="nonfinite-weights",
        ),
        AlertRule(
            name="AzimuthSignatureChanged",
            severity="critical",
            wait=durations("5m"),
            expr=f"{turned_from(hold)}\n"
            f"and on (run) {changed} == 1",
            summary="The signature of {{ $labels.run }} has changed",
            description="The high-norm direction of run {{ $labels.run }} is in state changed: it points elsewhere, "
            '{{ printf "%.1f" $value }} degrees from {{ $labels.reference }}.',
            section="signature-changed",
        ),
        AlertRule(
            name="AzimuthDirectionLost",
            severity="critical",
            wait=durations("5m"),
            expr=f"{ratio}\n"
            f"  < {COLLAPSED_SHARE} * max by (run) (quantile_over_time(0.5, azimuth_direction_norm_ratio[{day}]))\n"
            f"  and on (run) {in_state('stable|drifting|changed')}\n"
            f"or {ratio}\n"
            f"  and on (run) {in_state('absent|emerging')}\n"
            f"  and on (run) {was_in_state('stable|drifting|changed', day)}\n"
            f"  and on (run) {ever_lost(day)}",
            summary="The high-norm direction of {{ $labels.run }} is lost",
            description="The largest norm ratio of run {{ $labels.run }} has collapsed to "
            '{{ printf "%.1f" $value }}: below a fifth of its median over the last day, or no token is high-norm '
            "any more.",
            section="direction-lost",
        ),
        AlertRule(
            name="AzimuthDirectionCameUp",
            severity="warning",
            wait=durations("5m"),
            # Of a base without a direction alone: in a young model one is expected to come up.
            expr=f"{ratio}\n"
            f"and on (run) {in_state('settling|stable|drifting|changed')}\n"
            f"and on (run) max by (run) (azimuth_direction_base_absent) == 1",
            summary="A high-norm direction has come up in {{ $labels.run }}",
            description="The base of run {{ $labels.run }} has no high-norm direction, and the run has one: hidden "
            'states are up to {{ printf "%.1f" $value }} times as long as ordinary ones.',
            section="direction-came-up",
        ),
        AlertRule(
            name="AzimuthDriftingFromBase",
            severity="warning",
            wait=durations("15m"),
            expr=f"{base_angle()} > {DRIFT_DEGREES}",
            summary="{{ $labels.run }} is drifting from its base",
            description="The high-norm direction of run {{ $labels.run }} has turned from that of its base by "
            '{{ printf "%.1f" $value }} degrees more than the noise floor; '
            f"the threshold is {DRIFT_DEGREES} degrees.",
            section="drifting-from-base",
        ),
        AlertRule(
            name="AzimuthNoLongerStable",
            severity="warning",
            wait=durations("10m"),
            expr=f'max by (run) (max_over_time(azimuth_direction_angle_degrees{{reference="previous"}}[{hour}]))\n'
            f"and on (run) ({in_state('drifting')} or {in_state('settling')} and on (run) {ever_lost(day)})\n"
            f"and on (run) {was_in_state('stable', day)}",
            summary="The direction of {{ $labels.run }} was stable and is not",
            description="The high-norm direction of run {{ $labels.run }} was stable within the last day and is now "
            "settling or drifting. Within the last hour it turned by up to "
            '{{ printf "%.2f" $value }} degrees from one snapshot to the next.',
            section="no-longer-stable",
        ),
        AlertRule(
            name="AzimuthRunSilent",
            severity="critical",
            wait=durations("10m"),
            expr=run_silent(day),
            summary="{{ $labels.run }} has gone silent",
            description="Run {{ $labels.run }} is not scraped any more and did not say that it ended. "
            "Its last snapshot was taken {{ humanizeDuration $value }} ago.",
            section="run-silent",
        ),
        AlertRule(
            name="AzimuthNoSnapshots",
            severity="warning",
            wait=durations("1m"),
            # The interval adapts: five times the longest of the last hour. Before there is one, an hour.
            expr=f"(\n"
            f"  {age} > clamp_min(5 * max_over_time(azimuth_snapshot_interval_seconds[{hour}]), "
            f"{durations.seconds(LEAST_SNAPSHOT_AGE)})\n"
            f"  or time() - (azimuth_last_snapshot_timestamp_seconds or process_start_time_seconds) > "
            f"{durations.seconds(FIRST_SNAPSHOT_AGE)}\n"
            f"    unless azimuth_snapshot_interval_seconds\n"
            f")\n"
            f"and azimuth_run_ended == 0",
            summary="No snapshot of {{ $labels.run }} for too long",
            description="Run {{ $labels.run }} answers, but its last snapshot was taken "
            "{{ humanizeDuration $value }} ago: more than five times its interval, or an hour without a second one.",
            section="no-snapshots",
        ),
        AlertRule(
            name="AzimuthSnapshotsFailing",
            severity="warning",
            wait=durations("1m"),
            # Two hours, as only a snapshot can fail and they may be most of an hour apart.
            expr=growth('azimuth_snapshots_total{outcome="failed"}', f"{durations('2h')}:{durations('5m')}") + " >= 3",
            summary="Snapshots of {{ $labels.run }} fail",
            description="Snapshots of run {{ $labels.run }} failed in {{ printf \"%.0f\" $value }} of the five-minute "
            "spans of the last two hours. What the dashboards show may be old.",
            section="snapshots-failing",
        ),
        AlertRule(
            name="AzimuthOverheadOverBudget",
            severity="warning",
            wait=durations("15m"),
            expr=f"azimuth_overhead_ratio > {OVERHEAD_FACTOR} * azimuth_overhead_budget_ratio\n"
            f"and azimuth_run_ended == 0",
            summary="Watching {{ $labels.run }} costs more than it may",
            description="Azimuth has used {{ humanizePercentage $value }} of the machine since run {{ $labels.run }} "
            f"began: more than {OVERHEAD_FACTOR} times its budget.",
            section="overhead-over-budget",
        ),
        AlertRule(
            name="AzimuthExporterFailing",
            severity="warning",
            wait=durations("5m"),
            expr=growth('azimuth_export_failures_total{exporter!="store"}', spells) + " >= 3\n"
            "or " + growth('azimuth_exports_dropped_total{exporter!="store"}', spells) + " >= 3",
            summary="The exporter {{ $labels.exporter }} of {{ $labels.run }} fails",
            description="The exporter {{ $labels.exporter }} of run {{ $labels.run }} failed or lost records in "
            '{{ printf "%.0f" $value }} of the five-minute spans of the last hour. Training is not affected.',
            section="exporter-failing",
        ),
        AlertRule(
            name="AzimuthStoreFailing",
            severity="critical",
            wait=durations("5m"),
            # It tries again every second, so two minutes without a failure mean that it works.
            expr=f'{backlog} and increase(azimuth_export_failures_total{{exporter="store"}}[{durations("2m")}]) > 0\n'
            f"or {backlog} >= {STORE_BACKLOG}",
            summary="The history of {{ $labels.run }} is not being written",
            description="The history store of run {{ $labels.run }} has failed, or lagged, for five minutes: "
            '{{ printf "%.0f" $value }} records wait in memory. When the queue is full, snapshots are skipped.',
            section="store-failing",
        ),
    ]
