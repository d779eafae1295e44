"""Language models of three families for the scripts beside this file: trained from random weights on a text, kept in a
folder, and seen in one form, whatever the names and shapes of their files are."""

import json
import os
import re
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MixtralConfig,
                          MixtralForCausalLM)

OPTICKS = Path(__file__).parents[2] / "examples/data/opticks.txt"
BATCH, LENGTH = 16, 64
STEPS = 500
RATES = {"llama": 1e-2, "mixtral": 1e-2, "gpt2": 6e-3}
VOCABULARY = 1024


class Model:
    """Tensors by role, matrices as outputs × inputs. Roles: `embedding`, `positions`, `head` (where it is not tied), `norm`;
    of block b `b.attention_norm`, `b.q`, `b.k`, `b.v`, `b.o`, `b.ffn_norm`, `b.router`; of its expert e (0 where there is no
    mixture) `b.e.gate` (where FFNs are gated), `b.e.up`, `b.e.down`. A bias has `.bias` behind the role."""

    def __init__(self, tensors, config):
        self.t = {role: tensor.detach().clone() for role, tensor in tensors.items()}
        self.config = dict(config)

    def copy(self):
        return Model(self.t, self.config)

    @property
    def family(self):
        return self.config["model_type"]

    @property
    def depth(self):
        return self.config["n_layer" if self.family == "gpt2" else "num_hidden_layers"]

    @property
    def heads(self):
        return self.config["n_head" if self.family == "gpt2" else "num_attention_heads"]

    @property
    def kv_heads(self):
        return self.heads if self.family == "gpt2" else self.config["num_key_value_heads"]

    @property
    def width(self):
        return self.t["embedding"].shape[1]

    @property
    def tied(self):
        return "head" not in self.t

    def blocks(self):
        return range(self.depth)

    def ffns(self, block):
        return range(self.config["num_local_experts"] if self.family == "mixtral" else 1)

    def readers(self, block):
        """The roles that read the residual stream in a block, by the norm before them."""
        ffn = [f"{block}.{e}.{name}" for e in self.ffns(block) for name in ("gate", "up")]
        return {f"{block}.attention_norm": [f"{block}.{name}" for name in "qkv"],
                f"{block}.ffn_norm": [role for role in [f"{block}.router", *ffn] if role in self.t]}

    def writers(self):
        return [f"{b}.o" for b in self.blocks()] + [f"{b}.{e}.down" for b in self.blocks() for e in self.ffns(b)]

    @classmethod
    def of(cls, module):
        return cls.from_files(dict(module.state_dict()), module.config.to_dict())

    @classmethod
    def read(cls, folder):
        return cls.from_files(load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text()))

    @classmethod
    def from_files(cls, files, config):
        family = config["model_type"]
        t = {}
        for name, tensor in files.items():
            name = re.sub(r"^(model|transformer)\.", "", name)
            for pattern, role in NAMES[family]:
                match = re.fullmatch(pattern, name)
                if match:
                    t[match.expand(role)] = tensor
        if config.get("tie_word_embeddings", True):
            t.pop("head", None)
        for block in range(config.get("n_layer") or config.get("num_hidden_layers")):
            if family == "gpt2":
                for role in (f"{block}.o", f"{block}.0.up", f"{block}.0.down"):
                    t[role] = t[role].T
                for end in ("", ".bias"):
                    parts = t.pop(f"{block}.qkv{end}").chunk(3, dim=-1)
                    for name, part in zip("qkv", parts):
                        t[f"{block}.{name}{end}"] = part.T if part.dim() == 2 else part
            elif f"{block}.gate_up" in t:
                gate_up, down = t.pop(f"{block}.gate_up"), t.pop(f"{block}.down")
                for e in range(config["num_local_experts"]):
                    t[f"{block}.{e}.gate"], t[f"{block}.{e}.up"] = gate_up[e].chunk(2)
                    t[f"{block}.{e}.down"] = down[e]
        return cls(t, config)

    def files(self):
        """By the names that checkpoints have."""
        t = dict(self.t)
        for block in self.blocks():
            if self.family != "gpt2":
                continue
            for role in (f"{block}.o", f"{block}.0.up", f"{block}.0.down"):
                t[role] = t[role].T
            for end in ("", ".bias"):
                parts = torch.cat([t.pop(f"{block}.{name}{end}") for name in "qkv"])
                t[f"{block}.qkv{end}"] = parts.T if parts.dim() == 2 else parts
        prefix = "transformer." if self.family == "gpt2" else "model."
        out = {}
        for role, tensor in t.items():
            for pattern, name in FILE_NAMES[self.family]:
                match = re.fullmatch(pattern, role)
                if match:
                    name = match.expand(name)
                    out[name if name.startswith("lm_head") else prefix + name] = tensor.clone().contiguous()
        assert len(out) == len(t), set(t) - set(out)
        return out

    def write(self, folder, tokenizer=None):
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.files(), folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(self.config, default=str))
        if tokenizer is not None:
            tokenizer.save(str(folder / "tokenizer.json"))

    def module(self):
        kinds = {"gpt2": (GPT2Config, GPT2LMHeadModel), "llama": (LlamaConfig, LlamaForCausalLM),
                 "mixtral": (MixtralConfig, MixtralForCausalLM)}
        config, kind = kinds[self.family]
        module = kind(config(**self.config))
        files = {name: tensor.float() for name, tensor in self.files().items()}
        if self.family == "mixtral":
            for b in self.blocks():
                experts = f"model.layers.{b}.mlp.experts."
                pair = lambda e: torch.cat([self.t[f"{b}.{e}.gate"], self.t[f"{b}.{e}.up"]])
                files[experts + "gate_up_proj"] = torch.stack([pair(e) for e in self.ffns(b)])
                files[experts + "down_proj"] = torch.stack([self.t[f"{b}.{e}.down"] for e in self.ffns(b)])
                files[f"model.layers.{b}.mlp.gate.weight"] = self.t[f"{b}.router"]
        missing = [name for name in module.load_state_dict(files, strict=False).missing_keys
                   if not (name == "lm_head.weight" and self.tied) and not name.endswith("attn.bias")]
        assert not missing, missing
        if self.tied:
            module.tie_weights()
        return module.eval()

    @torch.no_grad()
    def logits(self, ids):
        return self.module()(ids).logits


END = r"(\.bias)?"  # what the role of a bias has behind it
LLAMA = [("embed_tokens", "embedding"), ("norm", "norm"), ("lm_head", "head"),
         ("layers.B.input_layernorm", "B.attention_norm"), ("layers.B.post_attention_layernorm", "B.ffn_norm"),
         *((f"layers.B.self_attn.{x}_proj", f"B.{x}") for x in "qkvo")]
TABLES = {
    "llama": [*LLAMA, *((f"layers.B.mlp.{x}_proj", f"B.0.{x}") for x in ("gate", "up", "down"))],
    "mixtral": [*LLAMA, ("layers.B.block_sparse_moe.gate", "B.router"),
                *((f"layers.B.block_sparse_moe.experts.E.{w}", f"B.E.{x}")
                  for w, x in (("w1", "gate"), ("w3", "up"), ("w2", "down")))],
    "gpt2": [("wte", "embedding"), ("wpe", "positions"), ("ln_f", "norm"), ("lm_head", "head"),
             ("h.B.ln_1", "B.attention_norm"), ("h.B.ln_2", "B.ffn_norm"), ("h.B.attn.c_attn", "B.qkv"),
             ("h.B.attn.c_proj", "B.o"), ("h.B.mlp.c_fc", "B.0.up"), ("h.B.mlp.c_proj", "B.0.down")]}


def rules(pairs):
    """From a pattern of names to another, for weights and biases: B and E stand for numbers."""
    out = []
    for source, target in pairs:
        for end, to in (("W", "W"), ("A", "A")):
            pattern, place = source + end, target + to
            groups = [letter for letter in "BE" if letter in source]
            pattern = re.escape(pattern)
            for number, letter in enumerate(groups, 1):
                pattern = pattern.replace(letter, r"(\d+)")
                place = place.replace(letter, rf"\g<{number}>")
            out.append((pattern, place))
    return out


def tables():
    to_role, to_name = {}, {}
    for family, pairs in TABLES.items():
        ends = lambda rows, first, second: [
            (p[:-1] + re.escape(first[p[-1]]), r[:-1] + second[r[-1]]) for p, r in rows]
        files, roles = {"W": ".weight", "A": ".bias"}, {"W": "", "A": ".bias"}
        to_role[family] = ends(rules(pairs), files, roles)
        to_name[family] = ends(rules([(role, name) for name, role in pairs]), roles, files)
    # As Transformers holds experts, not as checkpoints do.
    to_role["mixtral"] += [(r"layers\.(\d+)\.mlp\.gate\.weight", r"\g<1>.router"),
                           (r"layers\.(\d+)\.mlp\.experts\.gate_up_proj", r"\g<1>.gate_up"),
                           (r"layers\.(\d+)\.mlp\.experts\.down_proj", r"\g<1>.down")]
    return to_role, to_name


NAMES, FILE_NAMES = tables()


# Text and tokenizers.


def halves(text):
    """Of whole lines."""
    middle = text.index("\n", len(text) // 2)
    return text[:middle], text[middle:]


def byte_pairs(text, size=VOCABULARY):
    """A byte-level BPE tokenizer of a text."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([text], BpeTrainer(vocab_size=size, show_progress=False,
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def renumbered(tokenizer, order):
    """The same strings with other ids: that of token i becomes order[i]."""
    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    state["model"]["vocab"] = {token: int(order[i]) for token, i in vocabulary.items()}
    return Tokenizer.from_str(json.dumps(state))


def shuffled(tokenizer, seed):
    return renumbered(tokenizer, torch.randperm(tokenizer.get_vocab_size(), generator=torch.Generator().manual_seed(seed)))


def encode(tokenizer, text):
    """All at once a text takes longer than line by line."""
    return torch.tensor([i for line in tokenizer.encode_batch(text.splitlines(keepends=True)) for i in line.ids])


# Training.


def new_module(family, width, tied, vocabulary=VOCABULARY, depth=4):
    if family == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_embd=width, n_layer=depth, n_head=width // 16,
                                          n_positions=128, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
                                          bos_token_id=0, eos_token_id=0, tie_word_embeddings=tied))
    shape = {"vocab_size": vocabulary, "hidden_size": width, "num_hidden_layers": depth, "head_dim": 16,
             "num_attention_heads": width // 16, "num_key_value_heads": width // 32, "tie_word_embeddings": tied,
             "max_position_embeddings": 128}
    if family == "mixtral":
        return MixtralForCausalLM(MixtralConfig(intermediate_size=width * 3 // 2, num_local_experts=4,
                                                num_experts_per_tok=2, **shape))
    return LlamaForCausalLM(LlamaConfig(intermediate_size=width * 11 // 4, **shape))


def train(module, ids, steps, rate, seed, batch=BATCH, length=LENGTH):
    """With a short warm-up and a cosine down to a tenth of the rate. `seed` is that of the data's order."""
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=0.01)
    warm = max(1, min(20, steps // 10))
    down = lambda i: 0.1 + 0.45 * (1 + torch.cos(torch.tensor(torch.pi * i / steps)).item())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: min(1, (i + 1) / warm) * down(i))
    module.train()
    for _ in range(steps):
        starts = torch.randint(len(ids) - length, (batch,), generator=order).tolist()
        tokens = torch.stack([ids[start:start + length] for start in starts])
        optimiser.zero_grad()
        module(tokens, labels=tokens).loss.backward()
        optimiser.step()
        schedule.step()
    return module.eval()


@torch.no_grad()
def loss_of(module, ids, windows=64):
    """Nats a token, on windows spread over the text."""
    starts = torch.linspace(0, len(ids) - LENGTH - 1, windows).long().tolist()
    tokens = torch.stack([ids[start:start + LENGTH] for start in starts])
    return module.eval()(tokens, labels=tokens).loss.item()


def loss_of_counts(ids, kept_out, vocabulary):
    """What a model reaches that counted tokens and nothing else, and one that counted pairs of them."""
    tokens = torch.full((vocabulary,), 0.01, dtype=torch.float64)
    tokens += ids.bincount(minlength=vocabulary)
    tokens /= tokens.sum()
    pairs = 10 * tokens.repeat(vocabulary, 1)  # a pair that was not seen counts as its second token
    pairs.view(-1).add_((ids[:-1] * vocabulary + ids[1:]).bincount(minlength=vocabulary ** 2))
    pairs /= pairs.sum(dim=1, keepdim=True)
    return -tokens[kept_out].log().mean().item(), -pairs[kept_out[:-1], kept_out[1:]].log().mean().item()


# Models that are kept.


class Spec:
    def __init__(self, group, number, seed, corpus, rate=None):
        self.family, self.width, self.tied, self.tokenizer, _ = group
        self.rate = rate or RATES[self.family]
        self.number = number
        self.seed = seed  # of the initial weights
        self.corpus = corpus
        # Every other pair of models sees its batches in one order.
        self.order = 1 if number % 4 < 2 else 100 + seed
        self.check = number % 2 == 1

    @property
    def name(self):
        tied = "tied" if self.tied else "untied"
        rate = "" if self.rate == RATES[self.family] else f"-rate{self.rate:g}"
        return f"{self.family}-{self.width}-{tied}-{self.tokenizer}-{self.seed}-text{self.corpus}{rate}"


class Texts:
    """The two halves of the first text, and the last text."""

    def __init__(self, files):
        texts = [file.read_text(encoding="utf-8") for file in files]
        first = halves(texts[0])
        self.all = [*first, texts[-1] if len(texts) > 1 else first[0]]
        whole = byte_pairs("".join(texts))
        self.tokenizers = {"all": whole, "shuffled": shuffled(whole, 7), "other": byte_pairs(texts[-1])}
        self.made = {}

    def ids(self, tokenizer, corpus):
        """To train on, and a twentieth kept out."""
        if (tokenizer, corpus) not in self.made:
            ids = encode(self.tokenizers[tokenizer], self.all[corpus])
            cut = len(ids) * 19 // 20
            self.made[tokenizer, corpus] = ids[:cut], ids[cut:]
        return self.made[tokenizer, corpus]


def make(spec, texts, cache, steps):
    folder = cache / f"{spec.name}-{steps}"
    if not (folder / "loss.json").exists():
        ids, kept_out = texts.ids(spec.tokenizer, spec.corpus)
        torch.manual_seed(spec.seed)
        vocabulary = texts.tokenizers[spec.tokenizer].get_vocab_size()
        module = new_module(spec.family, spec.width, spec.tied, vocabulary)
        train(module, ids, steps, spec.rate, spec.order)
        tokens, pairs = loss_of_counts(ids, kept_out, vocabulary)
        losses = {"loss": loss_of(module, kept_out), "tokens": tokens, "pairs": pairs}
        Model.of(module).write(folder, texts.tokenizers[spec.tokenizer])
        (folder / "loss.json").write_text(json.dumps(losses))
        print(f"{spec.name}: {losses['loss']:.2f} nats, counts {tokens:.2f}, {pairs:.2f}", file=sys.stderr, flush=True)
    spec.folder = folder
    spec.losses = json.loads((folder / "loss.json").read_text())
