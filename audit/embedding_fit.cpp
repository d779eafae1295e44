#include "embedding_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "polar_factor.h"
#include "products.h"

namespace azimuth {
namespace {

constexpr std::int64_t kEighths = 8;
constexpr std::int64_t kHeldOutEighth = 4;
constexpr std::int64_t kMostHeldOut = 1024;
constexpr std::int64_t kChunk = 1024;
// Tokens that are fitted for each coordinate, where there are so many.
constexpr std::int64_t kTokensPerCoordinate = 4;

// Of embeddings that have nothing in common the mean lay within 3.4 standard errors of 0, and those
// of models that were trained apart with one tokenizer reached 9 and more in all but a few pairs
// (bench/audit/independent_pairs.md).
constexpr double kAligned = 0.05;
constexpr double kAlignedErrors = 4;

/// The id of each string that one id alone has, and that has an embedding.
std::unordered_map<std::string_view, std::int64_t> ids_by_string(const AuditedWeights& model) {
  constexpr std::int64_t kSeveral = -1;
  std::unordered_map<std::string_view, std::int64_t> ids;
  const std::int64_t count = std::min(std::ssize(model.tokens), model.weights.vocab_size());
  for (std::int64_t id = 0; id < count; ++id) {
    const std::string& text = model.tokens[static_cast<std::size_t>(id)];
    if (text.empty()) continue;
    const auto [entry, is_new] = ids.try_emplace(text, id);
    if (!is_new) entry->second = kSeveral;
  }
  std::erase_if(ids, [](const auto& entry) { return entry.second == kSeveral; });
  return ids;
}

/// By ascending id of the base.
std::vector<SharedToken> shared_tokens(const AuditedWeights& base, const AuditedWeights& release,
                                       bool by_string) {
  std::vector<SharedToken> shared;
  if (!by_string) {
    const std::int64_t count = std::min(base.weights.vocab_size(), release.weights.vocab_size());
    for (std::int64_t id = 0; id < count; ++id) shared.push_back({id, id});
    return shared;
  }
  const auto release_ids = ids_by_string(release);
  for (const auto& [text, id] : ids_by_string(base)) {
    const auto found = release_ids.find(text);
    if (found != release_ids.end()) shared.push_back({id, found->second});
  }
  std::ranges::sort(shared, {}, &SharedToken::base);
  return shared;
}

/// Tokens that are fitted, spread over the vocabulary, and tokens that are not.
struct Split {
  std::vector<SharedToken> fitted;
  std::vector<SharedToken> held_out;
};

Split split(std::span<const SharedToken> shared, std::int64_t coordinates) {
  constexpr std::array<std::int64_t, 7> kOrder = {0, 2, 6, 1, 5, 3, 7};
  const std::int64_t wanted = kTokensPerCoordinate * coordinates * kEighths;
  const std::int64_t count = std::max<std::int64_t>(1, std::ssize(shared));
  const std::int64_t eighths = std::clamp<std::int64_t>((wanted + count - 1) / count, 1, 7);
  Split out;
  for (std::size_t i = 0; i < shared.size(); ++i) {
    const auto eighth = static_cast<std::int64_t>(i) % kEighths;
    const auto at = std::ranges::find(kOrder, eighth) - kOrder.begin();
    if (at < eighths) out.fitted.push_back(shared[i]);
    if (eighth == kHeldOutEighth) out.held_out.push_back(shared[i]);
  }
  const auto held_out = static_cast<std::int64_t>(out.held_out.size());
  const std::int64_t stride = std::max<std::int64_t>(1, held_out / kMostHeldOut);
  std::vector<SharedToken> fewer;
  for (std::int64_t i = 0; i < held_out; i += stride) {
    fewer.push_back(out.held_out[static_cast<std::size_t>(i)]);
  }
  out.held_out = std::move(fewer);
  return out;
}

/// Sums over tokens, of embeddings of both models.
struct Moments {
  Eigen::MatrixXf products;  ///< release × base
  Eigen::VectorXd base, release;
  Eigen::VectorXd base_squares, release_squares;
  std::int64_t tokens = 0;
};

/// The embeddings of `tokens`, a column a token. One that is not finite in either is 0 in both.
std::pair<Eigen::MatrixXf, Eigen::MatrixXf> embeddings(const ModelWeights& base,
                                                       const ModelWeights& release,
                                                       std::span<const SharedToken> tokens) {
  std::vector<std::int64_t> base_ids, release_ids;
  for (const SharedToken& token : tokens) {
    base_ids.push_back(token.base);
    release_ids.push_back(token.release);
  }
  std::pair<Eigen::MatrixXf, Eigen::MatrixXf> out = {base.embed(base_ids),
                                                     release.embed(release_ids)};
  for (Eigen::Index i = 0; i < out.first.cols(); ++i) {
    if (out.first.col(i).allFinite() && out.second.col(i).allFinite()) continue;
    out.first.col(i).setZero();
    out.second.col(i).setZero();
  }
  return out;
}

Moments moments_of(const ModelWeights& base, const ModelWeights& release,
                   std::span<const SharedToken> tokens, Workers& workers) {
  const Eigen::Index d = base.hidden_size();
  const Eigen::Index e = release.hidden_size();
  Moments m = {.products = Eigen::MatrixXf::Zero(e, d),
               .base = Eigen::VectorXd::Zero(d),
               .release = Eigen::VectorXd::Zero(e),
               .base_squares = Eigen::VectorXd::Zero(d),
               .release_squares = Eigen::VectorXd::Zero(e)};
  for (std::size_t begin = 0; begin < tokens.size(); begin += kChunk) {
    const auto some = tokens.subspan(begin, std::min<std::size_t>(kChunk, tokens.size() - begin));
    const auto [x, y] = embeddings(base, release, some);
    m.products += transposed_product(transposed(y), transposed(x), workers);
    m.base += x.cast<double>().rowwise().sum();
    m.release += y.cast<double>().rowwise().sum();
    m.base_squares += x.cast<double>().rowwise().squaredNorm();
    m.release_squares += y.cast<double>().rowwise().squaredNorm();
    m.tokens += static_cast<std::int64_t>(some.size());
  }
  return m;
}

Eigen::VectorXd deviations(const Eigen::VectorXd& sums, const Eigen::VectorXd& squares, double n) {
  return (squares.array() / n - (sums.array() / n).square()).max(0).sqrt();
}

/// How much closer the tokens that were not fitted come to their own embedding than to another's.
void check_alignment(const ModelWeights& base, const ModelWeights& release, const Moments& m,
                     std::span<const SharedToken> held_out, EmbeddingFit& fit, Workers& workers) {
  if (held_out.size() < 2 || fit.map.size() == 0) return;
  auto [x, y] = embeddings(base, release, held_out);
  const double n = static_cast<double>(m.tokens);
  x.colwise() -= (m.base / n).cast<float>();
  y.colwise() -= (m.release / n).cast<float>();
  x = transposed_product(transposed(fit.map), x, workers);
  x.colwise().normalize();
  y.colwise().normalize();
  const Eigen::Index count = x.cols();
  const Eigen::VectorXf all = y.rowwise().sum();
  Eigen::VectorXd differences(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const double own{x.col(i).dot(y.col(i))};
    differences[i] = own - (double{x.col(i).dot(all)} - own) / static_cast<double>(count - 1);
  }
  const double mean = differences.mean();
  const double error = std::sqrt((differences.array() - mean).square().sum() /
                                 static_cast<double>(count * (count - 1)));
  fit.alignment.similarity = mean;
  fit.alignment.aligned = mean >= kAligned && mean >= kAlignedErrors * error;
}

}  // namespace

EmbeddingFit fit_embeddings(const AuditedWeights& audited_base,
                            const AuditedWeights& audited_release, Workers& workers) {
  const ModelWeights& base = audited_base.weights;
  const ModelWeights& release = audited_release.weights;
  EmbeddingFit fit;
  fit.alignment.by_string = !audited_base.tokens.empty() && !audited_release.tokens.empty();
  fit.shared = shared_tokens(audited_base, audited_release, fit.alignment.by_string);
  fit.alignment.shared_tokens = std::ssize(fit.shared);
  const Split tokens = split(fit.shared, std::max(base.hidden_size(), release.hidden_size()));
  const Moments m = moments_of(base, release, tokens.fitted, workers);
  fit.alignment.fitted_tokens = m.tokens;
  const double n = static_cast<double>(std::max<std::int64_t>(1, m.tokens));
  const Eigen::VectorXd base_deviations = deviations(m.base, m.base_squares, n);
  const Eigen::VectorXd release_deviations = deviations(m.release, m.release_squares, n);
  fit.base_deviations.assign(base_deviations.begin(), base_deviations.end());
  // What is left of rounding where all tokens have one value is not a correlation.
  const auto inverse = [&](const Eigen::VectorXd& deviation, const Eigen::VectorXd& squares) {
    Eigen::VectorXd out = deviation.cwiseInverse();
    for (Eigen::Index i = 0; i < out.size(); ++i) {
      if (!(deviation[i] > 1e-3 * std::sqrt(squares[i] / n))) out[i] = kNotApplicable;
    }
    return out;
  };
  Eigen::MatrixXd covariance =
      m.products.cast<double>() / n - (m.release / n) * (m.base / n).transpose();
  fit.correlations = (inverse(release_deviations, m.release_squares).asDiagonal() * covariance *
                      inverse(base_deviations, m.base_squares).asDiagonal())
                         .cwiseAbs()
                         .cast<float>();
  // Less the mean: what all embeddings share says nothing of which token is which.
  const Eigen::MatrixXf centred = covariance.cast<float>();
  covariance.resize(0, 0);
  fit.map = polar_factor(centred, workers);
  check_alignment(base, release, m, tokens.held_out, fit, workers);
  return fit;
}

}  // namespace azimuth
