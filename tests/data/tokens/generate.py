#!/usr/bin/env python3
"""Writes the tokenizers of this folder, and which bytes their own libraries take each token for.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0 transformers==5.24.0
    /tmp/venv/bin/python tests/data/tokens/generate.py "$(scripts/fetch_model)"

Each folder holds tokenizers of one vocabulary, and expected.json: for each id its bytes in hexadecimal, empty where it
stands for no text. smollm2.json has those of the real model as a digest, that of "LENGTH:BYTES" one after another.
"""

import hashlib
import json
import pathlib
import sys
import tempfile

import gguf
import sentencepiece
from gguf.constants import TokenType
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers.convert_slow_tokenizer import bytes_to_unicode

HERE = pathlib.Path(__file__).parent
SPACE = "\u2581"
TEXT = """The light of the sun consists of rays that differ in colour, and those that differ in colour differ in how far they
are bent. Whatever the prism does to a ray, it does to each ray of that colour alike; the colours of natural bodies come
from this, that some bodies reflect one kind of rays, others another kind, more than the rest. Die Farben der Körper
kommen daher. Ça dépend de la lumière. Свет состоит из лучей. 光は色の異なる光線からなる。 🌈 the colours of the rainbow
    if (ray < 0) { return "\\t"; }
"""
LINES = [line for line in TEXT.split("\n") if line] * 3


def write(name, expected, tokenizer=None):
    """expected: bytes by id."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    if tokenizer:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "expected.json").write_text(json.dumps([token.hex() for token in expected]) + "\n")
    return folder


def write_gguf(folder, model, tokens, types):
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(LINES, trainer)
    # Text that is found as it is; one of them in characters that would spell bytes.
    tokenizer.add_tokens([AddedToken("    ", special=False, normalized=False), AddedToken("Ġé", special=False, normalized=False)])
    tokenizer.add_special_tokens(["<|im_start|>"])

    bytes_of = {character: byte for byte, character in bytes_to_unicode().items()}
    added = tokenizer.get_added_tokens_decoder()
    spelled, expected, types = [], [], []
    for token in range(tokenizer.get_vocab_size()):
        spelled.append(tokenizer.id_to_token(token))
        if token in added:
            special = added[token].special
            expected.append(b"" if special else added[token].content.encode())
            types.append(TokenType.CONTROL if special else TokenType.USER_DEFINED)
            continue
        expected.append(bytes(bytes_of[character] for character in spelled[-1]))
        types.append(TokenType.NORMAL)
        decoded = tokenizer.decode([token])
        assert "\ufffd" in decoded or decoded.encode() == expected[-1], (token, decoded)
    write_gguf(write("byte_level", expected, tokenizer), "gpt2", spelled, types)


def sentencepiece_model(**options):
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "text"
        text.write_text("\n".join(LINES))
        prefix = str(pathlib.Path(folder) / "m")
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=prefix, hard_vocab_limit=False, normalization_rule_name="identity",
            remove_extra_whitespaces=False, minloglevel=2, **options)
        return pathlib.Path(prefix + ".model").read_bytes()


def pieces_of(processor):
    """Bytes and gguf's types of all pieces, from what the library decodes behind an ordinary one."""
    before = next(i for i in range(processor.get_piece_size()) if processor.id_to_piece(i) == "e")
    expected, types = [], []
    for token in range(processor.get_piece_size()):
        piece = processor.id_to_piece(token)
        if processor.is_byte(token):
            expected.append(bytes([int(piece[3:5], 16)]))
            types.append(TokenType.BYTE)
        elif processor.is_control(token) or processor.is_unknown(token):
            expected.append(b"")
            types.append(TokenType.CONTROL if processor.is_control(token) else TokenType.UNKNOWN)
        else:
            decoded = processor.decode([before, token])
            assert decoded.startswith("e")
            expected.append(decoded[1:].encode())
            types.append(TokenType.USER_DEFINED if piece in ("<code>", SPACE * 4) else TokenType.NORMAL)
    return expected, types


def sentencepiece_bpe():
    data = sentencepiece_model(model_type="bpe", vocab_size=420, byte_fallback=True,
                               user_defined_symbols=["<code>", SPACE * 4], control_symbols=["<mask>"])
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    expected, types = pieces_of(processor)
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    # As Transformers converts such a model, but for the merges.
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, [], unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "<mask>"])
    tokenizer.add_tokens([AddedToken("<code>", special=False), AddedToken(SPACE * 4, special=False)])
    folder = write("sentencepiece_bpe", expected, tokenizer)
    (folder / "tokenizer.model").write_bytes(data)
    write_gguf(folder, "llama", pieces, types)


def unigram():
    data = sentencepiece_model(model_type="unigram", vocab_size=160, character_coverage=1.0)
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    expected, _ = pieces_of(processor)
    tokenizer = Tokenizer(models.Unigram([(processor.id_to_piece(i), processor.get_score(i))
                                          for i in range(processor.get_piece_size())], 0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    folder = write("unigram", expected, tokenizer)
    (folder / "tokenizer.model").write_bytes(data)


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    tokenizer.train_from_iterator(LINES, trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=["[PAD]", "[UNK]", "[CLS]"], show_progress=False))
    before = next(i for i in range(tokenizer.get_vocab_size()) if tokenizer.id_to_token(i) == "e")
    expected = []
    for token in range(tokenizer.get_vocab_size()):
        special = tokenizer.id_to_token(token) in ("[PAD]", "[UNK]", "[CLS]")
        expected.append(b"" if special else tokenizer.decode([before, token])[1:].encode())
    write("wordpiece", expected, tokenizer)


def smollm2(path):
    reader = gguf.GGUFReader(path)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    types = reader.fields["tokenizer.ggml.token_type"].contents()
    bytes_of = {character: byte for byte, character in bytes_to_unicode().items()}
    digest = hashlib.sha256()
    for token, kind in zip(tokens, types, strict=True):
        text = bytes(bytes_of[character] for character in token) if kind == TokenType.NORMAL else b""
        digest.update(str(len(text)).encode() + b":" + text)
    (HERE / "smollm2.json").write_text(json.dumps({"tokens": len(tokens), "sha256": digest.hexdigest()}) + "\n")


def main():
    byte_level()
    sentencepiece_bpe()
    unigram()
    wordpiece()
    if len(sys.argv) > 1:
        smollm2(sys.argv[1])


if __name__ == "__main__":
    main()
