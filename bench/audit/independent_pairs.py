#!/usr/bin/env python3
"""Audits every ordered pair of small models that were trained apart, each from its own random weights, and says how often a
promised rate was missed, and where the thresholds that have no promise belong. Prints bench/audit/independent_pairs.md.

    apt install bible-kjv && echo gen1:1-rev22:21 | bible -f | sed -n 's/^[A-Za-z0-9]*:[0-9]* //p' > kjv.txt
    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 transformers==5.24.0 safetensors scipy
    VENV/bin/python bench/audit/independent_pairs.py build/release/bin/azimuth CACHE --text kjv.txt

Models are kept in CACHE, and what is there already is not trained again: about 25 minutes on one core, then five. Half of the
models choose thresholds, the other half check them. `--quick` trains four models for some steps: its figures mean nothing.
"""

import argparse
import itertools
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy
import torch
from models import BATCH, LENGTH, OPTICKS, STEPS, Model, Spec, Texts, make
from scipy.stats import beta
from transformers.utils import logging

# Family, hidden size, tied, tokenizer, how many. Tokenizers: `all` of all texts; `shuffled` the same with other ids;
# `other` of Opticks alone, which shares some strings and few ids.
GROUPS = (("llama", 64, True, "all", 16), ("llama", 64, False, "all", 4), ("llama", 96, True, "all", 6),
          ("llama", 128, True, "all", 2), ("llama", 64, True, "shuffled", 4), ("llama", 64, True, "other", 4),
          ("gpt2", 64, True, "all", 6), ("gpt2", 64, False, "all", 2), ("gpt2", 96, True, "all", 2),
          ("gpt2", 64, True, "shuffled", 2), ("gpt2", 64, True, "other", 2),
          ("mixtral", 64, True, "all", 4), ("mixtral", 64, True, "other", 2))
TWINS = (("llama", 64, True, "all", 4), ("gpt2", 64, True, "all", 2), ("mixtral", 64, True, "all", 2))
QUICK = (("llama", 64, True, "all", 2), ("gpt2", 64, True, "all", 1), ("mixtral", 64, True, "all", 1))
QUICK_TWINS = (("llama", 64, True, "all", 1),)
VERDICTS = ("MATCH", "MATCH_EMPIRICAL", "NO_MATCH", "INCONCLUSIVE")


def specs(groups, twins):
    """Models of their own seeds, and such as share the seed of one of them."""
    apart, seed = [], 0
    for group in groups:
        for number in range(group[-1]):
            seed += 1
            apart.append(Spec(group, number, seed, 2 if number % 8 >= 6 else number // 2 % 2))
    shared = []
    for group in twins:
        firsts = [spec for spec in apart if (spec.family, spec.width, spec.tied, spec.tokenizer) == group[:4]]
        for first in firsts[:group[-1]]:
            twin = Spec(group, first.number, first.seed, 1 - first.corpus)
            twin.order = 1000 + first.seed
            shared.append((first, twin))
    return apart, shared


def audit(program, base, release):
    ended = subprocess.run([program, "audit", "--base", base.folder, "--release", release.folder, "--format", "json"],
                           capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1, 4):
        raise RuntimeError(f"{base.name}, {release.name}: {ended.stderr}")
    return json.loads(ended.stdout)


def number(value):
    return float("nan") if value == "NaN" else float(value)


class Pair:
    def __init__(self, program, base, release):
        result = audit(program, base, release)
        self.base, self.release = base, release
        self.verdict = result["verdict"].removeprefix("VERDICT_")
        self.p = number(result["log10_corrected_p"])
        self.least = {test["test"]: number(test["log10_p"]) + numpy.log10(int(test["count"])) for test in result["exact"]}
        self.share = number(result["share"])
        self.agreeing = max((int(share["agreeing"]) for share in result["shares"]), default=0)
        self.similarity = number(result["embeddings"]["similarity"])
        self.aligned = result["embeddings"]["aligned"]

    @property
    def families(self):
        return " and ".join(sorted({self.base.family, self.release.family}))

    @property
    def ids(self):
        names = {self.base.tokenizer, self.release.tokenizer}
        return "same ids" if len(names) == 1 else "ids shuffled" if "other" not in names else "other tokenizer"

    @property
    def half(self):
        return None if self.base.check != self.release.check else "check" if self.base.check else "calibration"


def most(count, of, confidence=0.95):
    """Clopper and Pearson's upper limit, one-sided."""
    return 1.0 if count == of else float(beta.ppf(confidence, count + 1, of - count))


def interval(count, of):
    """Clopper and Pearson's, two-sided, 95%."""
    low = 0.0 if count == 0 else float(beta.ppf(0.025, count, of - count + 1))
    return low, most(count, of, 0.975)


def table(head, rows):
    print("| " + " | ".join(head) + " |\n| " + " | ".join("---" for _ in head) + " |")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def power(log10):
    return "–" if numpy.isnan(log10) else "1" if log10 > -0.05 else f"10^{log10:.1f}"


def counts_of(pairs):
    found = Counter(pair.verdict for pair in pairs)
    return [found[verdict] for verdict in VERDICTS]


def largest(values):
    values = [value for value in values if not numpy.isnan(value)]
    return f"{max(values):.1%}" if values else "–"


def print_pairs(pairs):
    print("## Verdicts\n")
    groups = defaultdict(list)
    for pair in pairs:
        groups[pair.families, pair.ids].append(pair)
    rows = []
    for (families, ids), some in [*sorted(groups.items()), (("all", ""), pairs)]:
        rows.append([families, ids, len(some), *counts_of(some), power(min(pair.p for pair in some)),
                     largest(pair.share for pair in some)])
    table(["families", "tokens", "ordered pairs", *VERDICTS, "least corrected p", "largest share"], rows)

    print("## The promised rate\n")
    matches = sum(pair.verdict == "MATCH" for pair in pairs)
    models = len({pair.base.name for pair in pairs})
    low, high = interval(matches, len(pairs))
    print(f"{matches} of {len(pairs)} ordered pairs are MATCH; 95% interval of the rate, were the pairs independent of each "
          f"other, {low:.1g} to {high:.2g}. They are not: {models} models make them, and of {models // 2} pairs without a "
          f"common model {matches} leave at most {most(0, models // 2):.2g}. In any case no count of pairs reaches 1e-6: "
          "they check the assumption, and order_bound.py the bound.\n")
    rows = []
    for what, values in (("corrected, least of all tests", [pair.p for pair in pairs]),
                         *((f"{test}, corrected for its own number of tests", [pair.least[test] for pair in pairs])
                           for test in pairs[0].least)):
        values = numpy.array([value for value in values if not numpy.isnan(value)])
        row = [what, len(values), power(min(0.0, values.min()))]
        for alpha in (0.5, 0.1, 0.05, 0.01, 0.001):
            count = int((values <= numpy.log10(alpha)).sum())
            row.append(f"{count} ({most(count, len(values)):.2%})")
        rows.append(row)
    print("How many p-values are at most so large, and the upper limit of the rate (95%, one-sided, pairs taken as independent):\n")
    table(["p", "pairs", "least", "≤ 0.5", "≤ 0.1", "≤ 0.05", "≤ 0.01", "≤ 0.001"], rows)


def print_twins(program, twins):
    print("## One initialisation, different texts\n\nNot independent, and they must match.\n")
    rows = []
    for first, twin in twins:
        for base, release in ((first, twin), (twin, first)):
            pair = Pair(program, base, release)
            rows.append([first.family, f"seed {first.seed}, text {base.corpus} and {release.corpus}", pair.verdict,
                         power(pair.p), largest([pair.share])])
    table(["family", "pair", "verdict", "corrected p", "share"], rows)


# Whether embeddings correspond: other statistics than the program's, computed apart from it.


def embedding(spec):
    return Model.read(spec.folder).t["embedding"].double().numpy()


def cosines_after_fit(x, y, fitted, tested):
    """Tested tokens of `x`, mapped by what fits the other ones best, against those of `y`: tokens × tokens."""
    u, _, v = numpy.linalg.svd(x[fitted].T @ y[fitted], full_matrices=False)
    a = (x[tested] - x[fitted].mean(0)) @ (u @ v)
    b = y[tested] - y[fitted].mean(0)
    unit = lambda rows: rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
    return unit(a) @ unit(b).T


def own_less_others(cosines):
    """Mean cosine with the token's own embedding less that with all others, and its standard errors were the tokens of one
    model put in random order: the exact variance of such a sum over permutations (Hoeffding)."""
    n = len(cosines)
    own = numpy.trace(cosines) / n
    centred = cosines - cosines.mean(0) - cosines.mean(1)[:, None] + cosines.mean()
    error = numpy.sqrt((centred ** 2).sum() / (n - 1)) / n
    mean = (own - cosines.mean()) * n / (n - 1)
    return mean, (own - cosines.mean()) / error


def correspondence(x, y):
    """The program's rule (similarity, in standard errors), and that of all other tokens, on one eighth and on all eighths."""
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    eighth = numpy.arange(n) % 8
    out = {}
    means, zs = [], []
    for fold in (4, 0, 1, 2, 3, 5, 6, 7):
        cosines = cosines_after_fit(x, y, eighth != fold, eighth == fold)
        if fold == 4:
            count = len(cosines)
            differences = numpy.diag(cosines) - cosines[numpy.arange(count), (numpy.arange(count) + count // 2) % count]
            out["one other token"] = (differences.mean(), differences.mean() / (differences.std(ddof=1) / count ** 0.5))
        mean, z = own_less_others(cosines)
        means.append(mean)
        zs.append(z)
        if fold == 4:
            out["all other tokens"] = (mean, z)
    # Folds share what they are fitted on, and in random order are nearly uncorrelated: measured, not proven.
    out["all other tokens, eight folds"] = (float(numpy.mean(means)), float(numpy.sum(zs) / 8 ** 0.5))
    return out


def print_embeddings(pairs, quick):
    """Populations: independent models of one tokenizer, whose embeddings do correspond; and such as cannot."""
    print("## Whether embeddings correspond\n")
    models = {pair.base.name: embedding(pair.base) for pair in pairs}
    random = numpy.random.default_rng(1)
    unordered = [pair for pair in pairs if pair.half and pair.base.name < pair.release.name]
    populations = defaultdict(list)
    off = 0.0
    for pair in unordered:
        x, y = models[pair.base.name], models[pair.release.name]
        if x.shape[1] > y.shape[1]:
            continue  # the program fits the narrower one into the wider one; one direction is enough
        found = correspondence(x, y)
        populations[pair.ids, pair.half].append(found)
        off = max(off, abs(found["one other token"][0] - pair.similarity))
        if pair.ids == "same ids":
            n = min(len(x), len(y))
            populations["tokens in random order", pair.half].append(correspondence(x, y[random.permutation(n)]))
            populations["embeddings replaced", pair.half].append(
                correspondence(x, random.normal(size=y.shape) * y.std()))
    print(f"The program's similarity is that of NumPy's to {off:.1g} (where it pairs tokens by id).\n")
    rows = []
    order = ("same ids", "ids shuffled", "other tokenizer", "tokens in random order", "embeddings replaced")
    for population in order:
        for half in ("calibration", "check"):
            found = populations[population, half]
            if not found:
                continue
            for rule in found[0]:
                means = numpy.array([entry[rule][0] for entry in found])
                zs = numpy.array([entry[rule][1] for entry in found])
                quantile = lambda v: " / ".join(f"{q:.2f}" for q in numpy.quantile(v, (0, 0.05, 0.5, 0.95, 1)))
                rows.append([population, half, len(found), rule, quantile(means), quantile(zs)])
    print("Least, 5%, median, 95% and largest:\n")
    table(["pairs", "half", "number", "against", "similarity", "standard errors"], rows)
    rows = []
    for rule in ("one other token", "all other tokens", "all other tokens, eight folds"):
        for least, errors in ((0.05, 4), (0.05, 3), (0.03, 4), (0.03, 3), (0, 4), (0, 5), (0.03, 5), (0.02, 4), (0.05, 5)):
            row = [rule, least, errors]
            for half in ("calibration", "check"):
                for population in order:
                    found = populations[population, half]
                    count = sum(entry[rule][0] >= least and entry[rule][1] >= errors for entry in found)
                    row.append(f"{count} of {len(found)}")
            rows.append(row)
    print("How many would be taken to correspond:\n")
    table(["against", "similarity at least", "standard errors", *(f"{half}: {population}" for half in ("calibration", "check")
                                                                 for population in order)], rows)


def print_shares(pairs, twins):
    print("## The share\n")
    rows = []
    for half in ("calibration", "check"):
        some = [pair for pair in pairs if pair.half == half and not numpy.isnan(pair.share)]
        if not some:
            continue
        shares = numpy.array([pair.share for pair in some])
        agreeing = numpy.array([pair.agreeing for pair in some])
        row = [half, len(some), *(f"{value:.1%}" for value in numpy.quantile(shares, (0.5, 0.95, 0.99, 1))), agreeing.max()]
        for threshold in (0.05, 0.1, 0.15, 0.2):
            count = int((shares >= threshold).sum())
            row.append(f"{count} ({most(count, len(some)):.2%})")
        rows.append(row)
    table(["half", "pairs", "median", "95%", "99%", "largest", "most neurons", "≥ 5%", "≥ 10%", "≥ 15%", "≥ 20%"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--text", type=Path, action="append", help="plain text; the excerpt of Opticks is always the last")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    texts = Texts([*(options.text or []), OPTICKS])
    steps = 20 if options.quick else STEPS
    apart, twins = specs(QUICK, QUICK_TWINS) if options.quick else specs(GROUPS, TWINS)
    for spec in [*apart, *(twin for _, twin in twins)]:
        make(spec, texts, options.cache, steps)

    print("# Independent pairs\n\n`bench/audit/independent_pairs.py` printed this.\n\n## Models\n")
    print(f"{steps} steps of {BATCH * LENGTH} tokens from random weights. Losses are of text that was kept out, in nats a token, "
          "beside those of counts of the same text: of tokens, and of pairs of tokens.\n")
    groups = defaultdict(list)
    for spec in apart:
        groups[spec.family, spec.width, "tied" if spec.tied else "untied", spec.tokenizer].append(spec)
    rows = []
    for group, some in groups.items():
        ends = ([spec.losses[key] for spec in some] for key in ("loss", "pairs", "tokens"))
        rows.append([*group, len(some), *(f"{min(losses):.2f} to {max(losses):.2f}" for losses in ends)])
    table(["family", "hidden size", "head", "tokenizer", "models", "loss", "pairs counted", "tokens counted"], rows)

    pairs = [Pair(options.program, base, release) for base, release in itertools.permutations(apart, 2)]
    print_pairs(pairs)
    print_twins(options.program, twins)
    print_shares(pairs, twins)
    print_embeddings(pairs, options.quick)
    for pair in pairs:
        if pair.verdict in ("MATCH", "MATCH_EMPIRICAL"):
            print(f"FALSE: {pair.base.folder} and {pair.release.folder} are {pair.verdict}", file=sys.stderr)


if __name__ == "__main__":
    main()
