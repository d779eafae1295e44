"""The same alert rules for Grafana's own alerting, as a provisioning file.

Grafana replaces $NAME in provisioning files by environment variables: what is meant for its templates and expressions
is written $$. An alert of Prometheus fires for every series that its expression gives, whatever the value; Grafana
needs a condition that is a number, so B turns every series of A into 1.
"""

from .prometheus_rules import runbook_url
from .rules import alert_rules

DATASOURCE_UID = "azimuth-prometheus"
ANY_VALUE = "is_number($A) || is_nan($A) || is_inf($A)"


def uid_of(rule):
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in rule.name).lstrip("-")


def escaped(text):
    return text.replace("$", "$$")


def template(text):
    return escaped(text.replace("$value", "$values.A.Value"))


def query(ref_id, datasource, model):
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": datasource,
        "model": {"refId": ref_id, **model},
    }


def grafana_rule(rule, runbook):
    return {
        "uid": uid_of(rule),
        "title": rule.name,
        "condition": "B",
        "data": [
            query("A", DATASOURCE_UID, {"expr": rule.expr, "instant": True, "range": False}),
            query("B", "__expr__", {"type": "math", "expression": escaped(ANY_VALUE)}),
        ],
        "for": rule.wait,
        # No series is how an alert of Prometheus says that all is well.
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": template(rule.summary),
            "description": template(rule.description),
            "runbook_url": runbook_url(rule, runbook),
        },
    }


def grafana_rules(durations, runbook):
    rules = [grafana_rule(rule, runbook) for rule in alert_rules(durations)]
    group = {"orgId": 1, "name": "azimuth-alerts", "folder": "Azimuth", "interval": durations("1m"), "rules": rules}
    return {"apiVersion": 1, "groups": [group]}
