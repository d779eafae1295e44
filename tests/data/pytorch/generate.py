"""Writes the checkpoints that the reader of PyTorch files is tested with, each beside a safetensors file of the same
tensors. See README.md."""

import argparse
import collections
import dataclasses
import datetime
import enum
import functools
import pathlib
import subprocess
import sys
import warnings

import numpy
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
QWEN2 = HERE.parent / "architectures" / "qwen2"


def expect(name, tensors):
    """What the reader must find: every tensor by itself, its numbers in a row."""
    save_file({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()},
              HERE / f"{name}.safetensors")


def state_dict():
    """Every type that is read, and those that are left out."""
    tensors = {
        "model.matrix": torch.randn(3, 5),
        "model.half": torch.randn(2, 2).half(),
        "model.bfloat": torch.randn(7).bfloat16(),
        "model.cube": torch.randn(2, 3, 4),
        "model.scalar": torch.tensor(0.5),
        "model.mask": torch.ones(3, dtype=torch.bool),
        "model.ids": torch.arange(4),
        "model.unsigned": torch.arange(4).to(torch.uint16),
    }
    expect("state_dict", tensors)
    for protocol in (2, 3, 4, 5):
        torch.save(tensors, HERE / f"state_dict_{protocol}.pt", pickle_protocol=protocol)
        torch.save(tensors, HERE / f"state_dict_{protocol}_legacy.pt", pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)


def views():
    """Tensors whose numbers do not lie in a row, or that share a storage."""
    base = torch.randn(6, 8)
    halves = torch.randn(4, 4).half()
    tensors = {
        "base": base,
        "row": base[2],
        "column": base[:, 3],
        "transposed": base.t(),
        "every_second": base[::2, 1::2],
        "expanded": torch.randn(5, 1).expand(5, 3),
        "one_expanded": torch.tensor(1.5).expand(2, 3),
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "halves_transposed": halves.t(),
        "of_size_one": torch.randn(1, 4).t()[:, :1],
    }
    expect("views", tensors)
    torch.save(tensors, HERE / "views.pt")
    torch.save(tensors, HERE / "views_legacy.pt", _use_new_zipfile_serialization=False)


def parameters():
    """Parameters and tensors with attributes, not detached, and nested dicts and lists."""
    weight = torch.nn.Parameter(torch.randn(2, 3))
    marked = torch.nn.Parameter(torch.randn(2))
    marked.is_frozen = True
    noted = torch.randn(4)
    noted.note = "attribute"
    torch.save({"layers": [{"weight": weight}, {"weight": marked}], 7: noted, "size": noted.shape,
                "type": torch.float16, "device": torch.device("cpu")}, HERE / "parameters.pt")
    expect("parameters", {"layers.0.weight": weight, "layers.1.weight": marked, "7": noted})


def tied():
    embedding = torch.nn.Embedding(5, 4)
    head = torch.nn.Linear(4, 5, bias=False)
    head.weight = embedding.weight
    model = torch.nn.ModuleDict({"embedding": embedding, "head": head})
    torch.save(model.state_dict(), HERE / "tied.pt")
    expect("tied", model.state_dict())


def training():
    """What a training loop saves to go on later, after a step."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.LayerNorm(6))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3])
    model(torch.randn(2, 4)).square().sum().backward()
    optimizer.step()
    schedule.step()
    rest = {
        "optimizer_state_dict": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "rng_state": torch.get_rng_state()[:16].clone(),
        "best_loss": torch.tensor(1.25, dtype=torch.float64),
        "epoch": 3, "loss": 2.5, "done": False, "nothing": None, "seed": 1 << 70, "below": -(1 << 40),
        "args": argparse.Namespace(lr=1e-3, betas=(0.9, 0.95), out=None),
        "seen": {1, 2}, "text": b"bytes", "complex": 1j,
    }
    expect("training", model.state_dict())
    for key in ("model_state_dict", "model", "module", "state_dict"):
        torch.save({**rest, key: model.state_dict()}, HERE / f"training_{key}.pt")
    torch.save({**rest, "model": model.state_dict()}, HERE / "training_model_legacy.pt",
               _use_new_zipfile_serialization=False)


@dataclasses.dataclass
class Settings:
    layers: int = 3


class Stage(enum.Enum):
    TUNING = 1


def beside():
    """Objects of classes that the reader does not know, beside the state dict."""
    model = torch.nn.Linear(4, 6)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rest = {
        "dataclass": Settings(), "enum": Stage.TUNING, "path": pathlib.PosixPath("/data"),
        "numpy_scalar": numpy.float32(0.5), "numpy_array": numpy.arange(3), "numpy_rng": numpy.random.RandomState(0),
        "defaultdict": collections.defaultdict(int, a=1), "deque": collections.deque([1, 2]),
        "date": datetime.datetime(2026, 1, 1), "partial": functools.partial(sorted, reverse=True),
        "optimizer": optimizer, "module": model,
    }
    expect("beside", model.state_dict())
    torch.save({**rest, "model": model.state_dict()}, HERE / "beside.pt")
    torch.save({**rest, "model": model.state_dict()}, HERE / "beside_legacy.pt", _use_new_zipfile_serialization=False)


def lightning():
    import lightning

    class Model(lightning.LightningModule):
        def __init__(self, width=4):
            super().__init__()
            self.save_hyperparameters()
            self.model = torch.nn.Linear(width, width)

        def training_step(self, batch, index):
            return self.model(batch).sum()

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
            return {"optimizer": optimizer, "lr_scheduler": schedule}

        def train_dataloader(self):
            return torch.utils.data.DataLoader(torch.randn(4, 4))

    trainer = lightning.Trainer(max_steps=2, logger=False, enable_progress_bar=False, enable_checkpointing=False,
                                enable_model_summary=False, accelerator="cpu")
    model = Model()
    trainer.fit(model)
    trainer.save_checkpoint(HERE / "lightning.ckpt")
    expect("lightning", model.state_dict())


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.LayerNorm(4)
        self.steps = [1, 2]

    def forward(self, x):
        return self.norm(x) * float(self.steps[1])


def torchscript():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), Block(), torch.nn.Dropout(0.5))
    torch.jit.save(torch.jit.script(model), HERE / "torchscript.pt")
    expect("torchscript", model.state_dict())


def libtorch(program):
    """`program` is write_libtorch.cpp; PyTorch reads what it has written."""
    subprocess.run([program, HERE], check=True)
    for name in ("module", "tensor", "tensors"):
        module = torch.jit.load(HERE / f"libtorch_{name}.pt")
        tensors = module.state_dict() if name == "module" else {
            key: getattr(module, key) for key in ("0", "1") if hasattr(module, key)}
        expect(f"libtorch_{name}", tensors)


def qwen2():
    """The model of the architectures' tests, as Transformers saved models before safetensors."""
    tensors = load_file(QWEN2 / "model.safetensors")
    for name, shard in (("qwen2", "5GB"), ("qwen2_sharded", "20KB")):
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_bytes((QWEN2 / "config.json").read_bytes())
        save_torch_state_dict(tensors, folder, max_shard_size=shard, safe_serialization=False)


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    for write in (state_dict, views, parameters, tied, training, lightning, torchscript, qwen2, beside):
        write()
    libtorch(sys.argv[1])


if __name__ == "__main__":
    main()
