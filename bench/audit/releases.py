#!/usr/bin/env python3
"""Makes releases of bases by many operations, has each audited, and prints bench/audit/releases.md: the verdicts, each test's
p-value, and beside them `azimuth compare`, the plain angle, the cosine of all weights in one row, and the package `modeldna`.

    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 transformers==5.24.0 safetensors gguf scipy peft==0.21.2 modeldna==0.1.0
    VENV/bin/python bench/audit/releases.py build/release/bin/azimuth CACHE --text kjv.txt --gguf "$(scripts/fetch_model)"

`kjv.txt` is made as independent_pairs.py says. Small models are kept in CACHE, and are those of that script. Without the GGUF
file small models alone; `--quick`: some steps of training and few rows, whose figures mean nothing. About 2 GB in the temporary
folder, and 15 to 25 minutes on one core with a full cache. Operations that do not change what the model computes are checked: its
logits stay the same.
"""

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import gguf_file
import numpy
import operations as do
import torch
from independent_pairs import GROUPS, QUICK, number, specs, table
from models import OPTICKS, RATES, STEPS, Model, Texts, encode, make, renumbered
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

DERIVED, INDEPENDENT, FRAMED, HIDDEN = "derived", "independent", "framed", "hidden"
TESTS = ("coordinates", "neurons", "values", "Gram matrices")
RELATED = {"EXACT_COPY", "QUANTIZED_COPY", "FINE_TUNE", "SAME_LINEAGE", "LIKELY_MERGE"}
RATE = 1e-6


# Between this process and the one that is measured: a child starts with its parent's peak.
MEASURE = """import os, sys
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
open(sys.argv[1], "w").write(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss / 1024}")
sys.exit(os.waitstatus_to_exitcode(status))"""


def run(*command):
    """Standard output, standard error, exit code, seconds of CPU, MB of memory at its peak (mapped files included)."""
    with tempfile.NamedTemporaryFile(mode="r") as usage:
        ended = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, usage.name, *map(str, command)],
                               capture_output=True, text=True, check=False)
        seconds, megabytes = map(float, usage.read().split())
    return ended.stdout, ended.stderr.strip(), ended.returncode, seconds, megabytes


class Row:
    """One base and one release, and what each program says of them."""

    def __init__(self, programs, names, relation, base, release, cosine, signature=None):
        azimuth, rival = programs
        self.base, self.release = names
        self.relation = relation
        self.cosine = cosine
        out, errors, code, self.seconds, self.megabytes = run(azimuth, "audit", "--base", base, "--release", release, "--format",
                                                              "json")
        self.refused = errors.replace(f"{release.parent}/", "") if code not in (0, 1, 4) else ""
        self.verdict, self.p, self.tests = "refused", float("nan"), {}
        self.share = self.control = self.similarity = float("nan")
        if not self.refused:
            result = json.loads(out)
            self.verdict = result["verdict"].removeprefix("VERDICT_")
            self.p = number(result["log10_corrected_p"])
            self.tests = {test["test"]: test for test in result["exact"]} | {"Gram matrices": result["grams"]}
            self.share = number(result["share"])
            self.control = max((number(share["control"]) for share in result["shares"]), default=float("nan"))
            self.similarity = number(result["embeddings"]["similarity"])
        self.degrees = self.compare_p = float("nan")
        out, errors, code, _, _ = run(azimuth, "compare", signature or base, release, "--format", "json")
        if code in (0, 4):
            result = json.loads(out)
            self.degrees, self.compare_p = number(result["degrees"][1]), number(result["p_values"][1])
        self.rival, self.rival_probability = "–", None
        self.rival_seconds = self.rival_megabytes = float("nan")
        if rival:
            of = lambda path: path.parent if path.suffix == ".gguf" else path
            out, errors, code, self.rival_seconds, self.rival_megabytes = run(rival, "compare", of(release), of(base), "--json")
            try:
                verdict = json.loads(out)["verdict"]
                self.rival, self.rival_probability = verdict["verdict"], verdict["probability"]
            except ValueError:
                self.rival = "refused"

    def opinions(self):
        """What each says, whether related, or None."""
        by_verdict = {"MATCH": True, "MATCH_EMPIRICAL": True, "NO_MATCH": False}
        angle = None if numpy.isnan(self.degrees) else self.degrees < 30
        of_compare = None if numpy.isnan(self.degrees) else self.compare_p <= 0.01
        rival = True if self.rival in RELATED else False if self.rival == "NO_MATCH" else None
        cosine = None if numpy.isnan(self.cosine) else self.cosine >= 0.3
        return {"audit": by_verdict.get(self.verdict), "compare, p ≤ 0.01": of_compare, "angle below 30°": angle,
                "modeldna": rival, "cosine ≥ 0.3": cosine}

    def judged(self, says):
        """An undecided word is right where nothing can be told; of a framed base it is as right as `unrelated`."""
        if self.relation == HIDDEN:
            return "right" if says is None else "wrong" if says is False else "right"
        if says is None:
            return "right" if self.relation == FRAMED else "undecided"
        return "right" if says == (self.relation == DERIVED) else "wrong"

    def cells(self):
        def of_test(name):
            test = self.tests.get(name)
            if test is None or numpy.isnan(number(test["log10_corrected_p"])):
                return "–"
            p = f"{number(test['log10_corrected_p']) + 0:.0f}"
            return f"{p}, {test['in_order']}/{test['matched']}" if "matched" in test else p
        percent = lambda value: "–" if numpy.isnan(value) else f"{value:.1%}"
        plain = lambda value, form: "–" if value is None or numpy.isnan(value) else format(value, form)
        angle = "–" if numpy.isnan(self.degrees) else f"{self.degrees:.1f}°, {self.compare_p:.2g}"
        rival = self.rival + (f" {self.rival_probability:.2f}" if self.rival_probability is not None else "")
        judged = self.judged(self.opinions()["audit"])
        return [self.base, self.release, self.relation, self.verdict, judged if judged == "right" else f"**{judged}**",
                plain(self.p, ".0f"), *(of_test(name) for name in TESTS), percent(self.share),
                percent(self.control), plain(self.similarity, ".2f"), angle, rival, plain(self.cosine, ".2f"),
                f"{self.seconds:.2f}, {self.megabytes:.0f}", "–" if numpy.isnan(self.rival_seconds) else
                f"{self.rival_seconds:.2f}, {self.rival_megabytes:.0f}"]


HEAD = ["base", "release", "relation", "verdict", "is", "log10 p", *TESTS, "share", "elsewhere", "embeddings",
        "angle, p of `compare`", "modeldna", "cosine", "audit: s, MB", "modeldna: s, MB"]


def cosine(a, b):
    """Of all matrices in one row, where shapes allow."""
    roles = [role for role, tensor in a.t.items() if tensor.dim() == 2]
    if {role for role, tensor in b.t.items() if tensor.dim() == 2} - {"head"} != set(roles) - {"head"}:
        return float("nan")
    roles = [role for role in roles if role in b.t]
    if any(a.t[role].shape != b.t[role].shape for role in roles):
        return float("nan")
    product = lambda x, y: sum((x.t[role].float() * y.t[role].float()).sum().double().item() for role in roles)
    return product(a, b) / (product(a, a) * product(b, b)) ** 0.5


class Bench:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.rows = []
        print("# Releases\n\n`bench/audit/releases.py` printed this.\n\n## Every release\n\n`p` is corrected, as log10; of each test, its p and "
              "how many of the matched are in order. `elsewhere`: the largest share with another block. `embeddings`: how far those "
              "of one token correspond. Seconds of CPU and peak memory, in which the mapped files count.\n")
        print("| " + " | ".join(HEAD) + " |\n| " + " | ".join("---" for _ in HEAD) + " |", flush=True)

    def row(self, names, relation, base, release, similar=float("nan"), signature=None):
        self.rows.append(Row(self.programs, names, relation, base, release, similar, signature))
        print("| " + " | ".join(map(str, self.rows[-1].cells())) + " |", flush=True)

    def signature(self, base):
        """What `compare` needs of a base that has many releases."""
        if base.signature is None:
            base.signature = self.folder / f"{base.name}.azsig"
            _, errors, code, _, _ = run(self.programs[0], "signature", base.folder, "-o", base.signature)
            assert code == 0, errors
        return base.signature

    def release(self, base, name, relation, model, tokenizer=None):
        """`model` beside `base`, in a folder for this row alone."""
        folder = self.folder / "release"
        model.write(folder, tokenizer or base.tokenizer)
        self.row((base.name, name), relation, base.folder, folder, cosine(base.model, model), self.signature(base))
        shutil.rmtree(folder)


class Base:
    def __init__(self, name, model, folder, tokenizer, ids):
        self.name, self.model, self.folder, self.tokenizer = name, model, folder, tokenizer
        self.signature = None
        self.ids = ids[None, :32]
        self.logits = model.logits(self.ids)

    def made(self, operation):
        model = operation(self.model.copy())
        if operation in do.SAME:
            off = ((model.logits(self.ids) - self.logits).abs().max() / self.logits.abs().max()).item()
            assert off < 1e-3, f"{operation.__name__} changes the logits of {self.name} by {off:.2g}"
        return model


def new_vocabularies(base):
    """Vocabularies that share strings with the base's: the same ones with other ids, half of them, and half replaced."""
    size = base.tokenizer.get_vocab_size()
    model, tokenizer = base.model.copy(), base.tokenizer
    order = torch.randperm(size)
    strings = json.loads(tokenizer.to_str())

    def moved(rows):
        out = torch.empty_like(rows)
        out[order] = rows[:size]
        return out

    def with_new_strings(rows):
        out = moved(rows)
        new = order[size // 2:]
        out[new] = rows.std() * torch.randn(len(new), rows.shape[1])
        return out

    yield "ids renumbered", do.vocabulary(model.copy(), moved), renumbered(tokenizer, order)
    vocabulary = {token: int(order[i]) for token, i in strings["model"]["vocab"].items() if i < size // 2}
    for i in range(size // 2, size):
        vocabulary[f"⟂{i}"] = int(order[i])
    strings["model"]["vocab"] = vocabulary
    strings["model"]["merges"] = []
    strings["added_tokens"] = []
    from tokenizers import Tokenizer
    yield ("ids renumbered, half of the tokens new", do.vocabulary(model.copy(), with_new_strings),
           Tokenizer.from_str(json.dumps(strings)))


def with_strings(bench, base):
    for name, model, tokenizer in new_vocabularies(base):
        bench.release(base, name, DERIVED, model, tokenizer)
        bench.release(base, name + ", rotated", DERIVED, do.rotated(model.copy()), tokenizer)
    more = base.model.copy()
    do.vocabulary(more, lambda rows: torch.cat([rows, rows.std() * torch.randn(64, rows.shape[1])]))
    bench.release(base, "64 tokens more", DERIVED, more)


def quantised(bench, base, kinds):
    strings = sorted(base.tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    tokens = [token for token, _ in strings]
    tokens += [f"<{i}>" for i in range(len(tokens), len(base.model.t["embedding"]))]
    for kind in kinds:
        folder = bench.folder / "gguf"
        gguf_file.write(base.model, folder, kind, tokens)
        file = folder / "model.gguf"
        bench.row((base.name, f"GGUF, {kind}"), DERIVED, base.folder, file)
        if kind in ("Q8_0", "Q4_0"):
            bench.row((f"{base.name}, GGUF {kind}", "rotated, from float32"), DERIVED, file,
                      written(bench, base, do.rotated(base.model.copy())))
            bench.row((f"{base.name}, GGUF {kind}", "as float32"), DERIVED, file, base.folder)
        shutil.rmtree(folder)


def written(bench, base, model):
    folder = bench.folder / "written"
    shutil.rmtree(folder, ignore_errors=True)
    model.write(folder, base.tokenizer)
    return folder


HIDING = (do.embeddings_replaced, do.rotated, do.neurons_permuted, do.heads_permuted)


def real_rows(bench, gguf, azimuth):
    """Releases of the model in a GGUF file, as float32."""
    module = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model = Model.of(module)
    model.config.pop("quantization_config", None)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).backend_tokenizer
    folder = bench.folder / "base"
    model.write(folder, tokenizer)
    ids = encode(tokenizer, OPTICKS.read_text(encoding="utf-8"))
    base = Base("SmolLM2-135M", model, folder, tokenizer, ids)
    bench.row((base.name, "its GGUF, Q4_1"), DERIVED, folder, gguf)
    bench.row(("SmolLM2-135M, GGUF Q4_1", "as float32"), DERIVED, gguf, folder)
    tuned = {rate: do.finetuned(ids, 8, rate, batch=1)(model.copy()) for rate in (1e-5, 1e-4, 1e-3)}
    hard = do.one_of(tuned[1e-3])
    sixth = do.with_blocks(lambda n: [i for i in range(n) if i % 6])
    direction = do.high_norm_direction(azimuth, folder)
    for name, operation in (
            ("bfloat16", do.rounded), ("noise of 30%", do.noisy), ("update of rank 8, a tenth in norm", do.low_rank),
            *((f"fine-tuned, 8 steps at {rate:g}", do.one_of(tuned[rate])) for rate in tuned),
            ("a trained LoRA merged, 8 steps at 0.001", do.lora(ids, 8, 1e-3, batch=1)),
            ("neurons permuted", do.neurons_permuted), ("heads permuted", do.heads_permuted),
            ("values rotated", do.values_rotated),
            ("residual permuted", do.residual_permuted), ("signs flipped", do.signs_flipped),
            ("norms folded", do.folded), ("scaled between norm and matrix", do.scaled), ("rotated", do.rotated),
            ("high-norm direction removed", do.direction_removed(direction)), ("a third of the neurons pruned", do.neurons_pruned),
            ("an eighth of the hidden size pruned", do.narrowed), ("every sixth block removed", sixth),
            ("depth up-scaled, blocks 1–20 and 11–30", do.with_blocks(lambda n: [*range(20), *range(10, n)])),
            ("30% of it, 70% random of the same scale", do.merged(None, 0.3)),
            ("averaged with another fine-tune", do.all_of(hard, do.merged(tuned[1e-4], 0.5))),
            ("rotated, neurons permuted", do.all_of(do.rotated, do.neurons_permuted)),
            ("rotated, neurons and values permuted", do.all_of(do.rotated, do.neurons_permuted, do.values_permuted)),
            ("residual and neurons permuted, values rotated",
             do.all_of(do.residual_permuted, do.neurons_permuted, do.values_rotated)),
            ("fine-tuned, blocks out, rotated, neurons and heads permuted, values rotated",
             do.all_of(hard, sixth, do.rotated, do.neurons_permuted, do.heads_permuted, do.values_rotated)),
            ("embeddings replaced", do.embeddings_replaced),
            ("embeddings replaced, rotated", do.all_of(do.embeddings_replaced, do.rotated))):
        bench.release(base, name, DERIVED, base.made(operation))
    bench.release(base, "embeddings replaced, rotated, neurons and heads permuted", HIDDEN, base.made(do.all_of(*HIDING)))
    bench.release(base, "random weights of the same scale", INDEPENDENT, base.made(do.random_like))
    bench.release(base, "random weights, the base's high-norm direction planted", INDEPENDENT,
                  base.made(do.all_of(do.random_like, do.direction_planted(direction))))
    with_strings(bench, base)
    quantised(bench, base, ("Q8_0", "Q4_0"))
    return base


class Small:
    """A small model, one that is independent of it, and the text on which it was not trained."""

    def __init__(self, spec, partner, texts, tied):
        ids, _ = texts.ids(spec.tokenizer, 1 - spec.corpus)
        name = f"{spec.family}, {tied}"
        self.base = Base(name, Model.read(spec.folder), spec.folder, texts.tokenizers[spec.tokenizer], ids)
        self.partner = Base(name + ", another", Model.read(partner.folder), partner.folder, self.base.tokenizer, ids)
        self.ids = ids
        self.rate = RATES[spec.family]


def tuned_by_steps(small, rates, steps):
    """By rate and steps, each a run of its own schedule; kept beside the base."""
    out = {}
    for rate, count in itertools.product(rates, steps):
        folder = small.base.folder.with_name(f"{small.base.folder.name}-tuned-{rate:g}-{count}")
        if not folder.exists():
            do.finetuned(small.ids, count, rate)(small.base.model.copy()).write(folder)
        out[rate, count] = Model.read(folder)
    return out


def direction_in_both(bench, base, partner):
    """The same high-norm direction planted in two independent models: mostly along one coordinate, as trained ones are."""
    u = torch.nn.functional.normalize(0.05 * torch.randn(base.model.width) + torch.eye(base.model.width)[0], dim=0)
    planted = do.direction_planted(u)
    folder = bench.folder / "planted"
    planted(base.model.copy()).write(folder, base.tokenizer)
    bench.row((f"{base.name}, a direction planted", "another model, the same planted"), INDEPENDENT, folder,
              written(bench, base, planted(partner.model.copy())))
    shutil.rmtree(folder)


def small_rows(bench, small, quick):
    base, partner = small.base, small.partner
    model, family = base.model, base.model.family
    rates, steps = ((small.rate,), (5,)) if quick else ((small.rate,), (STEPS,))
    if model.tied and not quick:
        rates, steps = (small.rate / 10, small.rate), (STEPS // 10, STEPS)
    tuned = tuned_by_steps(small, rates, steps)
    if family == "llama" and model.tied and not quick:
        tuned |= tuned_by_steps(small, (small.rate / 100,), (STEPS,)) | tuned_by_steps(small, (small.rate,), (3 * STEPS,))
    for (rate, count), release in tuned.items():
        bench.release(base, f"fine-tuned, {count} steps at {rate:g}", DERIVED, release)
    hard = do.one_of(tuned[rates[-1], steps[-1]])
    operations = [
        ("noise of 30%", do.noisy), ("update of rank 8, a tenth in norm", do.low_rank),
        (f"a trained LoRA merged, {steps[-1]} steps at {rates[-1]:g}", do.lora(small.ids, steps[-1], rates[-1])),
        ("four bits", do.four_bits),
        ("neurons permuted", do.neurons_permuted), ("heads permuted", do.heads_permuted),
        ("values permuted", do.values_permuted), ("values rotated", do.values_rotated),
        ("residual permuted", do.residual_permuted), ("norms folded", do.folded),
        ("scaled between norm and matrix", do.scaled), ("rotated", do.rotated),
        ("a third of the neurons pruned", do.neurons_pruned),
        ("block 2 removed", do.with_blocks(lambda n: [0, *range(2, n)])),
        ("blocks repeated", do.with_blocks(lambda n: [*range(n - 1), *range(1, n)])),
        ("half of it, half of another model", do.merged(partner.model, 0.5)),
        ("30% of it, 70% of another model", do.merged(partner.model, 0.3)),
        ("rotated, neurons permuted", do.all_of(do.rotated, do.neurons_permuted)),
        ("rotated, neurons and heads permuted, values rotated",
         do.all_of(do.rotated, do.neurons_permuted, do.heads_permuted, do.values_rotated)),
        ("fine-tuned at length, rotated, neurons and heads permuted",
         do.all_of(hard, do.rotated, do.neurons_permuted, do.heads_permuted)),
        ("embeddings replaced", do.embeddings_replaced),
        ("embeddings replaced, rotated", do.all_of(do.embeddings_replaced, do.rotated)),
        ("embeddings of another model", do.embeddings_of(partner.model)),
        ("embeddings of another model, rotated", do.all_of(do.embeddings_of(partner.model), do.rotated))]
    if family != "gpt2":
        operations += [("signs flipped", do.signs_flipped), ("an eighth of the hidden size pruned", do.narrowed)]
    if family == "mixtral":
        operations += [("experts permuted", do.experts_permuted),
                       ("experts and neurons permuted", do.all_of(do.experts_permuted, do.neurons_permuted))]
    if quick:
        operations = operations[::4]
    for name, operation in operations:
        bench.release(base, name, DERIVED, base.made(operation))
    bench.release(base, "embeddings replaced, rotated, neurons and heads permuted", HIDDEN, base.made(do.all_of(*HIDING)))
    bench.release(base, "embeddings of another model, rotated, neurons and heads permuted", HIDDEN,
                  base.made(do.all_of(do.embeddings_of(partner.model), *HIDING[1:])))
    if not quick:
        with_strings(bench, base)
    bench.release(base, "another model", INDEPENDENT, partner.model)
    bench.release(base, "another model, rotated", INDEPENDENT, do.rotated(partner.model.copy()))
    direction_in_both(bench, base, partner)
    bench.release(base, "random weights of the same scale", INDEPENDENT, base.made(do.random_like))
    for name, frame in (("neurons", do.framed_neurons), ("coordinates", do.framed_coordinates), ("values", do.framed_values),
                        ("additions", do.framed_additions)):
        framed = frame(model, partner.model)
        off = ((framed.logits(base.ids) - base.logits).abs().max() / base.logits.abs().max()).item()
        assert off < 1e-3, f"framing of {name} changes the logits by {off:.2g}"
        bench.row((f"{base.name}, framed by its {name}", "another model"), FRAMED, written(bench, base, framed), partner.folder,
                  cosine(framed, partner.model))
    return tuned[rates[-1], steps[-1]]


# Two together: audits alone, since there are many.

SIGNS = {"MATCH": "M", "MATCH_EMPIRICAL": "E", "INCONCLUSIVE": "?", "NO_MATCH": "**N**"}


def pairs_of_operations(bench, small, tuned):
    base, partner = small.base, small.partner
    operations = {
        "fine-tuned": lambda model: model,  # what all others begin with, where it is one of the two
        "noise": do.noisy, "four bits": do.four_bits, "merged": do.merged(partner.model, 0.5),
        "block out": do.with_blocks(lambda n: [0, *range(2, n)]), "neurons pruned": do.neurons_pruned,
        "new embeddings": do.embeddings_replaced, "neurons permuted": do.neurons_permuted,
        "values rotated": do.values_rotated, "heads permuted": do.heads_permuted, "residual permuted": do.residual_permuted,
        "rotated": do.rotated}
    names = list(operations)
    found = {}
    for first, second in itertools.combinations_with_replacement(names, 2):
        model = (tuned if "fine-tuned" in (first, second) else base.model).copy()
        model = operations[first](model)
        if second != first:
            model = operations[second](model)
        row = bench.folder / "two"
        model.write(row, base.tokenizer)
        out, errors, code, _, _ = run(bench.programs[0], "audit", "--base", base.folder, "--release", row, "--format", "json")
        found[first, second] = json.loads(out)["verdict"].removeprefix("VERDICT_") if code in (0, 1, 4) else "refused"
        shutil.rmtree(row)
    print(f"### {base.name}\n")
    rows = [[f"**{first}**", *(SIGNS.get(found.get((first, second)), found.get((first, second), "")) for second in names)]
            for first in names]
    table(["", *names], rows)
    return Counter(found.values())


def print_summary(bench):
    print("## Right and wrong by kind\n\nRight / undecided / wrong. `related` is: of the audit either MATCH, of `compare` p ≤ 0.01, of "
          "the plain angle less than 30°, of the cosine 0.3 or more, of `modeldna` any verdict but NO_MATCH, "
          "SAME_FAMILY_UNRESOLVED and INSUFFICIENT. Of a framed base anything but related is right; where nothing can be told "
          "(hidden), anything but unrelated.\n")
    judges = list(bench.rows[0].opinions())
    rows = []
    for relation in (DERIVED, HIDDEN, INDEPENDENT, FRAMED):
        for real in (True, False):
            some = [row for row in bench.rows if row.relation == relation and row.base.startswith("SmolLM2") == real]
            if not some:
                continue
            cells = []
            for judge in judges:
                counts = Counter(row.judged(row.opinions()[judge]) for row in some)
                cells.append(" / ".join(str(counts[what]) for what in ("right", "undecided", "wrong")))
            rows.append([relation, "SmolLM2" if real else "small", len(some), *cells])
    table(["relation", "base", "rows", *judges], rows)


def print_defeated(bench):
    """By operation, on how many of the bases each test does not speak at the promised rate."""
    print("## What defeats each test\n\nReleases that were made from their base: of how many bases a test does not find it (p above "
          f"{RATE:g} after correction; a share below 20%). An empty cell: it finds all.\n")
    groups = defaultdict(list)
    for row in bench.rows:
        if row.relation in (DERIVED, HIDDEN) and not row.refused:
            groups[row.release].append(row)
    rows = []
    for release, some in groups.items():
        missed = []
        for name in TESTS:
            p = [number(row.tests[name]["log10_corrected_p"]) if name in row.tests else float("nan") for row in some]
            missed.append(sum(not value <= numpy.log10(RATE) for value in p))
        missed.append(sum(not row.share >= 0.2 for row in some))
        for judge in ("compare, p ≤ 0.01", "modeldna", "cosine ≥ 0.3"):
            missed.append(sum(row.opinions()[judge] is not True for row in some))
        if any(missed):
            rows.append([release, len(some), *(f"{count}" if count else "" for count in missed)])
    table(["release", "bases", *TESTS, "share", "`compare`", "modeldna", "cosine"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--text", type=Path, action="append")
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    begun = time.monotonic()
    beside = Path(sys.executable).parent / "modeldna"
    rival = beside if beside.exists() and not options.quick else None
    texts = Texts([*(options.text or []), OPTICKS])
    apart, _ = specs(QUICK if options.quick else GROUPS, ())
    groups = defaultdict(list)
    for spec in apart:
        groups[spec.family, spec.width, spec.tied, spec.tokenizer].append(spec)
    chosen = [some for group, some in groups.items() if group[1] == 64 and group[3] == "all" and len(some) > 1]
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench((options.program, rival), Path(temporary))
        smalls = []
        for some in chosen:
            # The one that is independent saw the same half of the text.
            for spec in some[:2]:
                make(spec, texts, options.cache, 20 if options.quick else STEPS)
            smalls.append(Small(some[0], some[1], texts, "tied" if some[0].tied else "untied"))
        tuned = [small_rows(bench, small, options.quick) for small in smalls]
        first = smalls[0].base
        quantised(bench, first, gguf_file.TYPES[:2] if options.quick else gguf_file.TYPES)
        for small in smalls[1:]:
            bench.row((first.name, small.base.name), INDEPENDENT, first.folder, small.base.folder)
            bench.row((small.base.name, first.name), INDEPENDENT, small.base.folder, first.folder)
        if options.gguf:
            real = real_rows(bench, options.gguf, options.program)
            bench.row((first.name, real.name), INDEPENDENT, first.folder, real.folder)
            bench.row((real.name, first.name), INDEPENDENT, real.folder, first.folder)

        print()
        print_summary(bench)
        print_defeated(bench)
        if not options.quick:
            print("## Two together\n\nM: MATCH, E: MATCH_EMPIRICAL, ?: INCONCLUSIVE, N: NO_MATCH. On the diagonal each alone.\n")
            for small, release in zip(smalls, tuned):
                print(dict(pairs_of_operations(bench, small, release)), "\n", flush=True)
        wrong = [row for row in bench.rows if row.judged(row.opinions()["audit"]) == "wrong"]
        undecided = [row for row in bench.rows if row.judged(row.opinions()["audit"]) == "undecided"]
        print(f"{len(wrong)} of {len(bench.rows)} verdicts are wrong, {len(undecided)} undecided.")
        for row in bench.rows:
            if row.refused:
                print(f"\n{row.base}, {row.release}: refused, `{row.refused}`")
        print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
