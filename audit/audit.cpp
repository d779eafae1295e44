#include "azimuth/audit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "azimuth/examine.h"
#include "azimuth/sha256.h"
#include "azimuth/special_ids.h"
#include "base_rows.h"
#include "block_tests.h"
#include "embedding_fit.h"
#include "gram_test.h"
#include "mutual_matches.h"
#include "order_bound.h"
#include "polar_factor.h"
#include "residual_rows.h"
#include "shared_scales.h"

namespace azimuth {
namespace {

constexpr std::int64_t kSampledTokens = 64;

/// Why neighbouring coordinates of the embeddings share a scale; empty: they do not.
std::string shared_scale_of(const ModelWeights& base) {
  const auto type = base.stored_type(Role::token_embedding, 0);
  if (type && shares_scales(*type)) {
    return "the base's embeddings are stored as " + std::string(name_of(*type)) +
           ", where neighbouring coordinates share a scale";
  }
  std::vector<std::int64_t> ids;
  const std::int64_t count = std::min(base.vocab_size(), kSampledTokens);
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(i * base.vocab_size() / count);
  if (!share_scales(base.embed(ids))) return {};
  return "the base's embeddings were quantised, and are stored as floats: neighbouring coordinates "
         "share a scale";
}

OrderTest test_coordinates(const ModelWeights& base, const EmbeddingFit& fit) {
  OrderTest test = {.test = order_test::coordinates, .count = 1};
  refuse(test, shared_scale_of(base));
  refuse(test, order_of_its_own("coordinates", fit.base_deviations));
  if (test.no_p.empty()) offer(test, pairs_in_order(mutual_matches(fit.correlations)));
  return test;
}

constexpr std::size_t kMostPoints = 2048;

/// The share of each token's embedding that lies along the model's own direction.
std::vector<double> shares_along(const ModelWeights& model, std::span<const float> direction,
                                 const std::vector<std::int64_t>& ids) {
  const Eigen::Map<const Eigen::VectorXf> u(direction.data(), std::ssize(direction));
  std::vector<double> out;
  constexpr std::size_t kTile = 1024;
  for (std::size_t first = 0; first < ids.size(); first += kTile) {
    const Eigen::MatrixXf embeddings =
        model.embed(std::span(ids).subspan(first, std::min(kTile, ids.size() - first)));
    for (const auto embedding : embeddings.colwise()) {
      const double share = double{embedding.dot(u)} / double{embedding.norm()};
      out.push_back(std::isfinite(share) ? share : 0);
    }
  }
  return out;
}

void compare_vocabularies(const ModelWeights& base, std::span<const float> base_direction,
                          const ModelWeights& release, std::span<const float> release_direction,
                          const std::vector<SharedToken>& shared, DirectionEvidence& out) {
  if (shared.empty()) return;
  std::vector<std::int64_t> base_ids, release_ids;
  for (const SharedToken& token : shared) {
    base_ids.push_back(token.base);
    release_ids.push_back(token.release);
  }
  const std::vector<double> x = shares_along(base, base_direction, base_ids);
  const std::vector<double> y = shares_along(release, release_direction, release_ids);
  out.vocabulary_correlation = rank_correlation(x, y);
  const std::size_t points = std::min(x.size(), kMostPoints);
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t at = i * x.size() / points;
    out.vocabulary.push_back({static_cast<float>(x[at]), static_cast<float>(y[at])});
  }
}

constexpr std::int64_t kFewestOfNeuronMap = 10;

/// Shares with another map are kept where they are larger.
void keep_larger(std::vector<NeuronShare>& shares, std::vector<NeuronShare> others) {
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].neuron_map = true;
    // Of few neurons some agree by chance.
    if (others[i].agreeing < kFewestOfNeuronMap) continue;
    if (i >= shares.size()) {
      shares.push_back(others[i]);
    } else if (others[i].share > shares[i].share) {
      shares[i] = others[i];
    }
  }
}

/// Token ids that both have, with what is special in either.
std::vector<std::int64_t> probe_of_both(const ModelWeights& base, const ModelWeights& release) {
  const std::vector<std::int64_t> special = joined_special_ids(
      base.architecture().special_token_ids, release.architecture().special_token_ids);
  return default_probe(special, std::min(base.vocab_size(), release.vocab_size()),
                       kDefaultProbeSize);
}

/// "the release's NAME"; empty where every weight is finite.
std::string nonfinite_tensor(const ModelWeights& base, const ModelWeights& release,
                             Workers& workers) {
  const std::vector<std::int64_t> ids = probe_of_both(base, release);
  if (const auto found = base.first_nonfinite(ids, workers)) return "the base's " + found->name;
  if (const auto found = release.first_nonfinite(ids, workers)) {
    return "the release's " + found->name;
  }
  return {};
}

/// Of the orders that are drawn: the same in every call, and nobody's choice.
std::uint64_t seed_of(const Audit& audit) {
  Sha256 sum;
  sum.add(audit.base.weights_digest + audit.release.weights_digest);
  return std::stoull(sum.hexadecimal().substr(0, 16), nullptr, 16);
}

/// Gram matrices of neurons, with the shares that they make possible. Gives the map between the
/// residual streams that neurons in their order make; empty: none.
Eigen::MatrixXf add_grams(const ModelWeights& base, const ModelWeights& release, Audit& out,
                          Workers& workers, Progress* progress) {
  const std::int64_t blocks = std::ssize(release.blocks());
  if (progress != nullptr) progress->begin(2 * blocks);
  GramComparison grams = compare_grams(base, release, seed_of(out), workers, progress);
  Eigen::MatrixXf map;
  if (grams.products.size() > 0) map = polar_factor(grams.products, workers);
  if (map.size() > 0) {
    BlockTests tests(release, {.mapped = {true}, .map = &map},
                     read_base(base, neurons_held_out(ffn_shape(base).width)), workers);
    for (std::int64_t block = 0; block < blocks; ++block) {
      next_part(progress);
      tests.test(block, workers);
    }
    keep_larger(out.shares, tests.shares());
  }
  out.grams = std::move(grams.test);
  return map;
}

void add_directions(const ModelWeights& base, const ModelWeights& release, const EmbeddingFit& fit,
                    const Eigen::MatrixXf& neuron_map, Audit& out, Workers& workers,
                    Progress* progress) {
  ExamineOptions examining = {.noise_floor = false, .digest = false};
  examining.analysis.token_ids = probe_of_both(base, release);
  const Signature base_signature = examine(base, examining, workers, progress).signature();
  const Signature release_signature = examine(release, examining, workers, progress).signature();
  out.direction = direction_evidence(base_signature, release_signature, workers);
  if (out.direction->base_has_signature && out.direction->release_has_signature) {
    compare_vocabularies(base, base_signature.direction, release, release_signature.direction,
                         fit.shared, *out.direction);
  }
  if (neuron_map.size() > 0 && fit.map.size() > 0) {
    out.direction->map_agreement =
        double{neuron_map.cwiseProduct(fit.map).sum()} /
        static_cast<double>(std::min(base.hidden_size(), release.hidden_size()));
  }
}

std::string digest_of(const AuditedWeights& model, Workers& workers) {
  return model.digest.empty() ? model.weights.digest(workers) : model.digest;
}

/// Corrects every p-value for all tests, and concludes.
void conclude(Audit& out) {
  const double correction = std::log10(static_cast<double>(out.tests));
  out.log10_corrected_p = kNotApplicable;
  const auto correct = [&](double log10_p, double& corrected) {
    corrected = std::isnan(log10_p) ? kNotApplicable : std::min(0.0, log10_p + correction);
    out.log10_corrected_p = std::fmin(out.log10_corrected_p, corrected);
  };
  for (OrderTest& test : out.exact) correct(test.log10_p, test.log10_corrected_p);
  if (out.grams) correct(out.grams->log10_p, out.grams->log10_corrected_p);
  out.share = kNotApplicable;
  for (const NeuronShare& share : out.shares) out.share = std::fmax(out.share, share.share);
  out.verdict = verdict_of(out);
}

}  // namespace

Audit audit(const AuditedWeights& audited_base, const AuditedWeights& audited_release,
            const AuditOptions& options, Workers& workers, Progress* progress) {
  const ModelWeights& base = audited_base.weights;
  const ModelWeights& release = audited_release.weights;
  if (!(options.rate > 0 && options.rate < 1)) {
    throw std::invalid_argument("audit: the rate lies between 0 and 1");
  }
  if (options.bases < 1) throw std::invalid_argument("audit: there is one base at least");
  const std::int64_t blocks = std::ssize(release.blocks());
  if (progress != nullptr) progress->begin(blocks + 3);
  Audit out;
  out.rate = options.rate;
  out.bases = options.bases;
  out.thorough = options.thorough;
  next_part(progress);
  out.base = base.sizes();
  out.base.weights_digest = digest_of(audited_base, workers);
  next_part(progress);
  out.release = release.sizes();
  out.release.weights_digest = digest_of(audited_release, workers);

  next_part(progress);
  const EmbeddingFit fit = fit_embeddings(audited_base, audited_release, workers);
  out.embeddings = fit.alignment;
  Views views;
  views.map = &fit.map;
  views.map_is_sure = fit.alignment.aligned;
  if (base.hidden_size() == release.hidden_size()) views.mapped.push_back(false);
  if (fit.map.size() > 0) views.mapped.push_back(true);
  out.exact.push_back(test_coordinates(base, fit));

  {  // what it holds is not held below
    BlockTests tests(release, std::move(views), read_base(base, all_of(ffn_shape(base).width)),
                     workers);
    for (std::int64_t block = 0; block < blocks; ++block) {
      next_part(progress);
      tests.test(block, workers);
    }
    out.exact.push_back(std::move(tests.neurons));
    out.exact.push_back(std::move(tests.values));
    out.shares = tests.shares();
    out.blocks = tests.pairs();
  }

  out.tests = 1;  // of Gram matrices, whether it is made or not
  for (const OrderTest& test : out.exact) out.tests += test.count;
  out.tests *= options.bases;
  conclude(out);
  const bool matched = out.verdict == Verdict::match || out.verdict == Verdict::match_empirical;
  const bool open = out.verdict == Verdict::inconclusive;
  if (matched && !options.thorough) return out;
  // Before NO_MATCH too: embeddings of another model mislead the map, and correspond.
  const Eigen::MatrixXf neuron_map = add_grams(base, release, out, workers, progress);
  conclude(out);
  if (out.verdict == Verdict::no_match) {
    out.nonfinite = nonfinite_tensor(base, release, workers);
    out.verdict = verdict_of(out);
  }
  if (open || options.thorough) {
    add_directions(base, release, fit, neuron_map, out, workers, progress);
  }
  return out;
}

Audit audit_signatures(const Signature& base, const Signature& release, const AuditOptions& options,
                       Workers& workers) {
  Audit out;
  out.rate = options.rate;
  out.bases = options.bases;
  out.thorough = options.thorough;
  out.base = base.model;
  out.release = release.model;
  out.direction = direction_evidence(base, release, workers);
  return out;
}

}  // namespace azimuth
