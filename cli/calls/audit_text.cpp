#include "calls/audit_text.h"

#include <cmath>
#include <string_view>

#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

constexpr const char* kSupposes =
    "\nThis supposes that\n"
    "  - the base is the one of this digest, and the digest was published before the release was\n"
    "    seen: an owner who holds the release can rearrange a base of his own;\n"
    "  - the base was not initialised from a public random seed: models that share their\n"
    "    initialisation are not independent of each other;\n"
    "  - nothing made both from a third model: siblings match each other.\n"
    "It does not tell which of the two came first, nor that the release holds the base alone.\n";

constexpr const char* kNoProof =
    "This is not a proof of independence. Distillation, training on the base's outputs, and new\n"
    "embeddings together with a rotation and permuted neurons leave no trace that is looked for.\n";

/// "10^-503", rounded up.
std::string power(double log10_p) {
  return log10_p >= 0 ? "1" : text("10^%.0f", std::ceil(log10_p));
}

std::string percent(double share) { return text("%.1f%%", 100 * share); }

std::string verdict_sentences(const Audit& a) {
  switch (a.verdict) {
    case Verdict::match:
      return "MATCH: the release is not independent of the base's initialisation.\n"
             "A release that is would show as much of the base's order with a probability of at "
             "most\n" +
             power(a.log10_corrected_p) + ", after correction for " + std::to_string(a.tests) +
             " tests.\n" + kSupposes;
    case Verdict::match_empirical:
      return "MATCH_EMPIRICAL: the release has neurons of the base, though not in its order.\n"
             "In up to " +
             percent(a.share) +
             " of the neurons two matrices agree on the partner; unrelated models reached 5.1% at "
             "most.\nThere is no probability for this: the threshold was calibrated on small "
             "models.\n" +
             kSupposes;
    case Verdict::no_match:
      return std::string("NO_MATCH: no trace of the base in the release.\n") + kNoProof;
    case Verdict::inconclusive:
      break;
  }
  std::string out = "INCONCLUSIVE: ";
  if (a.log10_corrected_p <= std::log10(a.rate)) {
    return out +
           "rows stand in the base's order, yet those of one neuron do not agree on a partner.\n"
           "An unrelated base that was rearranged after the release looks like this.\n";
  }
  if (std::isnan(a.share)) {
    out += "no exact test decides, and without gated FFNs in both there is no share of neurons.\n";
  } else if (a.share >= kNoMatchShare) {
    out += "no exact test decides, and " + percent(a.share) +
           " of the neurons is too much for chance and too little for a match.\n";
  } else {
    out +=
        "no trace of the base, but embeddings of one token id do not correspond either:\n"
        "the vocabularies differ, or the embeddings were replaced.\n";
  }
  return out + kNoProof;
}

std::string model_line(const char* name, const ModelInfo& model) {
  return left(name, 9) + printable(model.architecture, 40) +
         text(", %lld blocks, hidden size %lld, FFN %lld, vocabulary %lld\n         sha256 ",
              static_cast<long long>(model.block_count), static_cast<long long>(model.hidden_size),
              static_cast<long long>(model.ffn_size), static_cast<long long>(model.vocab_size)) +
         (model.weights_digest.empty() ? "–" : model.weights_digest) + "\n";
}

std::string place_text(const FfnPlace& place) {
  if (place.block == 0) return "–";
  return std::to_string(place.block) +
         (place.expert > 0 ? "." + std::to_string(place.expert) : std::string());
}

std::string of(std::int64_t part, std::int64_t whole) {
  return std::to_string(part) + " of " + std::to_string(whole);
}

std::string exact_table(const Audit& a) {
  std::string out =
      "\nRows in the base's order      block of      after      in order         p at "
      "most  corrected\n                            base  release   map   of matched\n";
  std::string reasons;
  for (const OrderTest& test : a.exact) {
    out += "  " + left(std::string(test.test), 22) + right(place_text(test.base), 8) +
           right(place_text(test.release), 9) +
           right(test.made == 0 || test.base.block == 0 ? "–"
                 : test.mapped                          ? "yes"
                                                        : "no",
                 6) +
           right(test.made == 0 ? "–" : of(test.in_order, test.matched), 15) +
           right(test.made == 0 ? "–" : power(test.log10_p), 15) +
           right(test.made == 0 ? "–" : power(test.log10_corrected_p), 11) + "\n";
    if (!test.no_p.empty()) {
      reasons += "No p-value: " + printable(test.no_p, 400) + "\n";
    }
  }
  return out + reasons;
}

std::string share_table(const Audit& a) {
  if (a.shares.empty()) return "\nShare of neurons: none, since not both have gated FFNs\n";
  std::string out =
      "\nNeurons whose gate and up     block of       agree on the        median   elsewhere\n"
      "rows agree on the partner   base  release    partner            cosine     at most\n";
  for (const NeuronShare& share : a.shares) {
    out += left("", 24) + right(place_text(share.base), 8) + right(place_text(share.release), 9) +
           right(of(share.agreeing, share.neurons) + ", " + percent(share.share), 21) +
           right(std::isnan(share.cosine) ? "–" : text("%.3f", share.cosine), 10) +
           right(percent(share.control), 12) + "\n";
  }
  return out;
}

std::string embeddings_line(const EmbeddingAlignment& e) {
  return text(
      "\nEmbeddings of the %lld token ids that both have, taken to be the same tokens, %s "
      "(similarity %.2f, map fitted on %lld)\n",
      static_cast<long long>(e.shared_tokens), e.aligned ? "correspond" : "do not correspond",
      e.similarity, static_cast<long long>(e.fitted_tokens));
}

}  // namespace

std::string audit_text(const Audit& audit) {
  return verdict_sentences(audit) + "\n" + model_line("base", audit.base) +
         model_line("release", audit.release) + exact_table(audit) + share_table(audit) +
         embeddings_line(audit.embeddings);
}

}  // namespace azimuth::cli
