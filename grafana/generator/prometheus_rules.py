"""The rules as a rule file of Prometheus."""

from .rules import alert_rules, recording_rules


def runbook_url(rule, runbook):
    return f"{runbook}#{rule.section}"


def prometheus_rules(durations, runbook):
    recording = [{"record": rule.name, "expr": rule.expr} for rule in recording_rules(durations)]
    alerts = [
        {
            "alert": rule.name,
            "expr": rule.expr,
            "for": rule.wait,
            "labels": {"severity": rule.severity},
            "annotations": {
                "summary": rule.summary,
                "description": rule.description,
                "runbook_url": runbook_url(rule, runbook),
            },
        }
        for rule in alert_rules(durations)
    ]
    # Alerts look back over a day: asking more often would cost a server of many runs, and tell nobody sooner.
    return {"groups": [{"name": "azimuth-recording", "rules": recording},
                       {"name": "azimuth-alerts", "interval": durations("30s"), "rules": alerts}]}
