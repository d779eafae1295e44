"""Durations of the rules, as Prometheus writes them, for all of them at once to be made shorter in a test."""

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class Durations:
    """Divides every duration by `scale`."""

    def __init__(self, scale=1):
        self.scale = scale

    def seconds(self, seconds):
        return f"{seconds / self.scale:g}"

    def __call__(self, text):
        """`text` is a number and a unit, such as "15m"."""
        milliseconds = round(int(text[:-1]) * UNITS[text[-1]] * 1000 / self.scale)
        if milliseconds % 1000:
            return f"{milliseconds}ms"
        seconds = milliseconds // 1000
        unit = next(unit for unit, size in UNITS.items() if seconds % size == 0)
        return f"{seconds // UNITS[unit]}{unit}"
