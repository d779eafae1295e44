#!/usr/bin/env python3
"""Writes the dashboards, the rules for Prometheus, and the same alert rules for Grafana, from grafana/generator.

    grafana/generate.py                  writes them into this folder
    grafana/generate.py --check          says which of the files here are not what it would write
    grafana/generate.py --runbook https://example.org/azimuth/runbook
                                         where the alerts' runbook_url points, if not into the repository
"""

import argparse
import json
import sys
from pathlib import Path

from generator.direction import direction
from generator.durations import Durations
from generator.fleet import fleet
from generator.grafana_rules import grafana_rules
from generator.itself import itself
from generator.prometheus_rules import prometheus_rules
from generator.yaml_text import yaml_text

HERE = Path(__file__).parent
COMMENT = "Written by grafana/generate.py: change grafana/generator and run it again."


def json_text(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def generated_files(scale=1, runbook="docs/runbook.md"):
    """Text by path. `scale` divides all durations of the rules."""
    durations = Durations(scale)
    dashboards = {"direction": direction(), "fleet": fleet(), "itself": itself()}
    return {
        "alerts/azimuth.rules.yml": yaml_text(prometheus_rules(durations, runbook), COMMENT),
        "provisioning/alerting/azimuth.yml": yaml_text(grafana_rules(durations, runbook), COMMENT),
        **{f"dashboards/{name}.json": json_text(content) for name, content in dashboards.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into")
    parser.add_argument("--runbook", default="docs/runbook.md", help="address of the runbook")
    parser.add_argument("--scale", type=float, default=1, help="divide all durations of the rules, for tests")
    options = parser.parse_args()

    different = 0
    for name, text in generated_files(options.scale, options.runbook).items():
        path = options.out / name
        if options.check:
            if not path.exists() or path.read_text() != text:
                print(f"{path}: not what grafana/generate.py writes")
                different = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return different


if __name__ == "__main__":
    sys.exit(main())
