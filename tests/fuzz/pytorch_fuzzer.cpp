// A checkpoint of PyTorch in any of its formats, by itself and as the weights of a model.

#include "azimuth/model_file.h"
#include "azimuth/pytorch_file.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzedFile file(text_of(data, size));
  refused_or_used([&] {
    const PyTorchFile opened = PyTorchFile::open(file.path());
    use(opened.tensors());
    use(load_model_file(file.path(), AZIMUTH_TEST_DATA "/pytorch/qwen2/config.json"));
  });
  return 0;
}
