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
TWIN_RATES = (1e-3, 3e-3)
QUICK = (("llama", 64, True, "all", 2), ("gpt2", 64, True, "all", 1), ("mixtral", 64, True, "all", 1))
QUICK_TWINS = (("llama", 64, True, "all", 1),)
VERDICTS = ("MATCH", "MATCH_EMPIRICAL", "NO_MATCH", "INCONCLUSIVE")


def specs(groups, twins):
    """Models of their own seeds, and pairs of one seed each: the first ones with a twin, and one more pair at each lower rate."""
    apart, seed = [], 0
    for group in groups:
        for number in range(group[-1]):
            seed += 1
            apart.append(Spec(group, number, seed, 2 if number % 8 >= 6 else number // 2 % 2))
    shared = []
    for group in twins:
        firsts = [spec for spec in apart if (spec.family, spec.width, spec.tied, spec.tokenizer) == group[:4]]
        pairs = [(first, Spec(group, first.number, first.seed, 1 - first.corpus)) for first in firsts[:group[-1]]]
        for rate in TWIN_RATES:
            pairs.append(tuple(Spec(group, 0, firsts[0].seed, corpus, rate) for corpus in (0, 1)))
        for _, second in pairs:
            second.order = 1000 + second.seed
        shared += pairs
    return apart, shared


def audit(program, base, release, thorough):
    ended = subprocess.run([program, "audit", *["--thorough"] * bool(thorough), "--base", base.folder, "--release", release.folder,
                            "--format", "json"], capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1, 4):
        raise RuntimeError(f"{base.name}, {release.name}: {ended.stderr}")
    return json.loads(ended.stdout)


def number(value):
    return float("nan") if value == "NaN" else float(value)


class Pair:
    def __init__(self, program, base, release):
        self.base, self.release = base, release
        # Gram matrices take time: in one direction, within a half.
        result = audit(program, base, release, self.half and base.name < release.name)
        self.verdict = result["verdict"].removeprefix("VERDICT_")
        self.p = number(result["log10_corrected_p"])
        self.least = {test["test"]: number(test["log10_p"]) + numpy.log10(int(test["count"])) for test in result["exact"]}
        self.least["Gram matrices"] = number(result["grams"]["log10_p"])
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
                         *((f"{test}, times its number", [pair.least[test] for pair in pairs])
                           for test in pairs[0].least)):
        values = numpy.array([value for value in values if not numpy.isnan(value)])
        if not len(values):
            continue
        row = [what, len(values), power(min(0.0, values.min()))]
        for alpha in (0.5, 0.1, 0.05, 0.01, 0.001):
            count = int((values <= numpy.log10(alpha)).sum())
            row.append(f"{count} ({count / len(values):.2%}, at most {most(count, len(values)):.2%})")
        rows.append(row)
    print("How many p-values are at most so large, and the upper limit of the rate (95%, one-sided, pairs taken as independent). The order "
          "tests' bounds are wide; the p-value of Gram matrices, one test of every call that makes it, is not:\n")
    table(["p", "pairs", "least", "≤ 0.5", "≤ 0.1", "≤ 0.05", "≤ 0.01", "≤ 0.001"], rows)


def print_twins(program, twins):
    print("## One initialisation, different texts\n\nNot independent: a MATCH is right, as long as training has left a trace.\n")
    rows = []
    for first, twin in twins:
        for base, release in ((first, twin), (twin, first)):
            pair = Pair(program, base, release)
            rows.append([first.family, f"{base.rate:g}", f"seed {first.seed}, text {base.corpus} and {release.corpus}",
                         f"{base.losses['loss']:.2f}, {release.losses['loss']:.2f}", pair.verdict, power(pair.p),
                         largest([pair.share])])
    table(["family", "learning rate", "pair", "losses", "verdict", "corrected p", "share"], rows)


# Whether embeddings correspond, computed apart from the program, by its rule and by others.


def embedding(spec):
    return Model.read(spec.folder).t["embedding"].double().numpy()


def split(tokens, width):
    """Which tokens are fitted and which tested: the program's, four tokens a coordinate where there are so many."""
    eighths = numpy.clip(-(-4 * width * 8 // tokens), 1, 7)
    eighth = numpy.arange(tokens) % 8
    return numpy.isin(eighth, (0, 2, 6, 1, 5, 3, 7)[:eighths]), eighth == 4


def cosines_after_fit(x, y, centred):
    """Tested tokens of `x`, after the orthogonal map that takes the fitted ones closest to those of `y`, against those of `y`:
    tokens × tokens. The fit is of the embeddings as they are, as the program does it, or less their mean."""
    fitted, tested = split(len(x), max(x.shape[1], y.shape[1]))
    x, y = x - centred * x[fitted].mean(0), y - centred * y[fitted].mean(0)
    u, _, v = numpy.linalg.svd(x[fitted].T @ y[fitted], full_matrices=False)
    unit = lambda rows: rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
    return unit((x[tested] - x[fitted].mean(0)) @ (u @ v)) @ unit(y[tested] - y[fitted].mean(0)).T


def less_one_other(cosines):
    """The program's: mean of a token's cosine with its own embedding less that with one other token's, in standard errors too."""
    n = len(cosines)
    differences = numpy.diag(cosines) - cosines[numpy.arange(n), (numpy.arange(n) + n // 2) % n]
    return differences.mean(), differences.mean() / (differences.std(ddof=1) / n ** 0.5)


def less_all_others(cosines):
    """The same with the mean of all others; the error is that of tokens in random order, exact (Hoeffding)."""
    n = len(cosines)
    over = numpy.trace(cosines) / n - cosines.mean()
    rest = cosines - cosines.mean(0) - cosines.mean(1)[:, None] + cosines.mean()
    return over * n / (n - 1), over / (numpy.sqrt((rest ** 2).sum() / (n - 1)) / n)


RULES = {"as they are, one other": (False, less_one_other), "as they are, all others": (False, less_all_others),
         "less the mean, one other": (True, less_one_other), "less the mean, all others": (True, less_all_others)}
POPULATIONS = ("same ids", "ids shuffled", "other tokenizer", "tokens in random order", "embeddings replaced")


def correspondence(x, y):
    n = min(len(x), len(y))
    return {rule: measure(cosines_after_fit(x[:n], y[:n], centred)) for rule, (centred, measure) in RULES.items()}


def print_embeddings(pairs):
    print("## Whether embeddings correspond\n")
    models = {pair.base.name: embedding(pair.base) for pair in pairs}
    random = numpy.random.default_rng(1)
    populations = defaultdict(list)
    off = 0.0
    for pair in pairs:
        x, y = models[pair.base.name], models[pair.release.name]
        # One of two directions, from the narrower to the wider.
        if not pair.half or (x.shape[1], pair.base.name) > (y.shape[1], pair.release.name):
            continue
        found = correspondence(x, y)
        populations[pair.ids, pair.half].append(found)
        if pair.ids == "same ids":
            if "gpt2" not in pair.families:  # whose embedding has the first position's in it, to the program
                off = max(off, abs(found["as they are, one other"][0] - pair.similarity))
            populations["tokens in random order", pair.half].append(correspondence(x, y[random.permutation(len(y))]))
            populations["embeddings replaced", pair.half].append(correspondence(x, random.normal(size=y.shape) * y.std()))
    print("Similarity: how much closer a token's embedding comes to its own in the other model than to other tokens', after the map "
          "was fitted to the embeddings as they are or less their mean, and that in standard errors. `same ids` are independent "
          "models of one tokenizer: their embeddings do correspond, and NO_MATCH is right. Those of the others do not, by id, as they are "
          f"paired here (of `other tokenizer` some ids mean the same). The program's similarity differs from `{next(iter(RULES))}` by at most {off:.1g} (without GPT-2s). "
          "Least / 5% / median / 95% / largest:\n")
    rows = []
    quantiles = lambda v: " / ".join(f"{q:.2f}" for q in numpy.quantile(v, (0, 0.05, 0.5, 0.95, 1)))
    for rule in RULES:
        for population in POPULATIONS:
            for half in ("calibration", "check"):
                found = numpy.array([entry[rule] for entry in populations[population, half]])
                if len(found):
                    rows.append([rule, population, half, len(found), quantiles(found[:, 0]), quantiles(found[:, 1])])
    table(["fit, against", "pairs", "half", "number", "similarity", "standard errors"], rows)
    print("How many are taken to correspond, by rule and thresholds (calibration half, check half):\n")
    rows = []
    for rule in RULES:
        for least, errors in ((0.05, 4), (0.05, 3), (0.02, 4), (0.1, 4), (0.1, 5), (0.15, 6)):
            row = [rule, least, errors]
            for population in POPULATIONS:
                halves = (populations[population, half] for half in ("calibration", "check"))
                row.append(", ".join(f"{sum(e[rule][0] >= least and e[rule][1] >= errors for e in found)} of {len(found)}"
                                     for found in halves))
            rows.append(row)
    table(["fit, against", "similarity at least", "standard errors", *POPULATIONS], rows)


def print_shares(pairs):
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
    for spec in [*apart, *itertools.chain(*twins)]:
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
    print_shares(pairs)
    print_embeddings(pairs)
    for pair in pairs:
        if pair.verdict in ("MATCH", "MATCH_EMPIRICAL"):
            print(f"FALSE: {pair.base.folder} and {pair.release.folder} are {pair.verdict}", file=sys.stderr)


if __name__ == "__main__":
    main()
