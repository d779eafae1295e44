#!/usr/bin/env python3
"""Checks the bound on which `azimuth audit` rests: a real model's coordinates, neurons and values are put in random order a
million times, and the frequency of each p-value is held against it. Prints bench/audit/order_bound.md.

    python3 -m venv VENV && VENV/bin/pip install torch==2.15.0 transformers==5.24.0 gguf scipy
    VENV/bin/python bench/audit/order_bound.py "$(scripts/fetch_model)"

None of Azimuth's code. Ends with 1 where a frequency is larger than it may be. `--draws 20000` for a quick run.
"""

import argparse
import bisect
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy
import torch
from models import Model
from scipy.stats import beta
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ALPHAS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
BATCH = 4000  # so that the ends of all runs stay in a cache


def bounds(sizes):
    """For each k, the expected number of increasing subsequences of k in all, over groups of these sizes: exact."""
    total = [Fraction(1)]
    for n in sizes:
        one = [Fraction(math.comb(n, k), math.factorial(k)) for k in range(n + 1)]
        # Beyond some length all are below 1e-30.
        one = one[:next((k for k, value in enumerate(one) if k > 1 and value < Fraction(1, 10 ** 30)), n + 1)]
        out = [Fraction(0)] * (len(total) + len(one) - 1)
        for i, a in enumerate(total):
            for j, b in enumerate(one):
                out[i + j] += a * b
        total = out
    return [float(value) for value in total]


def longest(orders):
    """Of each row, a permutation, the length of the longest increasing subsequence."""
    count, n = orders.shape
    ends = numpy.full((8, count), n, dtype=orders.dtype)  # least last element of a run of each length
    columns = numpy.arange(count)
    for i in range(n):
        x = orders[:, i]
        at = (ends < x).sum(axis=0, dtype=numpy.int16)
        if at.max() == len(ends) - 1:
            ends = numpy.concatenate([ends, numpy.full_like(ends, n)])
        ends[at, columns] = x
    return (ends < n).sum(axis=0)


def longest_of_one(order):
    ends = []
    for x in order:
        at = bisect.bisect_left(ends, x)
        ends[at:at + 1] = [x]
    return len(ends)


def exact_tail(n, k):
    """Of permutations of n, by hook lengths: Schensted's correspondence squares the number of tableaux of each shape."""
    total = 0

    def shapes(left, most, shape):
        nonlocal total
        if left == 0:
            if shape[0] >= k:
                columns = [sum(row > i for row in shape) for i in range(shape[0])]
                hooks = math.prod(row - i + columns[i] - j - 1 for j, row in enumerate(shape) for i in range(row))
                total += (math.factorial(n) // hooks) ** 2
            return
        for row in range(min(left, most), 0, -1):
            shapes(left - row, row, [*shape, row])

    shapes(n, n, [])
    return total / math.factorial(n)


def mutual(similarities):
    """Pairs (release's row, base's row) that are each other's nearest, by the release's row."""
    of_base, of_release = similarities.argmax(axis=0), similarities.argmax(axis=1)
    rows = numpy.arange(len(of_release))
    kept = rows[of_base[of_release] == rows]
    return kept, of_release[kept]


def unit(rows):
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def check_equivariance(random, base, release, times=50):
    """That the rows which are matched do not depend on the base's order: then the order of the matched is that of the base."""
    first = mutual(release @ base.T)
    for _ in range(times):
        order = random.permutation(len(base))
        rows, matched = mutual(release @ base[order].T)
        assert (rows == first[0]).all() and (order[matched] == first[1]).all()
    return len(first[0])


def draw(random, sizes, draws):
    """Of random orders of groups of these sizes, how long the runs of all groups are together."""
    out = []
    while sum(map(len, out)) < draws:
        length = 0
        for n in sizes:
            orders = random.permuted(numpy.tile(numpy.arange(n, dtype=numpy.int16), (BATCH, 1)), axis=1)
            found = longest(orders)
            assert [longest_of_one(order) for order in orders[:20].tolist()] == found[:20].tolist()
            length = length + found
        out.append(length)
    return numpy.concatenate(out)[:draws]


def interval(count, of):
    low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
    return low, beta.ppf(0.975, count + 1, of - count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--draws", type=int, default=1_000_000)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    random = numpy.random.default_rng(1)
    model = Model.of(AutoModelForCausalLM.from_pretrained(options.gguf.parent, gguf_file=options.gguf.name,
                                                          dtype=torch.float32))
    array = lambda role: model.t[role].numpy()
    gate = lambda b: unit(array(f"{b}.0.gate") * array(f"{b}.ffn_norm"))
    value = lambda b: unit(array(f"{b}.v") * array(f"{b}.attention_norm"))
    columns = unit(array("embedding")[::8].T.copy())
    size = model.config["head_dim"]
    heads = lambda b: [value(b)[head * size:(head + 1) * size] for head in range(model.kv_heads)]
    sample = numpy.arange(256) * len(gate(5)) // 256

    cases = [("coordinates, against themselves", [check_equivariance(random, columns, columns)]),
             ("neurons of block 6, 256 of them, against block 6", [check_equivariance(random, gate(5)[sample], gate(5))]),
             ("neurons of block 6, 256 of them, against block 16", [check_equivariance(random, gate(5)[sample], gate(15))]),
             ("neurons of block 6, 32 of them, against block 26",
              [check_equivariance(random, gate(5)[sample[::8]], gate(25))]),
             ("values of block 6, three heads, against themselves",
              [check_equivariance(random, head, head) for head in heads(5)]),
             ("values of block 6, three heads, against block 16",
              [check_equivariance(random, head, other) for head, other in zip(heads(5), heads(15))])]

    print("# The bound, against random orders of a real model\n\n`bench/audit/order_bound.py` printed this.\n")
    print(f"Rows of {options.gguf.stem}, {options.draws:,} random orders in each case. The pairs that are each other's nearest stay "
          "the same in any order of the base (checked for 50 orders each), so that the matched ones stand in a random order of their "
          "number. `k` is the least length whose bound is at most `p`; the interval is Clopper and Pearson's, 95%; the exact "
          "probability, for few rows, from hook lengths.\n")
    head = ["what is put in random order", "matched", "p", "k", "bound", "drawn so long", "frequency, interval", "exact",
            "median length", "longest"]
    print("| " + " | ".join(head) + " |\n| " + " | ".join("---" for _ in head) + " |")
    wrong = 0
    for name, sizes in cases:
        lengths = draw(random, sizes, options.draws)
        bound = bounds(sizes)
        for alpha in ALPHAS:
            # The bound falls with k once it is below 1.
            k = next((k for k in range(len(bound)) if k > 0 and max(bound[k:]) <= alpha), None)
            if k is None:
                continue
            count = int((lengths >= k).sum())
            low, high = interval(count, options.draws)
            wrong += low > bound[k]
            exact = f"{exact_tail(sizes[0], k):.2g}" if len(sizes) == 1 and sizes[0] <= 40 else "–"
            print(f"| {name} | {' + '.join(map(str, sizes))} | {alpha:g} | {k} | {bound[k]:.2g} | {count} | "
                  f"{count / options.draws:.2g}, {low:.2g} to {high:.2g} | {exact} | {numpy.median(lengths):.0f} | "
                  f"{lengths.max()} |", flush=True)
    print(f"\n{wrong} frequencies are certainly larger than their bound.")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
