"""What Transformers makes of the first 512 tokens of examples/data/opticks.ids with SmolLM2, in float32.

    smollm2.py MODEL.gguf

Writes smollm2.json beside this file: by block the median norm of the tokens, the norm of the initial one, and how many others are
high-norm; and the perplexity.
"""

import json
import statistics
import struct
import sys
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent


def main(model_file):
    file = Path(model_file).resolve()
    model = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    bytes_ = (HERE.parents[2] / "examples/data/opticks.ids").read_bytes()[64:]
    ids = torch.tensor([struct.unpack("<512H", bytes_[:1024])])
    states = []
    blocks = model.model.layers
    blocks[0].register_forward_pre_hook(lambda _, args, kwargs: states.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
    for block in blocks:
        block.register_forward_hook(lambda _, __, output: states.append(output[0] if isinstance(output, tuple) else output))
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits
    norms = [state.reshape(512, -1).norm(dim=-1).tolist() for state in states]
    medians = [statistics.median(row) for row in norms]
    result = dict(
        transformers=transformers.__version__,
        perplexity=torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).exp().item(),
        reference_norm=medians, initial_norm=[row[0] for row in norms],
        high_norm_others=[sum(l > 0 and norm >= 10 * medians[l] for norm in row[1:]) for l, row in enumerate(norms)])
    (HERE / "smollm2.json").write_text(json.dumps(json.loads(json.dumps(result), parse_float=lambda x: float(f"{float(x):.7g}"))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
