// A tokenizer. The first byte of an input says in which form: tokenizer.json, tokenizer.model, or a
// GGUF file.

#include "azimuth/token_strings.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const FuzzedFolder folder;
  const FuzzedFile file(text_of(data + 1, size - 1));
  folder.clear();
  const bool gguf = data[0] % 3 == 2;
  folder.put(gguf ? "model.gguf" : data[0] % 3 == 1 ? "tokenizer.model" : "tokenizer.json",
             file.path());
  refused_or_used([&] {
    for (const std::string& text :
         read_token_strings(gguf ? folder.path() / "model.gguf" : folder.path())) {
      if (text.size() > size) std::abort();
    }
  });
  return 0;
}
