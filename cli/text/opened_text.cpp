#include "text/opened_text.h"

#include "azimuth/joined.h"
#include "azimuth/token_ids.h"

namespace azimuth::cli {

OpenedText open_text(const ModelWeights& weights, const std::string& checkpoint,
                     const TextOptions& options, std::int64_t most) {
  const TokenIds tokens = read_token_ids(options.ids);
  refuse_tokens_of_another(tokens, checkpoint, weights.vocab_size());
  const std::string why = Decoder::why_not(weights);
  if (!why.empty()) {
    throw FileError(checkpoint, "decoder",
                    why + "; those that can be run: " + joined(Decoder::families()));
  }
  const TextCut cut = {.length = options.length, .sequences = options.sequences, .most = most};
  TextWindows windows(tokens, cut);
  TextObservation method;
  method.ids_digest = tokens.digest;
  method.sequences = windows.size();
  method.length = windows.length();
  return {Decoder(weights, at::kCPU, at::kFloat), std::move(windows), std::move(method)};
}

}  // namespace azimuth::cli
