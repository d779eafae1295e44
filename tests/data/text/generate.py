"""High-norm tokens of sequences, by Transformers' own forward pass in float64, of models in ../architectures.

    generate.py [CASE ...]

A case is a folder there. Writes CASE.json beside this file; README.md says what stands in it.
"""

import json
import random
import statistics
import sys
import zlib
from contextlib import ExitStack
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent
MODELS = HERE.parent / "architectures"
sys.path.insert(0, str(MODELS))
from generate import KeepFloat64, decoder_blocks, first, mixers_of_tokens, silence

RATIO = 10
SEQUENCES, LENGTH, VOCABULARY = 5, 14, 37
ALONE, HELPED = 9, 12  # one is made to explode by itself, the other where attention helps
FIFTH = 0.1875  # exact in float32
# How much of it the second token has.
CASES = {"llama": 0.2, "gpt2": 0.15, "gpt_neox_parallel": 0.2}
OUT = {"llama": "self_attn.o_proj", "gpt2": "attn.c_proj", "gpt_neox_parallel": "attention.dense"}


def run(model, ids, zero_attention=False):
    """Hidden states behind every block, and what the block's FFN adds: {sequences, tokens, size} each."""
    states, responses = [], []
    with ExitStack() as hooks:
        keep = lambda handle: hooks.callback(handle.remove)
        blocks = decoder_blocks(model)
        keep(blocks[0].register_forward_pre_hook(
            lambda _, args, kwargs: states.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True))
        for block in blocks:
            keep(block.mlp.register_forward_hook(lambda _, __, output: responses.append(first(output))))
            keep(block.register_forward_hook(lambda _, __, output: states.append(first(output))))
            for mixer in mixers_of_tokens(block) if zero_attention else ():
                keep(mixer.register_forward_hook(silence, with_kwargs=True))
        hooks.enter_context(KeepFloat64())
        with torch.no_grad():
            logits = model(input_ids=torch.tensor(ids), use_cache=False).logits
    return states, responses, logits


def plant(model, name, share):
    """There the FFN of block 2 explodes by what attention of block 1 writes into every token. A fifth of it is left, and the
    embeddings of two tokens are given what is missing: one of them all, the other `share` of it. Returns what was changed."""
    tokens = [[id] for id in range(VOCABULARY)]
    with_attention, without = (run(model, tokens, zero) for zero in (False, True))
    written = (with_attention[0][1] - with_attention[1][0] - without[0][1] + without[1][0]).mean(dim=(0, 1))
    weight = model.get_input_embeddings().weight
    out = decoder_blocks(model)[0].get_submodule(OUT[name]).weight
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for token, part in ((ALONE, 1.1), (HELPED, share)):
            weight[token] = (weight[token] + part * written).float().double()
        out.copy_((out.float() * FIFTH).double())
    return dict(embedding=names[id(weight)], rows={id: weight[id].tolist() for id in (ALONE, HELPED)}, scaled=names[id(out)], by=FIFTH)


def median_of(values):
    return statistics.median(values) if values else None


def figures(states, responses, ids):
    norms = [state.norm(dim=-1).tolist() for state in states]  # [block][sequence][token]
    blocks, first_block, tokens = [], {}, {"initial": {}, "others": {}}
    margin = 1.0
    peaks, last_block = {}, {}
    for l, state in enumerate(states):
        medians = [statistics.median(row) for row in norms[l]]
        high = []
        for s, row in enumerate(norms[l]):
            for t, norm in enumerate(row):
                if l == 0:
                    continue
                ratio = norm / medians[s]
                margin = min(margin, abs(ratio / RATIO - 1))
                peaks[s, t] = max(peaks.get((s, t), 0), ratio)
                if ratio >= RATIO:
                    high.append((s, t))
                    first_block.setdefault((s, t), l)
                    last_block[s, t] = l
        blocks.append(dict(
            reference_norm=statistics.median(medians),
            high_norm_initial=sum(t == 0 for _, t in high), high_norm_others=sum(t > 0 for _, t in high),
            initial_norm=statistics.median(row[0] for row in norms[l]),
            others_norm=median_of([norms[l][s][t] for s, t in high if t > 0]),
            growth=median_of([norms[l][s][t] / norms[l - 1][s][t] for s, t in high]),
            sum=sum((state[s, t] for s, t in high), torch.zeros(state.shape[-1], dtype=torch.float64)).tolist(),
            norms=sum(norms[l][s][t] for s, t in high)))
    assert margin > 1e-3, margin
    for s, row in enumerate(ids):
        for t, id in enumerate(row):
            token = tokens["others" if t else "initial"].setdefault(id, dict(id=id, occurrences=0, high_norm=0, peak_ratio=0, highest=0))
            token["occurrences"] += 1
            token["peak_ratio"] = max(token["peak_ratio"], peaks[s, t])
            if (s, t) not in first_block:
                continue
            block = first_block[s, t]
            token["first_block"] = min(block, token.get("first_block", block))
            token["last_block"] = max(last_block[s, t], token.get("last_block", 0))
            token["high_norm"] += 1
            if peaks[s, t] > token["highest"]:
                token |= dict(highest=peaks[s, t], explosion_block=block, response=responses[block - 1][s, t].norm().item())
    return blocks, {place: sorted(all.values(), key=lambda token: token["id"]) for place, all in tokens.items()}


def perplexity(logits, ids):
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), torch.tensor(ids)[:, 1:].flatten())
    return loss.exp().item()


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def main(names):
    for name in names:
        chosen = random.Random(zlib.crc32(name.encode()))
        ids = [[chosen.randrange(VOCABULARY) for _ in range(LENGTH)] for _ in range(SEQUENCES)]
        for s, t, id in ((1, 4, ALONE), (2, 0, ALONE), (2, 7, ALONE), (3, 2, ALONE), (0, 3, HELPED), (0, 9, HELPED), (1, 0, HELPED),
                         (1, 8, HELPED), (4, 5, HELPED), (4, 11, HELPED)):
            ids[s][t] = id
        model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float64, attn_implementation="eager").eval()
        changes = plant(model, name, CASES[name])
        states, responses, logits = run(model, ids)
        blocks, tokens = figures(states, responses, ids)
        alone, alone_responses, _ = run(model, [[id] for id in range(VOCABULARY)], zero_attention=True)
        alone = dict(norms=[state.norm(dim=-1).flatten().tolist() for state in alone],
                     responses=[response.norm(dim=-1).flatten().tolist() for response in alone_responses])
        high = [f"{token['id']}: {token['high_norm']}/{token['occurrences']}" for token in tokens["others"] if token["high_norm"]]
        print(f"{name:20} high-norm by block {[(b['high_norm_initial'], b['high_norm_others']) for b in blocks]}, others {', '.join(high)}")
        result = dict(transformers=transformers.__version__, changes=changes, ids=ids,
                      perplexity=perplexity(logits, ids), blocks=blocks, **tokens, alone=alone)
        text = ",\n".join(f'"{key}": {json.dumps(rounded(value))}' for key, value in result.items())
        (HERE / f"{name}.json").write_text("{" + text.replace("}, {", "},\n{").replace("], [", "],\n[") + "}\n")


if __name__ == "__main__":
    main(sys.argv[1:] or CASES)
