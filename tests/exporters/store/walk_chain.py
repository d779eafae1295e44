"""Makes the chain of a run's records anew, from docs/history.md alone, and prints its hashes as a list of JSON.

    python3 walk_chain.py STORE RUN
"""

import hashlib
import json
import sqlite3
import struct
import sys

store, run = sys.argv[1:]
database = sqlite3.connect(store)
database.text_factory = lambda raw: raw.decode("utf-8")


def encoded(values):
    out = b""
    for value in values:
        if value is None:
            out += b"n"
        elif isinstance(value, int):
            out += b"i" + struct.pack(">q", value)
        elif isinstance(value, float):
            out += b"r" + struct.pack(">d", value)
        elif isinstance(value, str):
            raw = value.encode()
            out += b"t" + struct.pack(">q", len(raw)) + raw
        else:
            out += b"b" + struct.pack(">q", len(value)) + value
    return out


def sha256(rows):
    return hashlib.sha256(b"".join(encoded(row) for row in rows)).hexdigest()


OBSERVATIONS = "SELECT run, attempt, sequence, step, time, state, observation, tracker FROM observations WHERE run = ?"
FAILED = "SELECT run, attempt, step, time, reason FROM failed_snapshots WHERE run = ?"
links = database.execute("SELECT run, number, kind, attempt, sequence, step, time FROM links WHERE run = ? ORDER BY number",
                         [run]).fetchall()
linked = {kind: {link[3:] for link in links if link[2] == kind} for kind in ("observation", "failed_snapshot")}

before, hashes = "", []
for link in links:
    _, number, kind, attempt, sequence, step, time = link
    if kind == "observation":
        rows = database.execute(OBSERVATIONS + " AND attempt = ? AND sequence = ?", [run, attempt, sequence])
    elif kind == "failed_snapshot":
        rows = database.execute(FAILED + " AND attempt = ? AND step = ? AND time = ?", [run, attempt, step, time])
    elif kind == "base":
        rows = database.execute("SELECT run, base FROM runs WHERE run = ?", [run])
    elif kind == "earlier":
        keys = {(a, s) for a, s, *_ in linked["observation"]}
        rows = [row for row in database.execute(OBSERVATIONS + " ORDER BY attempt, sequence", [run])
                if row[1:3] not in keys]
        rows += [row for row in database.execute(FAILED + " ORDER BY attempt, time, step", [run])
                 if (row[1], None, row[2], row[3]) not in linked["failed_snapshot"]]
    elif kind == "end" and number == len(links):
        ended_at, = database.execute("SELECT ended_at FROM runs WHERE run = ?", [run]).fetchone()
        losses = database.execute("SELECT exporter, records FROM losses WHERE run = ? ORDER BY exporter", [run]).fetchall()
        rows = [(run, ended_at, *loss) for loss in losses or [(None, None)]]
    else:  # of a run that has gone on since: its hash alone is left
        rows = None
    if rows is None:
        record, = database.execute("SELECT record FROM links WHERE run = ? AND number = ?", [run, number]).fetchone()
    else:
        record = sha256(rows)
    before = sha256([(before, *link, record)])
    hashes.append(before)
print(json.dumps(hashes))
