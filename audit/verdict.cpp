#include <algorithm>
#include <cmath>

#include "azimuth/audit.h"

namespace azimuth {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::match:
      return "MATCH";
    case Verdict::match_empirical:
      return "MATCH_EMPIRICAL";
    case Verdict::no_match:
      return "NO_MATCH";
    case Verdict::inconclusive:
      break;
  }
  return "INCONCLUSIVE";
}

Verdict verdict_of(const Audit& evidence) {
  // NaN, where there is no p-value or no share, is neither small nor large.
  const bool in_order = evidence.log10_corrected_p <= std::log10(evidence.rate);
  const bool small_share = evidence.share < kNoMatchShare;
  // Whoever holds the release can permute an unrelated base into its order, but not make pairs of
  // rows agree that do not. Of an FFN with few neurons one that agrees by chance is a large share.
  if (in_order) {
    const bool believed = std::isnan(evidence.share) ||
                          std::ranges::any_of(evidence.shares, [](const NeuronShare& s) {
                            return s.share >= kNoMatchShare && s.agreeing >= kBelievedNeurons;
                          });
    return believed ? Verdict::match : Verdict::inconclusive;
  }
  const bool large_share = std::ranges::any_of(evidence.shares, [](const NeuronShare& s) {
    return s.share >= kMatchShare && s.agreeing >= kMatchNeurons;
  });
  if (large_share) return Verdict::match_empirical;
  const bool ruled_out = small_share && evidence.embeddings.aligned && evidence.nonfinite.empty();
  return ruled_out ? Verdict::no_match : Verdict::inconclusive;
}

}  // namespace azimuth
