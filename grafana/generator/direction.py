"""The dashboard of one run."""

from . import panels as p
from .dashboard import dashboard, label_variable
from .rules import (CHANGED_DEGREES, DEFAULT_BUDGET, DRIFT_DEGREES, EMERGING_RATIO, HIGH_NORM_RATIO,
                    LEAST_SNAPSHOT_AGE, OVERHEAD_FACTOR, STABLE_DEGREES, STORE_BACKLOG, growth, state_words)

DEGREES = p.steps((DRIFT_DEGREES, p.ORANGE), (CHANGED_DEGREES, p.VERMILION))
REST = p.steps((STABLE_DEGREES, p.ORANGE))
STATES = p.value_names(*p.STATE_COLOURS)
STATE_STEPS = p.steps(*((code, colour) for code, (_, colour) in enumerate(p.STATE_COLOURS) if code), start=p.GREY)
NUMBERS = p.value_names(("finite", p.SKY), ("NaN or infinite", p.VERMILION))
# In the place of an angle.
BASE_ABSENT = [{"type": "value", "options": {"-1": {"text": "base has none", "color": p.GREY, "index": 0}}}]
NORM_RATIO = p.steps((EMERGING_RATIO, p.PURPLE), (HIGH_NORM_RATIO, p.SKY), start=p.GREY)
AGE = p.steps((LEAST_SNAPSHOT_AGE, p.ORANGE))
EVENT_COLOURS = p.coloured(
    state_changed=p.ORANGE, primary_stage_changed=p.YELLOW, restabilised=p.SKY, direction_lost=p.VERMILION,
    direction_came_up=p.BLACK,
    nonfinite_weights=p.PURPLE, finite_weights=p.GREY, unchanged_weights=p.BROWN, nonfinite_loss=p.VIOLET,
    run_resumed=p.BLUE, run_ended=p.GREEN)
EXPORTER_COLOURS = p.coloured(prometheus=p.ORANGE, grpc=p.SKY, store=p.VERMILION, console=p.GREY)
PHASE_COLOURS = p.coloured(training_thread=p.VERMILION, analysis=p.SKY)
OUTCOME_COLOURS = p.coloured(analysed=p.SKY, skipped=p.ORANGE, failed=p.VERMILION)
# Neighbouring blocks differ in their last digit.
BLOCK_COLOURS = [
    p.override_matching(f"/{digit}$/", color=p.fixed(colour))
    for digit, colour in enumerate((p.BLUE, p.ORANGE, p.SKY, p.VERMILION, p.GREEN, p.YELLOW, p.PURPLE, p.GREY,
                                    p.BROWN, p.VIOLET))
]


def of_run(metric, *matchers):
    return metric + "{" + ", ".join(('run="$run"', *matchers)) + "}"


def value(metric, *matchers):
    return f"max({of_run(metric, *matchers)})"


def by(label, metric, *matchers):
    return f"max by ({label}) ({of_run(metric, *matchers)})"


def in_blocks(metric):
    return by("block", metric, 'block=~"$block"')


def healthy():
    angle, floor = "azimuth_direction_angle_degrees", "azimuth_direction_noise_floor_degrees"
    previous, others = 'reference="previous"', 'reference!="previous"'
    return "Is it healthy?", [
        p.stat("State", "Where the high-norm direction stands.\n\n"
               + "\n".join(f"- **{state}**: {words}" for state, words in state_words().items()),
               [p.target(value("azimuth:direction_state:code"))], unit="none", mappings=STATES,
               thresholds=STATE_STEPS),
        p.stat("Angle to base", "How far the direction has turned from the model that this run started from. Above "
               f"{DRIFT_DEGREES}° the run drifts, above {CHANGED_DEGREES}° its signature has changed: compare the "
               "learning rate and the data with what was intended. Empty: the run has no base, or one of the two "
               "has no high-norm direction.",
               [p.target(f"""{value(angle, 'reference="base"')} or {value('azimuth_direction_base_absent')} * -1 < 0""")],
               unit="degree", decimals=2, thresholds=DEGREES, mappings=BASE_ABSENT, no_value="no base or no direction"),
        p.stat("Norm ratio", "How many times longer the longest hidden state is than an ordinary one. It grows while "
               "a direction emerges and then rests; where it collapses the direction is lost.",
               [p.target(value("azimuth_direction_norm_ratio"))], unit="none", decimals=1, thresholds=NORM_RATIO),
        p.stat("Weights", "Whether the newest snapshot's weights were all finite. If not, stop the run: nothing that "
               "follows is worth its time. Go back to the last checkpoint before.",
               [p.target(value("azimuth_nonfinite_weights"))], unit="none", mappings=NUMBERS,
               thresholds=p.steps((1, p.VERMILION))),
        p.stat("Last snapshot", "Time since the last snapshot of the weights. Snapshots adapt their interval to the "
               "budget; if this grows far beyond the interval (below, under cost) training hangs or snapshots fail.",
               [p.target(value("azimuth:snapshot_age_seconds"))], unit="s", decimals=0, thresholds=AGE),
        p.stat("Step", "The last optimizer step that training reported. If it stands still, training does.",
               [p.target(value("azimuth_training_step"))], unit="none", decimals=0),
        p.lines("Angle to base", "Angle between the direction and that of the base (and of other references, if the "
                "run has any), with what the method cannot resolve. An angle near its noise floor means nothing, one "
                f"below {DRIFT_DEGREES}° is no drift, one above {CHANGED_DEGREES}° is another model. A steady rise is a "
                "run that leaves its base: expected where much is learnt, not in a light fine-tuning.",
                [p.target(by("reference", angle, others), "{{reference}}"),
                 p.target(by("reference", floor, others), "noise floor, {{reference}}")],
                unit="degree", minimum=0, thresholds=DEGREES, limits=True,
                overrides=[*p.coloured(base=p.SKY), p.dashed("/^noise floor/")], no_value="no base or no direction"),
        p.lines("Angle to the previous snapshot", "How far the direction turned from one snapshot to the next. It "
                f"falls as a run settles: a direction that turns by no more than {STABLE_DEGREES}° over five snapshots is "
                "at rest. A jump is a sudden change: look at events and loss at the same moment.",
                [p.target(value(angle, previous), "turn"), p.target(value(floor, previous), "noise floor")],
                unit="degree", scale="log", minimum=0.001, decimals=3, thresholds=REST, limits=True,
                overrides=[*p.coloured(turn=p.SKY), p.dashed("/^noise floor/")], no_value="no direction"),
        p.lines("Norm ratio", f"The largest norm ratio over time. From {EMERGING_RATIO} on a direction emerges, from "
                f"{HIGH_NORM_RATIO} on tokens count as high-norm (the defaults). Falling to a fifth of its median "
                "raises an alert: look for a learning rate that is too high, or for layers that were replaced.",
                [p.target(value("azimuth_direction_norm_ratio"), "norm ratio")], unit="none", scale="log",
                thresholds=NORM_RATIO, limits=True, overrides=p.coloured(**{"norm ratio": p.SKY})),
        p.lines("Training loss", "The loss that training reported, to read the other panels against. Empty where the "
                "training loop reports none.",
                [p.target(value("azimuth_training_loss"), "loss")], unit="none",
                overrides=p.coloured(loss=p.SKY)),
    ]


def happened():
    return "What happened?", [
        p.timeline("State over time", "The state at every moment. Absent and emerging are a young model, or one that has no "
                   "high-norm direction and needs none, as with gated attention; settling, then stable, is the usual way; drifting or changed after stable asks for the events below. Nonfinite: "
                   "hidden states are NaN or infinite, stop the run.",
                   [p.target(value("azimuth:direction_state:code"), "state")], mappings=STATES, thresholds=STATE_STEPS),
        p.lines("Events", "What the run reported, counted where it happened: changes of state, a new primary stage, "
                "a lost direction, one that came up, weights or a loss that are not finite, weights that do not change, a run that "
                "went on after a crash, its end. They are "
                "drawn as annotations into all panels too.",
                [p.target(f"sum by (kind) ({growth(of_run('azimuth_events_total'), '$__rate_interval')})", "{{kind}}")],
                unit="short", bars=True, minimum=0, decimals=0, height=7, overrides=EVENT_COLOURS),
        p.table("Alerts", "Alerts of this run that fire (1), or will unless it gets better. Each has a section in "
                "docs/runbook.md. Empty is good.",
                [("Active", f'max by (alertname, alertstate, severity) ({of_run("ALERTS")})', {})],
                key="alertname", sort_by="severity", descending=False, width=12, height=7, no_value="none"),
    ]


def where():
    norm = "azimuth_block_norm"
    high = of_run(norm, 'path="high_norm"')
    initial = of_run(norm, 'path="initial_median"')
    return "Where in the model?", [
        p.heatmap("Norm by block", "Norm of the hidden states after each block over time: of high-norm tokens, or of "
                  "all initial tokens as long as none is. The bright band begins at an explosion block and ends at a "
                  "decay block. A band that moves or fades is a change of the model's mechanism.",
                  [p.target(f"max by (block) ({high} or ignoring (path) {initial})", "{{block}}")],
                  unit="none", axis="block"),
        p.table("Blocks now", "Each block's norms, what it adds along the direction (gain: -1 is a perfect decay) "
                "beside what its linear approximation predicts there (eigenvalue, at decay blocks only), and the angle "
                "between the block's singular direction and the real one. Gain and eigenvalue far apart: the linear "
                "picture does not hold in that block.",
                [("High norm", by("block", norm, 'path="high_norm"'), p.column("none", decimals=1)),
                 ("Reference norm", by("block", norm, 'path="reference"'), p.column("none", decimals=1)),
                 ("Gain", by("block", "azimuth_block_gain"), p.column("none", decimals=2)),
                 ("Eigenvalue", by("block", "azimuth_block_eigenvalue"), p.column("none", decimals=2)),
                 ("Singular angle", by("block", "azimuth_block_singular_angle_degrees"),
                  p.column("degree", decimals=1))],
                key="block", sort_by="Block", descending=False, numeric_key=True, width=16, height=16, no_value="-"),
        p.stat("Where the longest hidden state is", "The block and the token of the probe that the norm ratio is of. "
               "It is there with a direction and without one: in the state absent it says how near the model comes.",
               [p.target(value("azimuth_direction_peak_block"), "block"),
                p.target(value("azimuth_direction_peak_token_id"), "token id")],
               unit="none", decimals=0, width=8, height=4, no_value="no snapshot"),
        p.stat("Explosion and decay block", "The first block in which the norm jumps up, and the first in which it "
               "falls back. They stay where they are for the life of a model: a move means another mechanism.",
               [p.target(value("azimuth_explosion_block"), "explosion"),
                p.target(value("azimuth_decay_block"), "decay")],
               unit="none", decimals=0, width=8, height=4, no_value="no direction"),
        p.lines("How sharp the direction is", "Share of the high-norm hidden states that lies along the direction. "
                "Near 100% it is one line; where it falls, several directions compete.",
                [p.target(value("azimuth_direction_concentration"), "concentration")], unit="percentunit", width=8,
                height=4, maximum=1, overrides=p.coloured(concentration=p.SKY), no_value="no direction"),
        p.lines("Over how many coordinates it is spread", "The participation ratio: 1 is a single coordinate, the "
                "hidden size is all alike. Real models lie at 1 to 2. A rise is a direction that dissolves.",
                [p.target(value("azimuth_direction_participation_ratio"), "participation ratio")], unit="none",
                width=8, height=4, minimum=1, overrides=p.coloured(**{"participation ratio": p.SKY}),
                no_value="no direction"),
        p.lines("Gain by block", "What each block adds along the direction, relative to what it reads: large at an "
                "explosion, -1 at a perfect decay, near 0 between.",
                [p.target(in_blocks("azimuth_block_gain"), "block {{block}}")], unit="none", scale="symlog", width=8,
                legend="hidden", overrides=BLOCK_COLOURS, no_value="no direction"),
        p.lines("Eigenvalue by block", "The eigenvalue of a decay block's linear approximation that belongs to the "
                "direction. Below 0 it predicts a decay. Only decay blocks have one.",
                [p.target(in_blocks("azimuth_block_eigenvalue"), "block {{block}}")], unit="none", scale="symlog",
                width=8, overrides=BLOCK_COLOURS, no_value="no decay block"),
        p.lines("Singular direction by block", "Angle between the singular direction of a block, from its weights "
                "alone, and the direction of the hidden states after it. Small at explosion blocks: there the block "
                "itself makes the direction.",
                [p.target(in_blocks("azimuth_block_singular_angle_degrees"), "block {{block}}")], unit="degree",
                width=8, minimum=0, maximum=90, legend="hidden", overrides=BLOCK_COLOURS, no_value="no direction"),
    ]


def costs():
    duration = "azimuth_snapshot_duration_seconds"
    return "What does it cost?", [
        p.lines("Overhead against budget", "Share of the machine that watching has cost since the run began, and what "
                "it may cost. By default snapshots are spaced to stay below; a fixed interval is kept at any price: "
                "make it longer, or raise max_overhead to what is accepted.",
                [p.target(value("azimuth_overhead_ratio"), "overhead"),
                 p.target(value("azimuth_overhead_budget_ratio"), "budget")],
                unit="percentunit", minimum=0, width=8, limits=True,
                thresholds=p.steps((OVERHEAD_FACTOR * DEFAULT_BUDGET, p.ORANGE)),
                overrides=[*p.coloured(overhead=p.SKY), p.dashed("/^budget/")]),
        p.lines("Time of a snapshot", "Mean time since the run began for which a snapshot held the training thread, "
                "and for which its analysis ran beside it. The first counts as well, and is the longest. Analysis "
                "yields to training: where it takes long, the machine is busy.",
                [p.target(f"{by('phase', duration + '_sum')} / {by('phase', duration + '_count')}", "{{phase}}")],
                unit="s", minimum=0, width=8, overrides=PHASE_COLOURS),
        p.lines("Interval between snapshots", "Time between the last two snapshots, and time since the last one. The "
                "age should return to 0 about once an interval.",
                [p.target(value("azimuth_snapshot_interval_seconds"), "interval"),
                 p.target(value("azimuth:snapshot_age_seconds"), "age")],
                unit="s", minimum=0, width=8, thresholds=AGE,
                overrides=[*p.coloured(interval=p.ORANGE, age=p.SKY)]),
        p.lines("Snapshots", "What became of snapshots. Skipped: the last one was still being analysed, or the "
                "store's queue was full. Failed: see the log of the run, which names the reason once.",
                [p.target(f"sum by (outcome) (increase({of_run('azimuth_snapshots_total')}[$__rate_interval]))",
                          "{{outcome}}")], unit="short", bars=True, minimum=0, overrides=OUTCOME_COLOURS),
        p.lines("Queues", f"Records that wait for an exporter: 0 when all is well. {STORE_BACKLOG} in the store's "
                "raise an alert (is its disk full?); other exporters drop their oldest when theirs is full.",
                [p.target(by("exporter", "azimuth_export_queue_length"), "{{exporter}}")], unit="short", minimum=0,
                limits=True, thresholds=p.steps((STORE_BACKLOG, p.VERMILION)), overrides=EXPORTER_COLOURS),
    ]


def direction():
    variables = [
        label_variable("run", "Run", "label_values(azimuth_run_ended, run)"),
        label_variable("block", "Block", 'label_values(azimuth_block_norm{run="$run"}, block)', several=True,
                       numeric=True),
    ]
    return dashboard("azimuth-direction", "One run: is its high-norm direction well, what happened to it, where in the "
                     "model, and what watching it costs.", [healthy(), happened(), where(), costs()],
                     variables=variables)
