"""What the dashboards are built from: panels, rows, variables, in the JSON that Grafana reads."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Okabe and Ito's colours, which colour-blind people can tell apart, and a grey that nobody takes for one of them.
SKY, BLUE, ORANGE, VERMILION = "#56B4E9", "#0072B2", "#E69F00", "#D55E00"
GREEN, YELLOW, PURPLE, GREY = "#009E73", "#F0E442", "#CC79A7", "#666666"
BROWN, VIOLET, BLACK = "#8F6B3E", "#6F4FBF", "#1A1A1A"

STATE_COLOURS = (
    ("absent", GREY), ("emerging", PURPLE), ("settling", YELLOW), ("stable", SKY), ("drifting", ORANGE),
    ("changed", VERMILION), ("nonfinite", BLUE),
)


def steps(*pairs, start=SKY):
    """Thresholds: `start` below the first value, then the colour of each (value, colour)."""
    return [{"value": None, "color": start}] + [{"value": value, "color": colour} for value, colour in pairs]


def value_names(*names):
    """A mapping of 0, 1, 2... to (name, colour)."""
    options = {str(i): {"text": name, "color": colour, "index": i} for i, (name, colour) in enumerate(names)}
    return [{"type": "value", "options": options}]


def target(expr, legend="", *, instant=False, table=False):
    result = {"datasource": DATASOURCE, "editorMode": "code", "expr": expr, "legendFormat": legend,
              "instant": instant or table, "range": not (instant or table)}
    if table:
        result["format"] = "table"
    return result


def override(name, **properties):
    return _override({"id": "byName", "options": name}, properties)


def override_matching(regexp, **properties):
    return _override({"id": "byRegexp", "options": regexp}, properties)


def _override(matcher, properties):
    ids = {key: key.replace("__", ".") for key in properties}
    return {"matcher": matcher, "properties": [{"id": ids[key], "value": v} for key, v in properties.items()]}


def fixed(colour):
    return {"mode": "fixed", "fixedColor": colour}


def coloured(**colours):
    """A fixed colour for each series of a known name."""
    return [override(name, color=fixed(colour)) for name, colour in colours.items()]


def dashed(regexp, colour=GREY):
    return override_matching(regexp, color=fixed(colour), custom__lineStyle={"fill": "dash", "dash": [8, 6]})


def panel(kind, title, description, targets, *, unit, width, height, options, no_value="no data", color=None,
          thresholds=None, mappings=(), custom=None, overrides=(), decimals=None, minimum=None, maximum=None,
          transformations=(), links=()):
    defaults = {"unit": unit, "noValue": no_value, "mappings": list(mappings), "color": color or {"mode": "thresholds"},
                "thresholds": {"mode": "absolute", "steps": thresholds or steps()}}
    for key, value in {"decimals": decimals, "min": minimum, "max": maximum, "custom": custom}.items():
        if value is not None:
            defaults[key] = value
    if links:
        defaults["links"] = list(links)
    result = {
        "type": kind, "title": title, "description": description, "datasource": DATASOURCE,
        "targets": [{"refId": chr(ord("A") + i), **t} for i, t in enumerate(targets)],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options, "gridPos": {"h": height, "w": width, "x": 0, "y": 0},
    }
    if transformations:
        result["transformations"] = list(transformations)
    return result


def stat(title, description, targets, *, unit, width=4, height=4, **more):
    options = {"graphMode": "none", "colorMode": "background_solid", "justifyMode": "auto", "textMode": "auto",
               "wideLayout": True, "showPercentChange": False, "percentChangeColorMode": "standard",
               "orientation": "auto", "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("stat", title, description, targets, unit=unit, width=width, height=height, options=options, **more)


def lines(title, description, targets, *, unit, width=12, height=8, scale="linear", bars=False, stepped=False,
          limits=False, legend="list", axis_to=None, **more):
    """A time series. `limits` draws the thresholds as lines; the axis reaches `axis_to` at least."""
    distribution = {"linear": {"type": "linear"}, "log": {"type": "log", "log": 10},
                    "symlog": {"type": "symlog", "log": 10, "linearThreshold": 1}}[scale]
    custom = {"drawStyle": "bars" if bars else "line", "lineWidth": 2, "fillOpacity": 60 if bars else 0,
              "lineInterpolation": "stepAfter" if stepped else "linear", "showPoints": "auto", "spanNulls": False,
              "scaleDistribution": distribution, "axisPlacement": "auto",
              "stacking": {"mode": "normal" if bars else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if limits else "off"}}
    if axis_to is not None:
        custom["axisSoftMax"] = axis_to
    options = {"legend": {"displayMode": legend, "placement": "bottom", "showLegend": legend != "hidden", "calcs": []},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    # Series of no known name are told apart by lightness, not by hue.
    more.setdefault("color", {"mode": "shades", "fixedColor": BLUE})
    return panel("timeseries", title, description, targets, unit=unit, width=width, height=height, options=options,
                 custom=custom, **more)


def timeline(title, description, targets, *, width=24, height=5, **more):
    options = {"showValue": "auto", "rowHeight": 0.9, "mergeValues": True, "alignValue": "left",
               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
               "tooltip": {"mode": "single", "sort": "none"}}
    return panel("state-timeline", title, description, targets, unit="none", width=width, height=height,
                 options=options, custom={"fillOpacity": 90, "lineWidth": 0}, **more)


def heatmap(title, description, targets, *, unit, axis, width=24, height=11):
    options = {"calculate": False, "cellGap": 0, "cellValues": {"unit": unit}, "rowsFrame": {"layout": "unknown"},
               "color": {"mode": "scheme", "scheme": "Viridis", "fill": BLUE, "scale": "exponential", "exponent": 0.5,
                         "steps": 64, "reverse": False},
               "exemplars": {"color": GREY}, "filterValues": {"le": 0}, "legend": {"show": True}, "showValue": "never",
               "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True},
               "yAxis": {"axisPlacement": "left", "axisLabel": axis, "unit": "none", "reverse": False}}
    return panel("heatmap", title, description, targets, unit=unit, width=width, height=height, options=options,
                 custom={"hideFrom": {"legend": False, "tooltip": False, "viz": False},
                         "scaleDistribution": {"type": "linear"}})


def bars(title, description, targets, *, unit, width=12, height=8, **more):
    options = {"displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "namePlacement": "left",
               "showUnfilled": True, "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("bargauge", title, description, targets, unit=unit, width=width, height=height, options=options,
                 **more)


def table(title, description, columns, *, key, sort_by, descending, width=24, height=10, hidden=(), overrides=(),
          numeric_key=False, unit="none", **more):
    """One row for each value of the label `key`. `columns` are (title, expression, properties of the column)."""
    targets = [target(expr, table=True) for _, expr, _ in columns]
    values = [f"Value #{chr(ord('A') + i)}" if len(columns) > 1 else "Value" for i in range(len(columns))]
    renamed = {value: column for value, (column, _, _) in zip(values, columns)}
    key_title = key.capitalize()
    transformations = [{"id": "merge", "options": {}}] if len(columns) > 1 else []
    if numeric_key:
        conversions = [{"targetField": key, "destinationType": "number"}]
        transformations.append({"id": "convertFieldType", "options": {"fields": {}, "conversions": conversions}})
    transformations += [
        {"id": "organize", "options": {
            "excludeByName": {name: True for name in ("Time", *hidden)},
            "indexByName": {name: i for i, name in enumerate((key, *values))},
            "renameByName": {key: key_title, **renamed}}},
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sort_by, "desc": descending}]}},
    ]
    column_overrides = [override(column, **properties) for column, _, properties in columns if properties]
    options = {"frameIndex": 0, "showHeader": True, "cellHeight": "sm",
               "sortBy": [{"displayName": sort_by, "desc": descending}]}
    return panel("table", title, description, targets, unit=unit, width=width, height=height, options=options,
                 custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": False},
                 overrides=[*column_overrides, *overrides], transformations=transformations, **more)


COLOURED_CELL = {"type": "color-background", "mode": "basic"}


# A cell without a number is neither good nor bad, whatever the lowest threshold's colour.
NO_NUMBER = {"type": "special", "options": {"match": "null+nan", "result": {"text": "-", "color": GREY, "index": 99}}}


def column(unit, *, thresholds=None, mappings=(), **properties):
    result = {"unit": unit, **properties}
    if thresholds:
        result["thresholds"] = {"mode": "absolute", "steps": thresholds}
    if thresholds or mappings:
        result["mappings"] = [*mappings, NO_NUMBER]
        result["custom__cellOptions"] = COLOURED_CELL
    return result
