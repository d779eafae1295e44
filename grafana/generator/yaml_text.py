"""Writes the little YAML that is needed here: mappings, lists, strings, numbers."""

import json
import re

PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9 _./,():-]*[A-Za-z0-9)/]|[A-Za-z]")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def is_plain(text):
    return PLAIN.fullmatch(text) and ": " not in text and text.lower() not in RESERVED and not is_number(text)


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def scalar(value):
    if isinstance(value, str) and is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML


def lines_of(value):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from entry(f"{key}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            first, *rest = lines_of(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield scalar(value)


def entry(key, value):
    if isinstance(value, str) and "\n" in value:
        yield f"{key} |-"
        yield from (f"  {line}" for line in value.split("\n"))
    elif isinstance(value, (dict, list)) and value:
        yield key
        yield from (f"  {line}" for line in lines_of(value))
    else:
        yield f"{key} {scalar(value)}"


def yaml_text(value, comment):
    return f"# {comment}\n" + "\n".join(lines_of(value)) + "\n"
