"""Every query of the dashboards, as Grafana would send it to Prometheus for one run."""

import json
from dataclasses import dataclass

MINUTES = 5
STEP = 5  # seconds


@dataclass(frozen=True)
class PanelQuery:
    dashboard: str
    kind: str
    title: str
    expr: str
    instant: bool

    @property
    def panel(self):
        return self.dashboard, self.kind, self.title

    def at(self, now):
        """Parameters of the query for the last minutes; none for an instant query."""
        return {} if self.instant else {"start": now - MINUTES * 60, "end": now, "step": STEP}


def panel_queries(folder, *, run, scrape_interval):
    """Of panels, annotations and variables."""
    # Grafana's own rule for the rate interval: enough for four scrapes.
    variables = {"$__rate_interval": f"{max(STEP + scrape_interval, 4 * scrape_interval)}s",
                 "$__interval": f"{STEP}s", "$__range": f"{MINUTES}m", "$run": run, "$block": ".*"}

    def filled(expr):
        for name, value in variables.items():
            expr = expr.replace(name, value)
        if "$" in expr:
            raise AssertionError(f"no value for a variable in: {expr}")
        return expr

    for file in sorted(folder.glob("*.json")):
        dashboard = json.loads(file.read_text())
        uid = dashboard["uid"]
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield PanelQuery(uid, panel["type"], panel["title"], filled(target["expr"]), target["instant"])
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                yield PanelQuery(uid, "annotation", annotation["name"], filled(annotation["expr"]), False)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield PanelQuery(uid, "variable", variable["name"], filled(series_of(variable["definition"])), True)


def series_of(definition):
    """label_values(SERIES, label): the series."""
    return definition.removeprefix("label_values(").rpartition(",")[0]
