// A safetensors file, by itself and as the weights of a small model.

#include "azimuth/model_file.h"
#include "azimuth/safetensors_file.h"
#include "fuzz/fuzzed_file.h"
#include "fuzz/use.h"

using namespace azimuth;
using namespace azimuth::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // That of tiny.safetensors of the corpus.
  static const FuzzedFile config(
      R"({"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,)"
      R"("num_key_value_heads":1,"vocab_size":6,"bos_token_id":1,"eos_token_id":2})");
  const FuzzedFile file(text_of(data, size));
  refused_or_used([&] {
    const SafetensorsFile opened = SafetensorsFile::open(file.path());
    use(opened.tensors());
    use(load_model_file(file.path(), config.path()));
  });
  return 0;
}
