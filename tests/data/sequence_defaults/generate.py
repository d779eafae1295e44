"""What configuration classes of Transformers say of sequences where a file says nothing: defaults.json.

    generate.py
"""

import json
import re
from pathlib import Path

from transformers import CONFIG_MAPPING

HERE = Path(__file__).parent
FAMILIES = HERE.parents[2] / "integrations/checkpoints/hugging_face/sequence_families.cpp"
BLOCKS = 8  # the first so many


def of(config):
    types = getattr(config, "layer_types", None) or [None] * config.num_hidden_layers
    window = getattr(config, "sliding_window", None) or 0
    if hasattr(config, "attention_layers"):  # GPT-Neo
        types = [None if kind == "local" else "full_attention" for kind in config.attention_layers]
        window = config.window_size
    rope = getattr(config, "rope_parameters", None) or {}
    by_block = [rope.get(kind, rope) for kind in types][:BLOCKS]
    said = dict(tied=getattr(config, "tie_word_embeddings", None),
                windows=[0 if kind == "full_attention" else window for kind in types][:BLOCKS],
                bases=[settings.get("rope_theta") for settings in by_block],
                turning=by_block[0].get("partial_rotary_factor", 1),
                kind=by_block[0].get("rope_type"))
    return {key: value for key, value in said.items() if value is not None}


names = re.findall(r'^    {"(\w+)", {', FAMILIES.read_text(), re.MULTILINE)
defaults = {name: of(CONFIG_MAPPING[name]()) for name in names if name in CONFIG_MAPPING}
lines = [f'"{name}": {json.dumps(said)}' for name, said in defaults.items()]
(HERE / "defaults.json").write_text("{" + ",\n".join(lines) + "}\n")
