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

constexpr const char* kSupposesOfShare =
    "\nThis supposes that\n"
    "  - the base was not initialised from a public random seed: models that share their\n"
    "    initialisation are not independent of each other;\n"
    "  - nothing made both from a third model: siblings match each other.\n"
    "It does not tell which of the two came first, nor that the release holds the base alone.\n";

constexpr const char* kNoProof =
    "This is not a proof of independence. Distillation, training on the base's outputs, and new\n"
    "embeddings together with a rotation and permuted neurons leave no trace that is looked for.\n";

}  // namespace

int rank(Verdict verdict) {
  switch (verdict) {
    case Verdict::match:
      return 0;
    case Verdict::match_empirical:
      return 1;
    case Verdict::inconclusive:
      return 2;
    case Verdict::no_match:
      break;
  }
  return 3;
}

std::string power(double log10_p) {
  return log10_p > -1 ? "1" : text("10^%.0f", std::ceil(log10_p));
}

std::string percent(double share) { return text("%.1f%%", 100 * share); }

std::string place_text(const FfnPlace& place) {
  if (place.block == 0) return "–";
  return std::to_string(place.block) +
         (place.expert > 0 ? "." + std::to_string(place.expert) : std::string());
}

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
             " of the neurons two matrices agree on the partner; unrelated models reached 4.2% at "
             "most.\nThere is no probability for this: those that it was tried on are few, and "
             "small.\n" +
             kSupposesOfShare;
    case Verdict::no_match:
      return std::string("NO_MATCH: no trace of the base in the release.\n") + kNoProof;
    case Verdict::inconclusive:
      break;
  }
  std::string out = "INCONCLUSIVE: ";
  if (a.exact.empty()) {
    return out +
           "of a signature there is the direction alone, which decides nothing: it can be planted "
           "in\nanother model, and projected out. Give the weights of both.\n";
  }
  if (a.log10_corrected_p <= std::log10(a.rate)) {
    return out +
           "rows stand in the base's order, yet those of one neuron do not agree on a partner.\n"
           "An unrelated base that was rearranged after the release looks like this.\n";
  }
  if (std::isnan(a.share)) {
    out +=
        "no exact test decides, and there is no share of neurons: one model's FFNs are gated, the "
        "other's\nare not, or one has none.\n";
  } else if (a.share >= kNoMatchShare) {
    out += "no exact test decides, and " + percent(a.share) +
           " of the neurons is too much for chance and too little for a match.\n";
  } else if (!a.nonfinite.empty()) {
    out += "no trace of the base, but " + printable(a.nonfinite, 200) +
           " holds numbers that\nare not finite: its rows match nothing, whatever they were.\n";
  } else {
    out +=
        "no trace of the base, but embeddings of the same tokens do not correspond either:\n"
        "the vocabularies differ, or the embeddings were replaced.\n";
  }
  return out + kNoProof;
}

namespace {

std::string model_line(const char* name, const ModelInfo& model) {
  return left(name, 9) + printable(model.architecture, 40) +
         text(
             ", %lld blocks, hidden size %lld, FFN %lld, vocabulary %lld\n         weights sha256 ",
             static_cast<long long>(model.block_count), static_cast<long long>(model.hidden_size),
             static_cast<long long>(model.ffn_size), static_cast<long long>(model.vocab_size)) +
         (model.weights_digest.empty() ? "–" : model.weights_digest) + "\n";
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
  if (a.shares.empty()) {
    return "\nShare of neurons: none, since one model's FFNs are gated and the other's are not, "
           "one "
           "has none,\nor there is no map\n";
  }
  std::string out =
      "\nNeurons whose two vectors     block of       agree on the        median   elsewhere\n"
      "agree on the partner        base  release    partner            cosine     at most   map\n";
  for (const NeuronShare& share : a.shares) {
    out += left("", 24) + right(place_text(share.base), 8) + right(place_text(share.release), 9) +
           right(of(share.agreeing, share.neurons) + ", " + percent(share.share), 21) +
           right(std::isnan(share.cosine) ? "–" : text("%.3f", share.cosine), 10) +
           right(percent(share.control), 12) +
           (share.neuron_map ? "   of neurons"
            : share.mapped   ? "   of tokens"
                             : "   no") +
           "\n";
  }
  return out;
}

std::string gram_lines(const Audit& a) {
  if (!a.grams) return {};
  const GramTest& grams = *a.grams;
  std::string out = "\nGram matrices of neurons";
  if (!grams.pairs.empty()) {
    double first = 0;
    double second = 0;
    for (const GramPair& pair : grams.pairs) {
      first += pair.first_alignment / static_cast<double>(grams.pairs.size());
      second += pair.second_alignment / static_cast<double>(grams.pairs.size());
    }
    out += text(", %zu pairs of FFNs, %lld orders each: alignment %.3f and %.3f, p at most ",
                grams.pairs.size(), static_cast<long long>(grams.orders), first, second) +
           power(grams.log10_p) + ", corrected " + power(grams.log10_corrected_p);
  }
  out += "\n";
  if (!grams.no_p.empty()) out += "No p-value: " + printable(grams.no_p, 400) + "\n";
  return out;
}

std::string block_list(const std::vector<std::int32_t>& blocks) {
  if (blocks.empty()) return "–";
  std::string out;
  for (const std::int32_t block : blocks) out += (out.empty() ? "" : ", ") + std::to_string(block);
  return out;
}

std::string number(double value, const char* format) {
  return std::isnan(value) ? "–" : text(format, value);
}

std::string figures_line(const char* name, bool has_signature, const DirectionFigures& figures) {
  if (!has_signature) return std::string("  ") + left(name, 9) + figures.absence + "\n";
  return std::string("  ") + left(name, 9) + "explosion " + block_list(figures.explosion_blocks) +
         ", decay " + block_list(figures.decay_blocks) + ", peak ratio " +
         number(figures.peak_ratio, "%.0f") + ", σ1/σ2 " + number(figures.singular_ratio, "%.2f") +
         ", eigenvalue at decay " + number(figures.decay_eigenvalue, "%.3f") + "\n";
}

std::string direction_lines(const Audit& a) {
  if (!a.direction) return {};
  const DirectionEvidence& d = *a.direction;
  std::string out = "\nHigh-norm direction, which decides nothing: ";
  switch (d.status) {
    case DirectionStatus::compared:
      out += text("%.2f° apart, p %s%.1e\n", d.degrees, d.p <= d.resolution ? "≤ " : "", d.p);
      break;
    case DirectionStatus::signature_absent:
      out += "SIGNATURE_ABSENT\n";
      break;
    case DirectionStatus::other_hidden_size:
      out += "not comparable, the hidden sizes differ\n";
      break;
  }
  out += figures_line("base", d.base_has_signature, d.base) +
         figures_line("release", d.release_has_signature, d.release);
  if (!std::isnan(d.vocabulary_correlation)) {
    out += text("  embeddings along it, rank correlation over the vocabulary %.3f\n",
                d.vocabulary_correlation);
  }
  if (!std::isnan(d.map_agreement)) {
    out += text("  maps fitted on embeddings and on neurons agree to %.3f\n", d.map_agreement);
  }
  return out;
}

std::string embeddings_line(const EmbeddingAlignment& e) {
  return text("\nEmbeddings of the %lld %s, %s (similarity ",
              static_cast<long long>(e.shared_tokens),
              e.by_string ? "tokens whose strings both have"
                          : "token ids that both have, taken to be the same tokens",
              e.aligned ? "correspond" : "do not correspond") +
         (std::isnan(e.similarity) ? "–" : text("%.2f", e.similarity)) +
         text(", map fitted on %lld)\n", static_cast<long long>(e.fitted_tokens));
}

}  // namespace

std::string audit_text(std::span<const NamedAudit> audits) {
  const Audit& first = audits.front().audit;
  std::string out;
  if (audits.size() > 1) {
    out = "Of " + std::to_string(audits.size()) + " bases " + printable(audits.front().base, 200) +
          " says most:\n\n";
  }
  out += verdict_sentences(first) + "\n";
  if (!first.base.weights_digest.empty() &&
      first.base.weights_digest == first.release.weights_digest) {
    out += "The weights are identical: both have one digest.\n\n";
  }
  out += model_line("base", first.base) + model_line("release", first.release);
  if (!first.exact.empty()) out += exact_table(first) + share_table(first);
  out += gram_lines(first) + direction_lines(first);
  if (!first.exact.empty()) out += embeddings_line(first.embeddings);
  for (const NamedAudit& other : audits.subspan(1)) {
    out +=
        "\n" + left(std::string(name_of(other.audit.verdict)), 16) + printable(other.base, 200) +
        ": corrected p at most " +
        (std::isnan(other.audit.log10_corrected_p) ? "–" : power(other.audit.log10_corrected_p)) +
        ", share " + (std::isnan(other.audit.share) ? "–" : percent(other.audit.share));
  }
  return audits.size() > 1 ? out + "\n" : out;
}

}  // namespace azimuth::cli
