// What a config.json says of a model, bound to tensors of another: they fit or are refused.

#include "azimuth/hugging_face_config.h"
#include "azimuth/safetensors_file.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const NamedTensors tensors =
      SafetensorsFile::open(AZIMUTH_TEST_DATA "/architectures/llama/model.safetensors").tensors();
  refused_or_used([&] {
    const HuggingFaceConfig config = HuggingFaceConfig::parse(text_of(data, size));
    refused_or_used<std::invalid_argument>(
        [&] { use(ModelWeights::from_tensors(config.architecture, tensors)); });
  });
  return 0;
}
