"""A dashboard: rows of panels below their questions, variables, annotations, links."""

from .panels import BLUE, DATASOURCE, ORANGE
from .rules import growth

PAGES = (("azimuth-fleet", "Azimuth: fleet"), ("azimuth-direction", "Azimuth: direction"),
         ("azimuth-itself", "Azimuth itself"))

DATASOURCE_VARIABLE = {
    "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1,
    "hide": 0, "regex": "", "multi": False, "includeAll": False,
}


def label_variable(name, label, query, *, several=False, numeric=False):
    """Values of a label. Of several, all are chosen at first."""
    variable = {
        "name": name, "label": label, "type": "query", "datasource": DATASOURCE, "refresh": 2, "hide": 0, "regex": "",
        "sort": 3 if numeric else 1, "multi": several, "includeAll": several, "definition": query,
        "query": {"query": query, "refId": "variable"},
    }
    if several:
        variable |= {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return variable


def events_of(run):
    """Events as annotations: wherever a counter of events has grown."""
    return {
        "name": "Events", "enable": True, "hide": False, "iconColor": ORANGE, "datasource": DATASOURCE,
        "expr": growth(f'azimuth_events_total{{run=~"{run}"}}', "$__rate_interval") + " > 0",
        "step": "15s", "titleFormat": "{{kind}}", "textFormat": "{{run}}", "tagKeys": "kind", "useValueForTime": False,
    }


BUILT_IN_ANNOTATIONS = {
    "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
    "iconColor": BLUE, "name": "Annotations & Alerts", "type": "dashboard",
}


def placed(rows):
    """Panels with their positions: each row under its question; each panel as high up, then as far left, as it fits."""
    panels, y = [], 0
    for question, members in rows:
        panels.append({"type": "row", "title": question, "collapsed": False, "panels": [], "id": len(panels) + 1,
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        bottoms = [y + 1] * 24  # of what is placed already, by column
        for member in members:
            size = member["gridPos"]
            width = size["w"]
            top, x = min((max(bottoms[x:x + width]), x) for x in range(25 - width))
            bottoms[x:x + width] = [top + size["h"]] * width
            panels.append({**member, "id": len(panels) + 1, "gridPos": {**size, "x": x, "y": top}})
        y = max(bottoms)
    return panels


def dashboard(uid, description, rows, *, variables=(), run="$run", span="6h"):
    links = [{"title": title, "type": "link", "url": f"/d/{page}", "icon": "dashboard", "tooltip": "", "tags": [],
              "asDropdown": False, "targetBlank": False, "includeVars": False, "keepTime": True}
             for page, title in PAGES if page != uid]
    return {
        "uid": uid, "title": dict(PAGES)[uid], "description": description, "tags": ["azimuth"], "editable": True,
        "schemaVersion": 39, "version": 1, "graphTooltip": 1, "refresh": "15s", "timezone": "browser",
        "time": {"from": f"now-{span}", "to": "now"}, "fiscalYearStartMonth": 0, "links": links,
        "templating": {"list": [DATASOURCE_VARIABLE, *variables]},
        "annotations": {"list": [BUILT_IN_ANNOTATIONS, events_of(run)]},
        "panels": placed(rows),
    }
