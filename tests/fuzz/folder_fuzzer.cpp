// A folder of Hugging Face Transformers. An input is its config.json, a null byte, the index of
// its shards (may be empty), a null byte and one safetensors file: that of the weights, or every
// shard that the index can name.

#include "azimuth/hugging_face_folder.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzedFolder folder;
  std::string_view rest = text_of(data, size);
  const FuzzedFile config(take_part(rest));
  const std::string_view index_text = take_part(rest);
  const FuzzedFile index(index_text);
  const FuzzedFile weights(rest);
  folder.clear();
  folder.put("config.json", config.path());
  if (index_text.empty()) {
    folder.put("model.safetensors", weights.path());
  } else {
    folder.put("model.safetensors.index.json", index.path());
    for (const char* name : {"a", "b"}) folder.put(name, weights.path());
  }
  refused_or_used([&] { use(load_hugging_face(folder.path())); });
  return 0;
}
