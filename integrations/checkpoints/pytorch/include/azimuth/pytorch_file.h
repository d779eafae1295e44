#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A checkpoint that PyTorch saved (`.pt`, `.pth`, `.bin`, `.ckpt`): tensors by name, whatever
/// model they belong to. Read are the zip archives of `torch.save` (since PyTorch 1.6), of
/// LibTorch's `torch::save` and of `torch.jit.save`, and the older format of `torch.save`.
///
/// Which tensors: those of the entry `state_dict` (Lightning), `model_state_dict`, `model` or
/// `module` where a dict was saved that has one; else those of all that was saved. A name is the
/// keys, or the attributes of modules, that lead to the tensor: "layers.0.weight". What lies beside
/// the state dict (optimizers, configurations, paths, NumPy's numbers) is not looked at, and may be
/// of any class.
///
/// The file is mapped, not loaded: opening reads the pickle only, and pages of a tensor come in as
/// they are read. Two kinds of tensors are copied: those whose numbers do not lie in a row
/// (transposed, expanded), and those that share a storage of float32 numbers that does not lie on
/// a multiple of 4 bytes, which is so for most of the older format. Each kind takes at most the
/// size of the file.
///
/// Files are taken to be hostile. Nothing is ever executed: of what the pickle refers to, tensors,
/// storages and plain values are known. Everything else is skipped beside the state dict, and in it
/// a FileError that names it (NumPy scalars and whole modules among them: save their state dict).
/// Instances of LibTorch's and
/// TorchScript's classes and argparse.Namespace are records of attributes, never made. After
/// `open` nothing in `tensors()` points outside the file's numbers, and memory stays in proportion
/// to the file.
///
/// Copies are cheap and share the mapping. Every member may be called from any thread. The file
/// must not be written to or truncated while it is mapped: the system then ends the process
/// (SIGBUS; azimuth/shrunk_files.h lets a program say why).
///
///     const PyTorchFile file = PyTorchFile::open("pytorch_model.bin");
///     for (const NamedTensor& tensor : file.tensors().tensors) ...
class PyTorchFile {
 public:
  /// Throws FileError: cannot be opened, not saved by PyTorch, damaged, or a state dict that refers
  /// to what is not known.
  static PyTorchFile open(const std::filesystem::path& file);

  const std::filesystem::path& path() const;

  /// Whether there is a tensor of this name, of any type.
  bool has(std::string_view name) const;

  /// The tensors of stored types float32, float16 and bfloat16, in the order of the dict. Those of
  /// every other type, those without numbers, and the `_extra_state` of modules are `unreadable`.
  /// Tensors that are one in memory (tied weights) are there under each name, and count once.
  /// `storage` keeps the mapping alive.
  NamedTensors tensors() const;

 private:
  struct Contents;
  explicit PyTorchFile(std::shared_ptr<const Contents> contents) : contents_(std::move(contents)) {}

  std::shared_ptr<const Contents> contents_;
};

}  // namespace azimuth
