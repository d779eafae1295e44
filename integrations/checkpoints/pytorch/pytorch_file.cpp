#include "azimuth/pytorch_file.h"

#include <string>
#include <utility>

#include "files/mapped_file.h"
#include "pytorch/pytorch_archive.h"
#include "pytorch/pytorch_state_dict.h"
#include "pytorch/pytorch_tensors.h"

namespace azimuth {

struct PyTorchFile::Contents {
  explicit Contents(const std::filesystem::path& file)
      : path(file), mapping(file), tensors(file, mapping.bytes().size()) {
    const PyTorchArchive archive = open_pytorch_archive(path, mapping.bytes());
    for_each_tensor(path, archive.what, archive.pickle,
                    [&](std::string name, const PickleValue& tensor) {
                      tensors.add(std::move(name), tensor, archive.storage);
                    });
  }

  std::filesystem::path path;
  MappedFile mapping;
  PyTorchTensors tensors;
};

PyTorchFile PyTorchFile::open(const std::filesystem::path& file) {
  return PyTorchFile(std::make_shared<const Contents>(file));
}

const std::filesystem::path& PyTorchFile::path() const { return contents_->path; }

bool PyTorchFile::has(std::string_view name) const { return contents_->tensors.has(name); }

NamedTensors PyTorchFile::tensors() const {
  return {contents_->tensors.tensors(), contents_->tensors.parameter_count(), contents_,
          contents_->tensors.unreadable()};
}

}  // namespace azimuth
