"""Prints what TensorBoard reads of a folder of event files: by run and tag, wall time, step and value.

    python3 read_event_files.py FOLDER
"""

import json
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).parents[3] / "scripts/environment"
sys.path.insert(0, subprocess.check_output(
    ["bash", "-c", f'. "{ENVIRONMENT}" && echo "$AZIMUTH_TENSORBOARD"'], text=True).strip())

from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

multiplexer = EventMultiplexer(size_guidance={"scalars": 0, "tensors": 0}).AddRunsFromDirectory(sys.argv[1]).Reload()
print(json.dumps({run: {tag: [(e.wall_time, e.step, float(e.value)) for e in multiplexer.Scalars(run, tag)]
                        for tag in tags["scalars"]}
                  for run, tags in multiplexer.Runs().items()}))
