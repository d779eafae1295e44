"""What may be done to a model (models.py): each operation takes one and gives another. Those that leave what it computes as it
was are named in `SAME`."""

import json
import subprocess

import torch
from models import Model, train
from peft import LoraConfig, get_peft_model


def rounded(model):
    model.t = {role: tensor.bfloat16() for role, tensor in model.t.items()}
    return model


def noisy(model, part=0.3):
    for role, tensor in model.t.items():
        if tensor.dim() == 2:
            model.t[role] = tensor + part * tensor.std() * torch.randn_like(tensor)
    return model


def random_like(model):
    for role, tensor in model.t.items():
        if tensor.dim() == 2:
            model.t[role] = tensor.std() * torch.randn_like(tensor)
    return model


def merged(other, part):
    """`part` of the model and the rest of another; without one, of random weights of the same scale."""
    def apply(model):
        second = other or random_like(model.copy())
        for role, tensor in model.t.items():
            model.t[role] = part * tensor + (1 - part) * second.t[role]
        return model
    return apply


def four_bits(model):
    """As GGUF's Q4_0: 32 neighbouring numbers share a scale."""
    for role, tensor in model.t.items():
        if tensor.dim() == 2 and tensor.shape[1] % 32 == 0:
            blocks = tensor.reshape(-1, 32)
            scale = blocks.gather(1, blocks.abs().argmax(dim=1, keepdim=True)) / -8
            scale[scale == 0] = 1
            model.t[role] = ((blocks / scale).round().clamp(-8, 7) * scale).reshape(tensor.shape)
    return model


def low_rank(model, rank=8, part=0.1):
    """An update of some rank of every matrix in the blocks, a tenth of it in norm: what a merged LoRA does."""
    for role, tensor in model.t.items():
        if tensor.dim() == 2 and role[0].isdigit():
            update = torch.randn(tensor.shape[0], rank) @ torch.randn(rank, tensor.shape[1])
            model.t[role] = tensor + update * part * tensor.norm() / update.norm()
    return model


def finetuned(ids, steps, rate, batch=16, seed=99):
    def apply(model):
        module = model.module()
        train(module, ids, steps, rate, seed, batch=batch)
        return Model.of(module)
    return apply


def lora(ids, steps, rate, batch=16, seed=99, rank=8):
    """A LoRA of every linear map, trained and merged."""
    def apply(model):
        module = model.module()
        adapted = get_peft_model(module, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear",
                                                    fan_in_fan_out=model.family == "gpt2"))
        train(adapted, ids, steps, rate, seed, batch=batch)
        return Model.of(adapted.merge_and_unload())
    return apply


def one_of(steps):
    """What another call made already."""
    return lambda model: steps.copy()


# Permutations.


def rows(model, role, order):
    for name in (role, role + ".bias"):
        if name in model.t:
            model.t[name] = model.t[name][order]


def columns(model, role, order):
    model.t[role] = model.t[role][:, order]


def set_ffn_size(model, size):
    model.config["n_inner" if model.family == "gpt2" else "intermediate_size"] = size


def neurons_ordered(model, block, expert, order):
    for name in ("gate", "up"):
        rows(model, f"{block}.{expert}.{name}", order)
    columns(model, f"{block}.{expert}.down", order)


def neurons_permuted(model):
    for block in model.blocks():
        for e in model.ffns(block):
            neurons_ordered(model, block, e, torch.randperm(len(model.t[f"{block}.{e}.up"])))
    return model


def neurons_pruned(model):
    for block in model.blocks():
        for e in model.ffns(block):
            size = len(model.t[f"{block}.{e}.up"])
            neurons_ordered(model, block, e, torch.randperm(size)[:size * 2 // 3].sort().values)
    set_ffn_size(model, size * 2 // 3)
    return model


def within_heads(model, heads, order_of_head):
    """Orders of rows: that of each head, beside those of others."""
    size = len(model.t["0.v"]) // model.kv_heads
    return torch.cat([head * size + order_of_head(head) for head in range(heads)])


def heads_permuted(model):
    size, group = len(model.t["0.v"]) // model.kv_heads, model.heads // model.kv_heads
    for block in model.blocks():
        order = torch.randperm(model.kv_heads)
        kv = torch.cat([head * size + torch.arange(size) for head in order])
        q = torch.cat([head * group * size + torch.arange(group * size) for head in order])
        rows(model, f"{block}.q", q)
        rows(model, f"{block}.k", kv)
        rows(model, f"{block}.v", kv)
        columns(model, f"{block}.o", q)
    return model


def values_permuted(model):
    """Within heads, with the columns that read them."""
    size, group = len(model.t["0.v"]) // model.kv_heads, model.heads // model.kv_heads
    for block in model.blocks():
        orders = [torch.randperm(size) for _ in range(model.kv_heads)]
        rows(model, f"{block}.v", within_heads(model, model.kv_heads, lambda head: orders[head]))
        columns(model, f"{block}.o", within_heads(model, model.heads, lambda head: orders[head // group]))
    return model


def orthogonal(size, fixed=None):
    """A random rotation; one that leaves a vector where it is."""
    q, r = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))
    q = q * r.diagonal().sign()
    if fixed is None:
        return q
    basis, _ = torch.linalg.qr(torch.cat([fixed.double()[:, None], torch.randn(size, size - 1, dtype=torch.float64)], 1))
    inner = torch.eye(size, dtype=torch.float64)
    inner[1:, 1:] = orthogonal(size - 1)
    return basis @ inner @ basis.T


def values_rotated(model):
    size, group = len(model.t["0.v"]) // model.kv_heads, model.heads // model.kv_heads
    for block in model.blocks():
        for head in range(model.kv_heads):
            q = orthogonal(size)
            own = slice(head * size, (head + 1) * size)
            for name in (f"{block}.v", f"{block}.v.bias"):
                if name in model.t:
                    model.t[name][own] = (q @ model.t[name][own].double()).float()
            for reader in range(head * group, (head + 1) * group):
                at = slice(reader * size, (reader + 1) * size)
                model.t[f"{block}.o"][:, at] = (model.t[f"{block}.o"][:, at].double() @ q.T).float()
    return model


def experts_permuted(model):
    for block in model.blocks():
        order = torch.randperm(len(model.ffns(block)))
        rows(model, f"{block}.router", order)
        old = {f"{block}.{e}.{name}": model.t[f"{block}.{e}.{name}"] for e in model.ffns(block)
               for name in ("gate", "up", "down")}
        for new, e in enumerate(order.tolist()):
            for name in ("gate", "up", "down"):
                model.t[f"{block}.{new}.{name}"] = old[f"{block}.{e}.{name}"]
    return model


# The residual stream.


def residual(model, apply):
    """With `apply` on whatever has a coordinate of the residual stream, brought to its last dimension."""
    writers = set(model.writers())
    of_attention = {f"{b}.{name}.bias" for b in model.blocks() for name in "qkv"}
    of_ffn = {f"{b}.{e}.{name}.bias" for b in model.blocks() for e in model.ffns(b) for name in ("gate", "up")}
    for role, tensor in model.t.items():
        if role in of_attention or role in of_ffn:
            continue
        model.t[role] = apply(tensor.T).T if role in writers else apply(tensor)
    return model


def residual_permuted(model):
    order = torch.randperm(model.width)
    return residual(model, lambda tensor: tensor[..., order])


def signs_flipped(model):
    signs = torch.randint(2, (model.width,)) * 2.0 - 1
    norms = [role for role in model.t if role.endswith("norm")]
    kept = {role: model.t[role] for role in norms}
    residual(model, lambda tensor: tensor * signs)
    model.t.update(kept)  # a weight of a norm multiplies what has its sign already
    return model


def untied(model):
    if model.tied:
        model.t["head"] = model.t["embedding"].clone()
        model.config["tie_word_embeddings"] = False
    return model


def folded(model):
    """Weights and biases of norms moved into the matrices that read them."""
    untied(model)
    for block in model.blocks():
        for norm, readers in model.readers(block).items():
            for role in readers:
                if norm + ".bias" in model.t:
                    model.t[role + ".bias"] = model.t[role + ".bias"] + model.t[role] @ model.t[norm + ".bias"]
                model.t[role] = model.t[role] * model.t[norm]
            model.t[norm] = torch.ones_like(model.t[norm])
            if norm + ".bias" in model.t:
                model.t[norm + ".bias"] = torch.zeros_like(model.t[norm + ".bias"])
    model.t["head"] = model.t["head"] * model.t["norm"]
    if "norm.bias" in model.t:
        model.t["norm.bias"] = model.t["norm.bias"] / model.t["norm"]
    model.t["norm"] = torch.ones_like(model.t["norm"])
    return model


def rotated(model):
    """With the norms folded, as a rotation needs it; where they centre, about the direction that they take out."""
    folded(model)
    centres = "norm.bias" in model.t
    q = orthogonal(model.width, torch.ones(model.width) if centres else None).float()
    norms = {role: model.t[role] for role in model.t if role.endswith("norm")}
    residual(model, lambda tensor: tensor @ q)
    model.t.update(norms)
    return model


def scaled(model):
    """Each coordinate behind a norm by a number of its own, which the matrices take back."""
    for block in model.blocks():
        for norm, readers in model.readers(block).items():
            factors = torch.exp(torch.randn(model.width))
            for name in (norm, norm + ".bias"):
                if name in model.t:
                    model.t[name] = model.t[name] * factors
            for role in readers:
                model.t[role] = model.t[role] / factors
    return model


def narrowed(model):
    """Without an eighth of the coordinates of the residual stream."""
    kept = torch.randperm(model.width)[:model.width * 7 // 8].sort().values
    residual(model, lambda tensor: tensor[..., kept])
    model.config["hidden_size"] = len(kept)
    return model


def high_norm_direction(program, folder):
    ended = subprocess.run([program, "inspect", folder, "--no-spectral", "--format", "json"], capture_output=True, check=True,
                           text=True)
    return torch.tensor(json.loads(ended.stdout)["direction"], dtype=torch.float32)


def direction_removed(u):
    """Out of all that is written."""
    def apply(model):
        out = lambda tensor: tensor - (tensor @ u)[..., None] * u
        untied(model)
        model.t["embedding"] = out(model.t["embedding"])
        for role in model.writers():
            model.t[role] = out(model.t[role].T).T
        return model
    return apply


def direction_planted(u):
    """As the embedding of the first token of a text, 30 times as long as hidden states are."""
    def apply(model):
        with torch.no_grad():
            ids = torch.arange(0, len(model.t["embedding"]), 8)[:, None]
            usual = model.module()(ids, output_hidden_states=True).hidden_states[1].norm(dim=-1).median()
        untied(model)
        model.t["embedding"][model.config["bos_token_id"]] = 30 * usual * u
        return model
    return apply


# Depth and vocabulary.


def with_blocks(choose):
    def apply(model):
        chosen = choose(model.depth)
        tensors = {role: tensor for role, tensor in model.t.items() if not role[0].isdigit()}
        for new, old in enumerate(chosen):
            for role, tensor in model.t.items():
                if role.startswith(f"{old}."):
                    tensors[f"{new}." + role.partition(".")[2]] = tensor
        model.t = tensors
        model.config["n_layer" if model.family == "gpt2" else "num_hidden_layers"] = len(chosen)
        model.config.pop("layer_types", None)
        return model
    return apply


def vocabulary(model, tensors):
    """`tensors` makes rows of embedding and head from the old ones."""
    for role in ("embedding", "head"):
        if role in model.t:
            model.t[role] = tensors(model.t[role])
    model.config["vocab_size"] = len(model.t["embedding"])
    return model


def embeddings_replaced(model):
    model.t["embedding"] = model.t["embedding"].std() * torch.randn_like(model.t["embedding"])
    return model


def embeddings_of(other):
    """Those of an independent model of the same tokenizer, as one would take who wants to look independent."""
    def apply(model):
        model.t["embedding"] = other.t["embedding"].clone()
        return model
    return apply


def all_of(*operations):
    def apply(model):
        for operation in operations:
            model = operation(model)
        return model
    return apply


SAME = {neurons_permuted, heads_permuted, values_permuted, values_rotated, experts_permuted, residual_permuted,
        signs_flipped, folded, rotated, scaled}


# Framing: an owner of an unrelated base who holds the release puts his own into its order.


def nearest_order(ours, theirs):
    """The order in which those of `theirs` come that are nearest to our rows."""
    unit = torch.nn.functional.normalize
    return (unit(ours, dim=1) @ unit(theirs, dim=1).T).argmax(dim=1).argsort(stable=True)


def with_norm(model, role, norm):
    read = model.t[role] * model.t[norm]
    return read - read.mean(dim=1, keepdim=True) if norm + ".bias" in model.t else read


def framed_neurons(base, release):
    model = base.copy()
    for block in model.blocks():
        for e in model.ffns(block):
            name = f"{block}.{e}.gate" if f"{block}.{e}.gate" in model.t else f"{block}.{e}.up"
            order = nearest_order(with_norm(base, name, f"{block}.ffn_norm"), with_norm(release, name, f"{block}.ffn_norm"))
            neurons_ordered(model, block, e, order)
    return model


def framed_additions(base, release):
    """Neurons of the release behind the own ones, as the map between the embeddings finds them, that add next to nothing."""
    model = base.copy()
    ours, theirs = base.t["embedding"], release.t["embedding"]
    left, _, right = torch.linalg.svd((theirs - theirs.mean(dim=0)).T @ (ours - ours.mean(dim=0)))
    found = left @ right  # release × base
    for block in model.blocks():
        norm = f"{block}.ffn_norm"
        for e in model.ffns(block):
            for name in ("gate", "up"):
                role = f"{block}.{e}.{name}"
                if role in model.t:
                    model.t[role] = torch.cat([model.t[role], with_norm(release, role, norm) @ found / model.t[norm]])
                    if role + ".bias" in model.t:
                        model.t[role + ".bias"] = torch.cat([model.t[role + ".bias"], release.t[role + ".bias"]])
            role = f"{block}.{e}.down"
            model.t[role] = torch.cat([model.t[role], 1e-5 * found.T @ release.t[role]], dim=1)
    set_ffn_size(model, len(model.t["0.0.up"]))
    return model


def framed_coordinates(base, release):
    """By the columns of the embeddings, signs left out."""
    unit = lambda columns: torch.nn.functional.normalize(columns - columns.mean(dim=1, keepdim=True), dim=1)
    ours, theirs = unit(base.t["embedding"].T), unit(release.t["embedding"].T)
    order = (ours @ theirs.T).abs().argmax(dim=1).argsort(stable=True)
    return residual(base.copy(), lambda tensor: tensor[..., order])


def framed_values(base, release):
    model = base.copy()
    size, group = len(model.t["0.v"]) // model.kv_heads, model.heads // model.kv_heads
    for block in model.blocks():
        ours = with_norm(base, f"{block}.v", f"{block}.attention_norm")
        theirs = with_norm(release, f"{block}.v", f"{block}.attention_norm")
        orders = [nearest_order(ours[head * size:(head + 1) * size], theirs[head * size:(head + 1) * size])
                  for head in range(model.kv_heads)]
        rows(model, f"{block}.v", within_heads(model, model.kv_heads, lambda head: orders[head]))
        columns(model, f"{block}.o", within_heads(model, model.heads, lambda head: orders[head // group]))
    return model
