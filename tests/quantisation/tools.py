"""Holds what `azimuth quantize --export` writes against the tools that read it, on tiny models: exactly the maps that are kept stay
in float. No test of ctest, since the tools want PyTorch and Transformers:

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install torch==2.15.0 transformers==5.24.0 compressed-tensors==0.20.0 torchao==0.18.0
    /tmp/venv/bin/python tests/quantisation/tools.py build/release/bin/azimuth

llm-compressor wants older ones of these, so a virtual environment of its own, in which the test of torchao is skipped:

    /tmp/other/bin/pip install llmcompressor==0.14.0.1
    /tmp/other/bin/python tests/quantisation/tools.py build/release/bin/azimuth

llama.cpp's program is in no registry; its option is held against the names of tensors as its parser does it: lower-cased, split at
the first "=", and searched for.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import torch
import yaml
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

DATA = Path(__file__).parents[1] / "data"
PROGRAM = None
# Folder of a model, and the maps that are kept of it: its advice, or that of what its text part became.
KEPT = {"llama": ["model.layers.3.mlp.down_proj"]}


def linear_in_blocks(model):
    return {name for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and re.search(r"\blayers\.\d", name)}


class Tools(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)

    def export(self, model):
        subprocess.run([PROGRAM, "quantize", DATA / "architectures" / model, "--export", self.out], check=True, capture_output=True)

    def load(self, model):
        return AutoModelForCausalLM.from_pretrained(DATA / "architectures" / model).eval()

    def test_compressed_tensors(self):
        for model, kept in KEPT.items():
            self.export(model)
            network = self.load(model)
            ignore = yaml.safe_load((self.out / "ignore.yaml").read_text())["ignore"]
            int8 = dict(num_bits=8, type="int", symmetric=True, strategy="tensor")
            scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(dynamic=False, **int8),
                                        input_activations=QuantizationArgs(dynamic=True, **int8))
            apply_quantization_config(network, QuantizationConfig(config_groups={"group_0": scheme}, ignore=ignore))
            plain = {name for name, module in network.named_modules()
                     if isinstance(module, torch.nn.Linear) and getattr(module, "quantization_scheme", None) is None}
            self.assertEqual(plain - {"lm_head"}, set(kept), model)

    @unittest.skipUnless(importlib.util.find_spec("llmcompressor"), "llm-compressor is not installed")
    def test_llm_compressor(self):
        from llmcompressor import oneshot
        from llmcompressor.modifiers.quantization import QuantizationModifier

        for model, kept in KEPT.items():
            self.export(model)
            network = self.load(model)
            before = {name: network.get_submodule(name).weight.clone() for name in kept}
            ignore = yaml.safe_load((self.out / "ignore.yaml").read_text())["ignore"]
            oneshot(model=network, recipe=QuantizationModifier(targets="Linear", scheme="FP8_DYNAMIC", ignore=ignore))
            plain = {name for name in linear_in_blocks(network) if not hasattr(network.get_submodule(name), "weight_scale")}
            self.assertEqual(plain, set(kept), model)
            for name, weight in before.items():
                self.assertTrue(network.get_submodule(name).weight.equal(weight))

    @unittest.skipUnless(importlib.util.find_spec("torchao"), "torchao is not installed")
    def test_torchao(self):
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        for model, kept in KEPT.items():
            self.export(model)
            network = self.load(model)
            spec = importlib.util.spec_from_file_location("torchao_filter", self.out / "torchao_filter.py")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            quantize_(network, Int8DynamicActivationInt8WeightConfig(), filter_fn=module.is_quantised)
            plain = {name for name in linear_in_blocks(network)
                     if type(network.get_submodule(name).weight) is torch.nn.Parameter
                     and type(network.get_submodule(name).weight.data) is torch.Tensor}
            self.assertEqual(plain, set(kept), model)
            network(torch.arange(8)[None])

    def test_llama_cpp(self):
        self.export("llama")
        line = (self.out / "llama_quantize.txt").read_text().splitlines()[-1]
        ((pattern, kept_as),) = re.findall(r'--tensor-type "([^"=]*)=([^"]*)"', line)
        names = [f"blk.{block}.{part}.weight" for block in range(40)
                 for part in ("ffn_down", "ffn_down_exps", "ffn_up", "attn_output")]
        self.assertEqual([name for name in names if re.search(pattern.lower(), name)], ["blk.3.ffn_down.weight"])
        self.assertEqual(kept_as, "f32")

    def test_a_multimodal_model_is_found_by_the_names_of_transformers(self):
        network = AutoModelForImageTextToText.from_pretrained(DATA / "architectures" / "gemma3")
        pattern = r".*language_model\.(model\.)?layers\.1\.mlp\.down_proj"  # what quantisation_export_test.cpp expects
        self.assertEqual([name for name in sorted(linear_in_blocks(network)) if re.fullmatch(pattern, name)],
                         ["model.language_model.layers.1.mlp.down_proj"])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
