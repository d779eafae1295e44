// Which tokens two models share, and what comes of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "azimuth/audit.h"
#include "support/audited_model.h"

namespace azimuth {
namespace {

using testing::AuditedModel;

constexpr const char* kEmbedding = "model.embed_tokens.weight";

std::vector<std::string> words(int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back("word " + std::to_string(i));
  return out;
}

/// A model with the strings of its tokens.
struct Named {
  AuditedModel model;
  std::vector<std::string> tokens;

  explicit Named(AuditedModel of) : model(std::move(of)), tokens(words(AuditedModel::vocab)) {}

  /// Token i becomes what token order[i] was.
  Named& take_tokens(const std::vector<int>& order) {
    Eigen::MatrixXf& embedding = model.tensor(kEmbedding);
    embedding = embedding(order, Eigen::all).eval();
    std::vector<std::string> taken;
    for (const int token : order) taken.push_back(tokens[static_cast<std::size_t>(token)]);
    tokens = taken;
    return *this;
  }
};

std::vector<int> shuffled_tokens(unsigned seed = 7) {
  std::vector<int> order(AuditedModel::vocab);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, std::mt19937(seed));
  return order;
}

Audit audited(const Named& base, const Named& release) {
  Workers workers;
  const ModelWeights base_weights = base.model.weights();
  const ModelWeights release_weights = release.model.weights();
  return audit({base_weights, base.tokens}, {release_weights, release.tokens}, {}, workers);
}

/// log10, corrected.
double p_of(const Audit& a, std::string_view test) {
  const auto found = std::ranges::find(a.exact, test, &OrderTest::test);
  return found->log10_corrected_p;
}

// With neurons permuted, so that nothing but the map finds the values.
TEST(SharedTokens, AreThoseOfEqualStringsWhateverTheirIds) {
  const Named base(AuditedModel(1));
  Named release(AuditedModel(1).rotate().permute_neurons());
  release.take_tokens(shuffled_tokens());
  const Audit by_string = audited(base, release);
  EXPECT_EQ(by_string.verdict, Verdict::match);
  EXPECT_LT(p_of(by_string, order_test::values), -10);
  EXPECT_GT(by_string.share, 0.9);
  EXPECT_TRUE(by_string.embeddings.by_string);
  EXPECT_TRUE(by_string.embeddings.aligned);
  EXPECT_EQ(by_string.embeddings.shared_tokens, AuditedModel::vocab);

  release.tokens.clear();
  const Audit by_id = audited(base, release);
  EXPECT_EQ(by_id.verdict, Verdict::inconclusive);
  EXPECT_FALSE(by_id.embeddings.by_string);
  EXPECT_FALSE(by_id.embeddings.aligned);
}

TEST(SharedTokens, AreCorrelatedByTheirStringsToo) {
  const Named base(AuditedModel(1));
  Named release(AuditedModel(1));
  release.take_tokens(shuffled_tokens());
  EXPECT_LT(p_of(audited(base, release), order_test::coordinates), -20);
  release.tokens.clear();
  EXPECT_GT(p_of(audited(base, release), order_test::coordinates), -6);
}

TEST(SharedTokens, OfVocabulariesThatDifferAreThoseThatBothHave) {
  std::vector<int> order = shuffled_tokens();
  order.resize(600);
  Named release(AuditedModel(1).rotate());
  release.take_tokens(order);
  for (std::size_t id = 0; id < 100; ++id) release.tokens[id] = "new " + std::to_string(id);
  const Audit a = audited(Named(AuditedModel(1)), release);
  EXPECT_EQ(a.embeddings.shared_tokens, 500);
  EXPECT_EQ(a.verdict, Verdict::match);
}

TEST(SharedTokens, HaveOneIdEachAndAString) {
  Named base(AuditedModel(1));
  base.tokens[3] = base.tokens[4] = base.tokens[5];  // three ids of the base
  base.tokens[30].clear();
  Named release(AuditedModel(1));
  release.tokens[10].clear();  // no more a shared one than the other that is empty
  release.tokens[20] = release.tokens[21] = "padding";
  const Audit a = audited(base, release);
  EXPECT_EQ(a.embeddings.shared_tokens, AuditedModel::vocab - 3 - 1 - 1 - 2);
  EXPECT_EQ(a.verdict, Verdict::match);
}

TEST(SharedTokens, HaveEmbeddings) {
  Named base(AuditedModel(1));
  base.tokens = words(AuditedModel::vocab + 64);
  Named release(AuditedModel(1));
  release.tokens = words(700);
  EXPECT_EQ(audited(base, release).embeddings.shared_tokens, 700);
  EXPECT_EQ(audited(base, base).embeddings.shared_tokens, AuditedModel::vocab);
}

TEST(SharedTokens, MayBeNoneOrFew) {
  Named release(AuditedModel(1));
  for (std::string& token : release.tokens) token = "other " + token;
  const Audit none = audited(Named(AuditedModel(1)), release);
  EXPECT_EQ(none.embeddings.shared_tokens, 0);
  EXPECT_EQ(none.embeddings.fitted_tokens, 0);
  EXPECT_FALSE(none.embeddings.aligned);
  EXPECT_EQ(p_of(none, order_test::coordinates), 0);
  EXPECT_EQ(none.verdict, Verdict::match);  // by neurons as they are

  release.model.rotate().permute_neurons();
  for (std::size_t id = 0; id < 5; ++id) release.tokens[id] = "word " + std::to_string(id);
  const Audit few = audited(Named(AuditedModel(1)), release);
  EXPECT_EQ(few.embeddings.shared_tokens, 5);
  EXPECT_EQ(few.verdict, Verdict::inconclusive);
}

TEST(SharedTokens, ThatAreNoneSpoilTheMapAndNoPValue) {
  Named copy(AuditedModel(1).add_noise(0.1f));
  std::ranges::shuffle(copy.tokens, std::mt19937(3));
  const Audit a = audited(Named(AuditedModel(1)), copy);
  EXPECT_FALSE(a.embeddings.aligned);
  EXPECT_LT(p_of(a, order_test::neurons), -100);

  for (unsigned seed = 2; seed < 6; ++seed) {
    Named independent((AuditedModel(seed)));
    std::ranges::shuffle(independent.tokens, std::mt19937(seed));
    const Audit b = audited(Named(AuditedModel(1)), independent);
    EXPECT_EQ(b.log10_corrected_p, 0);
    EXPECT_EQ(b.verdict, Verdict::inconclusive);
  }
}

}  // namespace
}  // namespace azimuth
