// A LoRA adapter on top of a model. An input is its adapter_config.json, a null byte and its
// adapter_model.safetensors. Of the bases, GGUF keeps one in another layout than its adapters, and
// another's norms with 1 added.

#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/lora_adapter.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzedFolder folder;
  static const ModelWeights llama = load_hugging_face(AZIMUTH_TEST_DATA "/architectures/llama");
  static const ModelWeights gemma2 = load_gguf(AZIMUTH_TEST_DATA "/gguf/gemma2.gguf");
  static const ModelWeights bloom = load_gguf(AZIMUTH_TEST_DATA "/gguf/bloom.gguf");
  std::string_view rest = text_of(data, size);
  const FuzzedFile config(take_part(rest));
  const FuzzedFile weights(rest);
  folder.clear();
  folder.put("adapter_config.json", config.path());
  folder.put("adapter_model.safetensors", weights.path());
  for (const ModelWeights* base : {&llama, &bloom, &gemma2}) {
    refused_or_used([&] { use(with_lora_adapter(*base, folder.path())); });
  }
  return 0;
}
