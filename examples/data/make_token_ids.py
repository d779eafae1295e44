#!/usr/bin/env python3
"""Makes opticks.ids out of opticks.txt with the tokenizer inside SmolLM2's GGUF.

    make_token_ids.py "$(scripts/fetch_model)" opticks.txt opticks.ids

The ids are unsigned 16-bit integers, little-endian, one after another, nothing before or after. Special tokens are
not added. Fails unless the ids decode to the text again. Needs the PyPI packages gguf and tokenizers.
"""
import sys

import gguf
import numpy
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

model, text_file, ids_file = sys.argv[1:]
fields = gguf.GGUFReader(model).fields
kind = [fields[f"tokenizer.ggml.{key}"].contents() for key in ("model", "pre")]
if kind != ["gpt2", "smollm"]:
    sys.exit(f"{model}: tokenizer {kind} where ['gpt2', 'smollm'] is expected")

# Byte-level BPE that splits every number into its digits, as SmolLM2's own tokenizer.json says.
tokens = fields["tokenizer.ggml.tokens"].contents()
merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"].contents()]
tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
tokenizer.decoder = decoders.ByteLevel()

with open(text_file, encoding="utf-8", newline="") as file:
    text = file.read()
ids = tokenizer.encode(text, add_special_tokens=False).ids
if tokenizer.decode(ids, skip_special_tokens=False) != text:
    sys.exit(f"{text_file}: the ids do not decode to the text")
numpy.array(ids, dtype="<u2").tofile(ids_file)
print(f"{len(ids)} ids of {len(tokens)}")
