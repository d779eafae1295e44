// A GGUF file: its tensors, its metadata, and the model that it is.

#include "azimuth/gguf_model.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

namespace {

// A value has one type: read as another it is refused. One way to read values for an input, since
// a refusal takes long.
void use(const GgufFile& file, int way) {
  std::size_t keys = 0;
  for (const std::string_view key : file.keys()) {
    if (++keys > 32) break;
    refused_or_used([&] {
      if (way == 0) file.integer(key);
      if (way == 1) file.real(key);
      if (way == 2) file.flag(key);
      if (way == 3) file.string(key);
      if (way == 4) file.integers(key);
      if (way == 5) file.reals(key);
      if (way == 6) file.strings(key);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // Under a name that says which part of a split model it is, where it says so itself: the other
  // part is the same file, which is refused only when it is compared with the first.
  static const FuzzedFolder folder;
  const FuzzedFile file(text_of(data, size));
  folder.clear();
  const auto first = folder.path() / "model-00001-of-00002.gguf";
  folder.put(first.filename().string(), file.path());
  folder.put("model-00002-of-00002.gguf", file.path());
  refused_or_used([&] {
    const GgufFile opened = GgufFile::open(first);
    use(opened, data[size - 1] % 7);
    azimuth::testing::use(opened.tensors());
    azimuth::testing::use(load_gguf(first));
  });
  return 0;
}
