"""The dashboard of Azimuth itself."""

from . import panels as p
from .dashboard import dashboard, label_variable
from .direction import EXPORTER_COLOURS, OUTCOME_COLOURS, PHASE_COLOURS
from .rules import OVERHEAD_FACTOR, STORE_BACKLOG

RUNS = '{run=~"$run"}'
BY_VALUE = {"mode": "continuous-BlYlRd", "seriesBy": "last"}


def rate(metric, by):
    return f"sum by ({by}) (rate({metric}{RUNS}[$__rate_interval]))"


def losses():
    return "Does anything get lost?", [
        p.lines("Failures of exporters", "Attempts of exporters to open a port or file, or to take a record, that "
                "failed. They try again by themselves; a rate that stays asks for a look at the run's log.",
                [p.target(rate("azimuth_export_failures_total", "exporter"), "{{exporter}}")], unit="ops", minimum=0,
                axis_to=1, width=8, overrides=EXPORTER_COLOURS),
        p.lines("Dropped records", "Records that an exporter never got. The history store never drops. Any other that "
                "does is too slow, or hangs.",
                [p.target(rate("azimuth_exports_dropped_total", "exporter"), "{{exporter}}")], unit="ops", minimum=0,
                axis_to=1, width=8, overrides=EXPORTER_COLOURS),
        p.lines("Longest queues", f"The longest queue of each kind of exporter. The store's should stay below "
                f"{STORE_BACKLOG}: when it is full, snapshots are skipped.",
                [p.target(f"max by (exporter) (azimuth_export_queue_length{RUNS})", "{{exporter}}")], unit="short",
                minimum=0, axis_to=STORE_BACKLOG, width=8, limits=True, thresholds=p.steps((STORE_BACKLOG, p.VERMILION)),
                overrides=EXPORTER_COLOURS),
        p.lines("The history store's queue by run", "Records that wait to be committed, by run: which run's disk is "
                "slow, full or gone. What waits is lost if the process is killed.",
                [p.target(f'max by (run) (azimuth_export_queue_length{{run=~"$run", exporter="store"}})', "{{run}}")],
                unit="short", minimum=0, axis_to=STORE_BACKLOG, width=12, color=BY_VALUE, no_value="no run has a store", limits=True,
                thresholds=p.steps((STORE_BACKLOG, p.VERMILION))),
        p.lines("Failures of callbacks", "Exceptions that training programs' own callbacks for events have thrown. "
                "They are caught, and logged once.",
                [p.target(rate("azimuth_callback_failures_total", "run"), "{{run}}")], unit="ops", minimum=0,
                width=12, color=BY_VALUE),
        p.lines("Snapshots", "What became of snapshots, a second, over all runs. Many skipped: analysis does not keep "
                "pace with the interval that was asked for.",
                [p.target(rate("azimuth_snapshots_total", "outcome"), "{{outcome}}")], unit="ops", minimum=0, width=12,
                overrides=OUTCOME_COLOURS),
    ]


def times():
    seconds = f"histogram_quantile(0.95, {rate('azimuth_snapshot_duration_seconds_bucket', 'le, phase')})"
    return "How long do snapshots take, and what do they cost?", [
        p.lines("Snapshot time, 95th percentile", "The time that 19 in 20 snapshots stay below: for which training "
                "stood still, and for which the analysis ran. Gaps are moments without a snapshot.",
                [p.target(seconds, "{{phase}}")], unit="s", minimum=0, width=8,
                overrides=PHASE_COLOURS),
        p.lines("Training held up", "Seconds of the training thread that watching takes, a second, by run. It should "
                "lie well below the run's budget; if not, make snapshot_interval longer.",
                [p.target(rate("azimuth_training_thread_seconds_total", "run"), "{{run}}")], unit="percentunit",
                minimum=0, width=8, color=BY_VALUE),
        p.lines("Analysis", "CPU seconds of the analysis, a second, by run: 100% is one core. It yields to training; "
                "if it disturbs all the same, lower max_overhead.",
                [p.target(rate("azimuth_analysis_cpu_seconds_total", "run"), "{{run}}")], unit="percentunit",
                minimum=0, width=8, color=BY_VALUE),
        p.lines("Share of the budget", "What each run has cost since it began, as a share of what it may cost. Above "
                f"{OVERHEAD_FACTOR:.0%} an alert is raised.",
                [p.target(f"max by (run) (azimuth_overhead_ratio{RUNS} / azimuth_overhead_budget_ratio{RUNS})",
                          "{{run}}")], unit="percentunit", minimum=0, width=12, color=BY_VALUE, limits=True,
                thresholds=p.steps((OVERHEAD_FACTOR, p.ORANGE))),
        p.lines("Interval between snapshots", "Time between the last two snapshots, by run. It is long where the model "
                "is large or the budget small: raise max_overhead for more of them.",
                [p.target(f"max by (run) (azimuth_snapshot_interval_seconds{RUNS})", "{{run}}")], unit="s", minimum=0,
                width=12, color=BY_VALUE),
    ]


def processes():
    def scraped(metric):
        return f"max by (run) ({metric} * on (instance, job) group_right () azimuth_build_info{RUNS})"

    return "How are the processes and their scrapes?", [
        p.lines("Resident memory", "Memory of each training process as a whole, Azimuth's copy of the weights among "
                "it. A steady rise is a leak: compare with a run that is not watched.",
                [p.target(f"max by (run) (process_resident_memory_bytes{RUNS})", "{{run}}")], unit="bytes", minimum=0,
                width=8, color=BY_VALUE),
        p.lines("CPU", "Cores that each training process uses, in all. Below what training had alone, the machine is "
                "shared or training waits for data.",
                [p.target(rate("process_cpu_seconds_total", "run"), "{{run}}")], unit="short", minimum=0, width=8,
                color=BY_VALUE),
        p.lines("Open files", "File descriptors in use, as a share of what the process may open. Near 100% the store "
                "and the ports fail first.",
                [p.target(f"max by (run) (process_open_fds{RUNS} / process_max_fds{RUNS})", "{{run}}")],
                unit="percentunit", minimum=0, width=8, color=BY_VALUE),
        p.lines("Time of a scrape", "Time that Prometheus waited for each run's metrics. Above a second the machine is "
                "overloaded.", [p.target(scraped("scrape_duration_seconds"), "{{run}}")], unit="s", minimum=0, width=8,
                color=BY_VALUE),
        p.lines("Samples of a scrape", "Series that each run exports: a fixed number and about six a block of the "
                "model.", [p.target(scraped("scrape_samples_scraped"), "{{run}}")], unit="short", minimum=0, width=8,
                color=BY_VALUE),
        p.table("Versions", "Which version of Azimuth, and of its schema, each run uses. More than one version is "
                "fine; a run without one is not a run of Azimuth.",
                [("Runs", f"count by (run, version, schema_version) (azimuth_build_info{RUNS})", {})],
                key="run", sort_by="Run", descending=False, width=8, height=8),
    ]


def itself():
    run = label_variable("run", "Run", "label_values(azimuth_run_ended, run)", several=True)
    return dashboard("azimuth-itself", "Azimuth's own health: exporters, queues, what is dropped, the store, snapshot "
                     "times, processes.", [losses(), times(), processes()], variables=[run])
