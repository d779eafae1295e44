"""Makes releases of a base by many operations, has each audited, and prints the table in docs/audit.md.

    python bench/audit/releases.py build/release/bin/azimuth "$(scripts/fetch_model)"

Needs torch, transformers, safetensors and gguf, about 2 GB in the temporary folder, and some minutes. Operations that do
not change what the model computes are checked: its logits stay the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from array import array
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

SMALL_VOCABULARY = 1024
IDS = Path(__file__).parents[2] / "examples/data/opticks.ids"
VERDICTS = {"VERDICT_MATCH": "MATCH", "VERDICT_MATCH_EMPIRICAL": "MATCH_EMPIRICAL", "VERDICT_NO_MATCH": "NO_MATCH",
            "VERDICT_INCONCLUSIVE": "INCONCLUSIVE"}
INPUTS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj")
OUTPUTS = ("self_attn.o_proj", "mlp.down_proj")
EMBEDDING = "model.embed_tokens.weight"


class Model:
    """Tensors by name, and a configuration, of a LLaMA."""

    def __init__(self, tensors, config):
        self.t = {name: tensor.clone() for name, tensor in tensors.items()}
        self.config = dict(config)

    @classmethod
    def of(cls, module):
        tensors = {name: tensor for name, tensor in module.state_dict().items() if name != "lm_head.weight"}
        return cls(tensors, module.config.to_dict())

    def copy(self):
        return Model(self.t, self.config)

    def blocks(self):
        return range(self.config["num_hidden_layers"])

    def at(self, block, name):
        return f"model.layers.{block}.{name}.weight"

    def write(self, folder):
        folder.mkdir()
        save_file({name: tensor.clone().contiguous() for name, tensor in self.t.items()}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(self.config, default=str))

    def logits(self, ids):
        model = LlamaForCausalLM(LlamaConfig(**self.config))
        model.load_state_dict(self.t, strict=False)
        if self.config["tie_word_embeddings"]:
            model.tie_weights()
        with torch.no_grad():
            return model.eval()(ids).logits


# What may be done to a model. Each takes one and gives another.


def rounded(model):
    for name in model.t:
        model.t[name] = model.t[name].bfloat16()
    return model


def noisy(model):
    for name, tensor in model.t.items():
        if tensor.dim() == 2:
            model.t[name] = tensor + 0.3 * tensor.std() * torch.randn_like(tensor)
    return model


def random_like(model):
    for name, tensor in model.t.items():
        if tensor.dim() == 2:
            model.t[name] = tensor.std() * torch.randn_like(tensor)
    return model


def merged(model):
    other = random_like(model.copy())
    for name, tensor in model.t.items():
        model.t[name] = 0.3 * tensor + 0.7 * other.t[name]
    return model


def finetuned(steps, rate, ids):
    def apply(model):
        module = LlamaForCausalLM(LlamaConfig(**model.config))
        module.load_state_dict(model.t, strict=False)
        if model.config["tie_word_embeddings"]:
            module.tie_weights()
        train(module, ids, steps, rate, batch=1, length=64)
        return Model.of(module)
    return apply


def neurons_permuted(model):
    for block in model.blocks():
        order = torch.randperm(model.config["intermediate_size"])
        for name in ("mlp.gate_proj", "mlp.up_proj"):
            model.t[model.at(block, name)] = model.t[model.at(block, name)][order]
        model.t[model.at(block, "mlp.down_proj")] = model.t[model.at(block, "mlp.down_proj")][:, order]
    return model


def heads_permuted(model):
    kv = model.config["num_key_value_heads"]
    group = model.config["num_attention_heads"] // kv
    for block in model.blocks():
        order = torch.randperm(kv)
        for name, each in (("q_proj", group), ("k_proj", 1), ("v_proj", 1), ("o_proj", group)):
            key = model.at(block, "self_attn." + name)
            rows = model.t[key].T if name == "o_proj" else model.t[key]
            rows = rows.reshape(kv, each * model.config["head_dim"], -1)[order].reshape(rows.shape)
            model.t[key] = rows.T if name == "o_proj" else rows
    return model


def values_permuted(model):
    """Within heads, with the columns that read them."""
    size, kv = model.config["head_dim"], model.config["num_key_value_heads"]
    group = model.config["num_attention_heads"] // kv
    for block in model.blocks():
        orders = [torch.randperm(size) for _ in range(kv)]
        rows = torch.cat([head * size + order for head, order in enumerate(orders)])
        columns = torch.cat([head * size + orders[head // group] for head in range(kv * group)])
        model.t[model.at(block, "self_attn.v_proj")] = model.t[model.at(block, "self_attn.v_proj")][rows]
        model.t[model.at(block, "self_attn.o_proj")] = model.t[model.at(block, "self_attn.o_proj")][:, columns]
    return model


def residual_permuted(model):
    order = torch.randperm(model.config["hidden_size"])
    for name, tensor in model.t.items():
        if tensor.dim() == 1 or not name.endswith(tuple(f"{output}.weight" for output in OUTPUTS)):
            model.t[name] = tensor[..., order]
        else:
            model.t[name] = tensor[order]
    return model


def rotated(model):
    """With the norms folded into the matrices behind them, as a rotation needs it; the head is no longer tied."""
    q, _ = torch.linalg.qr(torch.randn(model.config["hidden_size"], model.config["hidden_size"], dtype=torch.float64))
    turn = lambda rows: (rows.double() @ q).float()
    for block in model.blocks():
        for norm, names in (("input_layernorm", INPUTS[:3]), ("post_attention_layernorm", INPUTS[3:])):
            for name in names:
                key = model.at(block, name)
                model.t[key] = turn(model.t[key] * model.t[model.at(block, norm)])
            model.t[model.at(block, norm)] = torch.ones_like(model.t[model.at(block, norm)])
        for name in OUTPUTS:
            model.t[model.at(block, name)] = turn(model.t[model.at(block, name)].T).T
    model.t["lm_head.weight"] = turn(model.t[EMBEDDING] * model.t["model.norm.weight"])
    model.t["model.norm.weight"] = torch.ones_like(model.t["model.norm.weight"])
    model.t[EMBEDDING] = turn(model.t[EMBEDDING])
    model.config["tie_word_embeddings"] = False
    return model


def neurons_pruned(model):
    size = model.config["intermediate_size"]
    kept = size * 2 // 3
    for block in model.blocks():
        order = torch.randperm(size)[:kept].sort().values
        for name in ("mlp.gate_proj", "mlp.up_proj"):
            model.t[model.at(block, name)] = model.t[model.at(block, name)][order]
        model.t[model.at(block, "mlp.down_proj")] = model.t[model.at(block, "mlp.down_proj")][:, order]
    model.config["intermediate_size"] = kept
    return model


def with_blocks(choose):
    def apply(model):
        chosen = choose(model.config["num_hidden_layers"])
        tensors = {name: tensor for name, tensor in model.t.items() if ".layers." not in name}
        for new, old in enumerate(chosen):
            prefix = f"model.layers.{old}."
            for name, tensor in model.t.items():
                if name.startswith(prefix):
                    tensors[f"model.layers.{new}." + name[len(prefix):]] = tensor
        model.t = tensors
        model.config["num_hidden_layers"] = len(chosen)
        model.config.pop("layer_types", None)
        return model
    return apply


def narrowed(model):
    """Without an eighth of the coordinates of the residual stream."""
    size = model.config["hidden_size"]
    kept = torch.randperm(size)[:size * 7 // 8].sort().values
    for name, tensor in model.t.items():
        if tensor.dim() == 1 or not name.endswith(tuple(f"{output}.weight" for output in OUTPUTS)):
            model.t[name] = tensor[..., kept]
        else:
            model.t[name] = tensor[kept]
    model.config["hidden_size"] = len(kept)
    return model


def embeddings_replaced(model):
    model.t[EMBEDDING] = model.t[EMBEDDING].std() * torch.randn_like(model.t[EMBEDDING])
    return model


def all_of(*operations):
    def apply(model):
        for operation in operations:
            model = operation(model)
        return model
    return apply


def framed(base, release):
    """`base` with its neurons put into the order in which those of `release` come that are nearest to them."""
    model = base.copy()
    for block in model.blocks():
        gate = model.at(block, "mlp.gate_proj")
        norm = model.at(block, "post_attention_layernorm")
        ours = torch.nn.functional.normalize(base.t[gate] * base.t[norm], dim=1)
        theirs = torch.nn.functional.normalize(release.t[gate] * release.t[norm], dim=1)
        cosines = ours @ theirs.T
        order = cosines.argmax(dim=1).argsort(stable=True)
        for name in ("mlp.gate_proj", "mlp.up_proj"):
            model.t[model.at(block, name)] = base.t[model.at(block, name)][order]
        model.t[model.at(block, "mlp.down_proj")] = base.t[model.at(block, "mlp.down_proj")][:, order]
    return model


# Models.


def train(module, ids, steps, rate, batch, length):
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=0.01)
    module.train()
    for _ in range(steps):
        starts = torch.randint(len(ids) - length, (batch,)).tolist()
        tokens = torch.stack([ids[start:start + length] for start in starts])
        optimiser.zero_grad()
        loss = module(tokens, labels=tokens).loss
        loss.backward()
        optimiser.step()
    return loss.item()


def frequent(ids):
    """The 1,024 most frequent tokens of a text, numbered anew."""
    kept = ids.bincount().argsort(descending=True)[:SMALL_VOCABULARY]
    number = torch.full((ids.max() + 1,), -1)
    number[kept] = torch.randperm(SMALL_VOCABULARY)
    return number[ids][number[ids] >= 0]


def small_model(seed, ids):
    """English, 400 steps from random weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(vocab_size=SMALL_VOCABULARY, hidden_size=64, intermediate_size=176, num_hidden_layers=4, head_dim=16,
                         num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True)
    module = LlamaForCausalLM(config)
    loss = train(module, ids, steps=400, rate=3e-3, batch=8, length=64)
    print(f"small model {seed}: loss {loss:.2f} after 400 steps", file=sys.stderr, flush=True)
    return Model.of(module)


def real_model(gguf):
    module = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model = Model.of(module)
    model.config.pop("quantization_config", None)
    return model


# The table.


class Bench:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.wrong = 0
        print("| base | release | verdict | expected | log10 p | best test | share | elsewhere |\n"
              "| --- | --- | --- | --- | --- | --- | --- | --- |")

    def audit(self, base, release):
        ended = subprocess.run([self.program, "audit", "--base", base, "--release", release, "--format", "json"],
                               capture_output=True, text=True, check=False)
        if ended.returncode not in (0, 1, 4):
            raise RuntimeError(ended.stderr)
        return json.loads(ended.stdout)

    def row(self, names, expected, base, release):
        result = self.audit(base, release)
        verdict = VERDICTS[result["verdict"]]
        exact = [test for test in result["exact"] if test["log10_corrected_p"] != "NaN"]
        best = min(exact, key=lambda test: test["log10_corrected_p"], default=None)
        found = f"{best['test']}, {best['in_order']} of {best['matched']}" if best else "–"
        p = f"{best['log10_corrected_p']:.0f}" if best else "–"
        share = result["share"] if result["share"] != "NaN" else float("nan")
        control = max((entry["control"] for entry in result["shares"]), default=float("nan"))
        self.wrong += verdict not in expected
        print(f"| {names[0]} | {names[1]} | {verdict} | {' or '.join(expected)} | {p} | {found} | {share:.1%} | "
              f"{control:.1%} |", flush=True)

    def release(self, name, expected, base, base_folder, operation, base_name, same=None):
        model = operation(base.copy())
        if same is not None:
            ids, logits = same
            off = (model.logits(ids) - logits).abs().max() / logits.abs().max()
            assert off < 1e-3, f"{name} changes the logits by {off:.2g}"
        folder = self.folder / "release"
        model.write(folder)
        self.row((base_name, name), expected, base_folder, folder)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def real_rows(bench, gguf):
    """Releases of the model in a GGUF file."""
    base = real_model(gguf)
    base_folder = bench.folder / "base"
    base.write(base_folder)
    ids = torch.tensor(array("H", IDS.read_bytes()).tolist())
    same = (ids[None, :32], base.logits(ids[None, :32]))
    once = finetuned(8, 1e-3, ids)(base.copy())
    tuned = lambda model: once.copy()
    smollm2 = "SmolLM2-135M, float32"
    bench.row((smollm2, "its GGUF, Q4_1"), ["MATCH"], base_folder, gguf)
    bench.row(("SmolLM2-135M, Q4_1", "float32"), ["MATCH"], gguf, base_folder)
    for name, operation, check in (
            ("bfloat16", rounded, None),
            ("noise of 30%", noisy, None),
            ("fine-tuned, 8 steps at 1e-3", tuned, None),
            ("neurons permuted", neurons_permuted, same),
            ("KV heads permuted", heads_permuted, same),
            ("residual permuted", residual_permuted, same),
            ("rotated, norms folded", rotated, same),
            ("a third of the neurons pruned", neurons_pruned, None),
            ("an eighth of the hidden size pruned", narrowed, None),
            ("every sixth block removed", with_blocks(lambda n: [i for i in range(n) if i % 6]), None),
            ("depth up-scaled, blocks 1–20 and 11–30", with_blocks(lambda n: [*range(20), *range(10, n)]), None),
            ("30% of it, 70% random of the same scale", merged, None),
            ("rotated, neurons permuted", all_of(rotated, neurons_permuted), same),
            ("rotated, neurons and values permuted", all_of(rotated, neurons_permuted, values_permuted), same),
            ("fine-tuned, blocks out, rotated, neurons and heads permuted",
             all_of(tuned, with_blocks(lambda n: [i for i in range(n) if i % 6]), rotated, neurons_permuted,
                    heads_permuted), None)):
        expected = ["MATCH", "MATCH_EMPIRICAL"] if "neurons" in name else ["MATCH"]
        bench.release(name, expected, base, base_folder, operation, smollm2, check)
    bench.release("embeddings replaced, rotated, neurons and heads permuted", ["INCONCLUSIVE"], base, base_folder,
                  all_of(embeddings_replaced, rotated, neurons_permuted, heads_permuted), smollm2)
    bench.release("random weights of the same scale", ["INCONCLUSIVE", "NO_MATCH"], base, base_folder, random_like,
                  smollm2)


def small_rows(bench):
    """Small models of English, trained apart on two halves of a text, two of them on each."""
    text = frequent(torch.tensor(array("H", IDS.read_bytes()).tolist()))
    half = len(text) // 2
    small = [small_model(seed, text[:half] if seed % 2 else text[half:]) for seed in range(1, 5)]
    folders = []
    for number, model in enumerate(small, 1):
        folders.append(bench.folder / f"small {number}")
        model.write(folders[-1])
    bench.release("fine-tuned, 400 steps on the other half", ["MATCH"], small[0], folders[0],
                  finetuned(400, 1e-3, text[half:]), "small 1")
    for a, b in ((0, 1), (2, 3)):
        bench.release(f"small {b + 1}", ["NO_MATCH"], small[b], folders[a], lambda model: model, f"small {a + 1}")
        frame = bench.folder / "framed"
        framed(small[a], small[b]).write(frame)
        bench.row((f"small {a + 1}, framed", f"small {b + 1}"), ["INCONCLUSIVE", "NO_MATCH"], frame, folders[b])
        for file in frame.iterdir():
            file.unlink()
        frame.rmdir()
    verdicts, least, shares, similarities = {}, 0.0, [], []
    for a in folders:
        for b in folders:
            if a != b:
                result = bench.audit(a, b)
                verdict = VERDICTS[result["verdict"]]
                verdicts[verdict] = verdicts.get(verdict, 0) + 1
                least = min(least, result["log10_corrected_p"])
                shares.append(result["share"])
                similarities.append(result["embeddings"]["similarity"])
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    print(f"\nAll {len(shares)} ordered pairs of independent small models: {counts}; least corrected p 10^{least:.1f}, "
          f"largest share {max(shares):.1%}, similarity of embeddings {min(similarities):.2f} to {max(similarities):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("gguf", type=Path, nargs="?", help="without it, small models alone")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(options.program, Path(temporary))
        if options.gguf:
            real_rows(bench, options.gguf)
        small_rows(bench)
        print(f"{bench.wrong} of the table's verdicts are not the expected ones")


if __name__ == "__main__":
    main()
