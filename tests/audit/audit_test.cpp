#include "azimuth/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "residual_rows.h"
#include "support/audited_model.h"
#include "support/tiny_random_model.h"

namespace azimuth {
namespace {

using testing::AuditedModel;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TinyRandomModel;

Audit audited(const AuditedModel& base, const AuditedModel& release, int threads = 1,
              const AuditOptions& options = {}) {
  Workers workers(threads);
  return audit(base.weights(), release.weights(), options, workers);
}

const OrderTest& exact(const Audit& a, std::string_view test) {
  for (const OrderTest& result : a.exact) {
    if (result.test == test) return result;
  }
  throw std::out_of_range(std::string(test));
}

double corrected(const Audit& a, std::string_view test) { return exact(a, test).log10_corrected_p; }

TEST(AuditVerdict, ANoisyCopyMatchesByEveryTest) {
  const Audit a = audited(AuditedModel(1), AuditedModel(1).add_noise(0.2f));
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_LT(corrected(a, order_test::coordinates), -20);
  EXPECT_LT(corrected(a, order_test::neurons), -100);
  EXPECT_LT(corrected(a, order_test::values), -10);
  EXPECT_GT(a.share, 0.9);
  EXPECT_TRUE(a.embeddings.aligned);
  ASSERT_EQ(a.shares.size(), 3u);
  for (const NeuronShare& share : a.shares) {
    EXPECT_EQ(share.base, share.release);
    EXPECT_LT(share.control, kNoMatchShare);
    EXPECT_GT(share.cosine, 0.9);
  }
  EXPECT_EQ(a.base.weights_digest, AuditedModel(1).weights().digest());
  EXPECT_NE(a.base.weights_digest, a.release.weights_digest);
}

TEST(AuditVerdict, ARotationWithFoldedNormsIsUndone) {
  const Audit a = audited(AuditedModel(1), AuditedModel(1).rotate());
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_GT(corrected(a, order_test::coordinates), -6);
  EXPECT_LT(corrected(a, order_test::neurons), -100);
  EXPECT_TRUE(exact(a, order_test::neurons).mapped);
  EXPECT_LT(corrected(a, order_test::values), -10);
  EXPECT_GT(a.share, 0.9);
}

TEST(AuditVerdict, PermutedNeuronsLeaveValuesInOrder) {
  const Audit a = audited(AuditedModel(1), AuditedModel(1).rotate().permute_neurons());
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_GT(corrected(a, order_test::neurons), -6);
  EXPECT_LT(corrected(a, order_test::values), -10);
}

TEST(AuditVerdict, ExchangedHeadsKeepTheirValuesInOrder) {
  const Audit a = audited(AuditedModel(1), AuditedModel(1).exchange_heads());
  EXPECT_LT(corrected(a, order_test::values), -10);
}

TEST(AuditVerdict, AllPermutedAndRotatedIsAnEmpiricalMatch) {
  const Audit a =
      audited(AuditedModel(1), AuditedModel(1).rotate().permute_neurons().permute_values());
  EXPECT_EQ(a.verdict, Verdict::match_empirical);
  EXPECT_GT(a.log10_corrected_p, -6);
  EXPECT_GT(a.share, 0.9);
}

TEST(AuditVerdict, PrunedNeuronsAndBlocksStillMatch) {
  AuditedModel pruned(1);
  std::vector<int> kept;
  for (int i = 0; i < AuditedModel::ffn; ++i) {
    if (i % 3 != 0) kept.push_back(i);
  }
  pruned.remove_block(0);
  for (int b = 0; b < pruned.block_count(); ++b) pruned.take_neurons(b, kept);
  const Audit a = audited(AuditedModel(1), pruned.rotate());
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_LT(corrected(a, order_test::neurons), -50);
  EXPECT_NEAR(a.share, 2.0 / 3, 0.05);
}

TEST(AuditVerdict, ModelsOfOneLanguageDoNotMatch) {
  for (unsigned seed = 2; seed < 6; ++seed) {
    const Audit a = audited(AuditedModel(1), AuditedModel(seed));
    EXPECT_EQ(a.verdict, Verdict::no_match);
    EXPECT_EQ(a.log10_corrected_p, 0);
    EXPECT_LT(a.share, 0.06);
    EXPECT_TRUE(a.embeddings.aligned);
  }
}

TEST(AuditVerdict, WithoutEmbeddingsThatCorrespondNothingIsRuledOut) {
  const Audit a = audited(AuditedModel(1), AuditedModel(2).replace_embeddings());
  EXPECT_EQ(a.verdict, Verdict::inconclusive);
  EXPECT_FALSE(a.embeddings.aligned);
}

TEST(AuditVerdict, ReplacedEmbeddingsAndARotationLeaveTheGramMatrices) {
  const Audit a = audited(AuditedModel(1), AuditedModel(1).replace_embeddings().rotate());
  EXPECT_GT(exact(a, order_test::neurons).log10_corrected_p, -6);
  EXPECT_FALSE(a.embeddings.aligned);
  ASSERT_TRUE(a.grams.has_value());
  EXPECT_EQ(a.grams->orders, 999);
  ASSERT_EQ(a.grams->pairs.size(), 4u);
  for (const GramPair& pair : a.grams->pairs) {
    EXPECT_EQ(pair.base, pair.release);
    EXPECT_NEAR(pair.first_alignment, 1, 1e-4);
    EXPECT_NEAR(pair.second_alignment, 1, 1e-4);
    EXPECT_DOUBLE_EQ(pair.p, 0.001);
  }
  // torch.special.gammaincc(4, 4 * math.log(1000)): the tail of χ² with 8 degrees of freedom.
  EXPECT_NEAR(a.grams->log10_p, std::log10(3.9262922925535e-09), 1e-3);
  EXPECT_NEAR(a.grams->log10_corrected_p, a.grams->log10_p + std::log10(50.0), 1e-9);
  // The map is found on every other neuron, and the others agree in it.
  EXPECT_GT(a.share, 0.9);
  for (const NeuronShare& share : a.shares) EXPECT_TRUE(share.neuron_map);
  EXPECT_EQ(a.verdict, Verdict::match);
}

// They correspond, since the two models have one language, and the map that they give is another
// model's.
TEST(AuditVerdict, EmbeddingsOfAnotherModelDoNotHideTheBase) {
  AuditedModel release = AuditedModel(1);
  release.tensor("model.embed_tokens.weight") = AuditedModel(2).tensor("model.embed_tokens.weight");
  const Audit a = audited(AuditedModel(1), release.rotate());
  EXPECT_TRUE(a.embeddings.aligned);
  EXPECT_GT(exact(a, order_test::neurons).log10_corrected_p, -6);
  EXPECT_EQ(a.verdict, Verdict::match);
}

TEST(AuditVerdict, GramMatricesSayNothingOfAnotherModelOrOrder) {
  const Audit other = audited(AuditedModel(1), AuditedModel(2).replace_embeddings());
  ASSERT_TRUE(other.grams.has_value());
  EXPECT_GT(other.grams->log10_p, -2);
  const Audit permuted =
      audited(AuditedModel(1), AuditedModel(1).replace_embeddings().rotate().permute_neurons());
  ASSERT_TRUE(permuted.grams.has_value());
  EXPECT_GT(permuted.grams->log10_p, -2);
  for (const GramPair& pair : permuted.grams->pairs) {
    EXPECT_EQ(pair.base, pair.release) << "found whatever the order";
  }
  AuditedModel narrow(1);
  for (int b = 0; b < AuditedModel::blocks; ++b) narrow.take_neurons(b, {1, 2, 3, 4, 5, 6, 7});
  const Audit widths = audited(AuditedModel(1), narrow, 1, {.thorough = true});
  EXPECT_THAT(widths.grams->no_p, HasSubstr("widths"));
  EXPECT_TRUE(std::isnan(widths.grams->log10_p));
}

TEST(AuditVerdict, ThoroughAddsDirectionsAndDecidesNoMore) {
  const AuditedModel base(1);
  const AuditedModel release = AuditedModel(1).add_noise(0.05f);
  const Audit quick = audited(base, release);
  EXPECT_FALSE(quick.grams.has_value());
  EXPECT_FALSE(quick.direction.has_value());
  const Audit thorough = audited(base, release, 1, {.thorough = true});
  EXPECT_EQ(thorough.verdict, quick.verdict);
  EXPECT_EQ(thorough.tests, quick.tests);
  EXPECT_LT(thorough.grams->log10_corrected_p, -6);
  EXPECT_GT(thorough.direction->map_agreement, 0.9);
  // Random weights: no hidden state is high-norm.
  EXPECT_EQ(thorough.direction->status, DirectionStatus::signature_absent);
  EXPECT_TRUE(std::isnan(thorough.direction->p));
}

TEST(AuditVerdict, AnotherWidthIsComparedAfterTheMap) {
  AuditedModel narrow(1, 32);
  narrow.rotate();
  for (auto& [name, matrix] : narrow.tensors) {
    const bool out = name.find("o_proj") != std::string::npos ||
                     name.find("down_proj") != std::string::npos || matrix.cols() == 1;
    matrix = out ? Eigen::MatrixXf(matrix.topRows(28)) : Eigen::MatrixXf(matrix.leftCols(28));
  }
  const Audit a = audited(AuditedModel(1, 32), narrow);
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_TRUE(exact(a, order_test::neurons).mapped);
  EXPECT_EQ(audited(narrow, AuditedModel(1, 32)).verdict, Verdict::match);
  EXPECT_EQ(audited(narrow, AuditedModel(2, 32)).verdict, Verdict::no_match);
}

TEST(AuditTests, TheCorrectionCountsWhatMightBeMade) {
  const Audit same = audited(AuditedModel(1), AuditedModel(1));
  EXPECT_EQ(same.tests, 1 + 2 * 3 * 4 + 2 * 3 * 4 + 1);
  const Audit other_width = audited(AuditedModel(1), AuditedModel(2, 28));
  EXPECT_EQ(other_width.tests, same.tests);
  EXPECT_EQ(exact(other_width, order_test::neurons).made, 3 * 4);
  const OrderTest& neurons = exact(same, order_test::neurons);
  EXPECT_EQ(neurons.made, 2 * 3 * 4);
  EXPECT_NEAR(neurons.log10_corrected_p - neurons.log10_p, std::log10(50.0), 1e-9);
}

TEST(AuditTests, TheCorrectionCountsEveryBaseThatIsTried) {
  const Audit one = audited(AuditedModel(1), AuditedModel(1));
  const Audit of_three = audited(AuditedModel(1), AuditedModel(1), 1, {.bases = 3});
  EXPECT_EQ(of_three.tests, 3 * one.tests);
  EXPECT_NEAR(of_three.log10_corrected_p - one.log10_corrected_p, std::log10(3.0), 1e-9);
  Workers workers;
  const ModelWeights weights = TinyRandomModel("llama").weights();
  EXPECT_THROW(audit(weights, weights, {.bases = 0}, workers), std::invalid_argument);
}

TEST(AuditTests, NoPValueWhereTheBaseHasAnOrderOfItsOwn) {
  AuditedModel nested(1);
  for (int b = 0; b < AuditedModel::blocks; ++b) {
    Eigen::MatrixXf& gate = nested.tensor(AuditedModel::at(b, "mlp.gate_proj"));
    for (int i = 0; i < AuditedModel::ffn; ++i) gate.row(i) *= 2.0f - 1.5f * i / AuditedModel::ffn;
  }
  AuditedModel release = nested;
  const Audit a = audited(nested, release.permute_values().rotate());
  EXPECT_EQ(exact(a, order_test::neurons).made, 0);
  EXPECT_TRUE(std::isnan(corrected(a, order_test::neurons)));
  EXPECT_THAT(exact(a, order_test::neurons).no_p, HasSubstr("neurons of block 1 depend"));
  EXPECT_EQ(a.verdict, Verdict::match_empirical);  // the share remains

  AuditedModel values(1);
  for (int b = 0; b < AuditedModel::blocks; ++b) {
    Eigen::MatrixXf& rows = values.tensor(AuditedModel::at(b, "self_attn.v_proj"));
    for (int i = 0; i < rows.rows(); ++i) {
      rows.row(i) *= static_cast<float>(1 + i % AuditedModel::head_size);
    }
  }
  const Audit b = audited(values, values);
  EXPECT_THAT(exact(b, order_test::values).no_p, HasSubstr("values of block 1 depend"));
  EXPECT_EQ(exact(b, order_test::values).made, 0);
  EXPECT_THAT(exact(b, order_test::neurons).no_p, IsEmpty());

  AuditedModel coordinates(1);
  Eigen::MatrixXf& embedding = coordinates.tensor("model.embed_tokens.weight");
  for (int i = 0; i < embedding.cols(); ++i) embedding.col(i) *= static_cast<float>(1 + i);
  const Audit c = audited(coordinates, coordinates);
  EXPECT_THAT(exact(c, order_test::coordinates).no_p, HasSubstr("coordinates depend"));
}

TEST(AuditTests, NoPValueWhereTrainingIsKnownToMakeAnOrder) {
  const AuditedModel model(1);
  Workers workers;
  Architecture of_nested = AuditedModel::architecture();
  of_nested.nested_ffn = true;
  const ModelWeights nested = model.weights(of_nested);
  const Audit a = audit(nested, model.weights(), {.thorough = true}, workers);
  EXPECT_EQ(exact(a, order_test::neurons).made, 0);
  EXPECT_THAT(exact(a, order_test::neurons).no_p, HasSubstr("neurons of block 1 are nested"));
  EXPECT_THAT(a.grams->no_p, HasSubstr("neurons of block 1 are nested"));
  EXPECT_THAT(a.grams->pairs, IsEmpty());
  EXPECT_LT(corrected(a, order_test::values), -20);
  // The assumption is the base's.
  EXPECT_LT(corrected(audit(model.weights(), nested, {}, workers), order_test::neurons), -20);

  Architecture of_keys = AuditedModel::architecture();
  of_keys.blocks.assign(AuditedModel::blocks, {{MixerKind::attention}, {MixerKind::feed_forward}});
  of_keys.attention.assign(AuditedModel::blocks, {.kv_heads = AuditedModel::kv_heads,
                                                  .head_size = AuditedModel::head_size,
                                                  .keys_are_values = true});
  AuditedModel without_values = model;
  std::erase_if(without_values.tensors, [](const auto& tensor) {
    return tensor.first.find("v_proj") != std::string::npos;
  });
  const ModelWeights keys = without_values.weights(of_keys);
  const Audit b = audit(keys, keys, {}, workers);
  EXPECT_EQ(exact(b, order_test::values).made, 0);
  EXPECT_THAT(exact(b, order_test::values).no_p, HasSubstr("values of block 1 are its keys"));
  EXPECT_LT(corrected(b, order_test::neurons), -20);
}

// Gemma 4's: the mixture has none, and what beside them reads the same has another.
TEST(AuditTests, NormsOfExpertsAreFoldedIntoTheirRows) {
  Experts experts;
  experts.norms.input = {NormKind::rms, 1e-6, Eigen::Vector2f(2, 3), {}};
  experts.norms.shared_input = {NormKind::rms, 1e-6, Eigen::Vector2f(5, 7), {}};
  Mixer mixer;
  mixer.work = experts;
  const NeuronVectors vectors = neuron_vectors(AuditedModel::architecture(), mixer, FeedForward{});
  EXPECT_THAT(vectors.first.norm.scale(), ::testing::ElementsAre(2, 3));
}

TEST(AuditTests, NoPValueOfCoordinatesThatShareAScale) {
  AuditedModel quantised(1);
  quantised.quantised_embedding = true;
  const Audit a = audited(quantised, AuditedModel(1));
  EXPECT_TRUE(std::isnan(corrected(a, order_test::coordinates)));
  EXPECT_THAT(exact(a, order_test::coordinates).no_p, HasSubstr("share a scale"));
  EXPECT_EQ(a.verdict, Verdict::match);
  // What the release is stored as does not matter: the assumption is the base's.
  EXPECT_LT(corrected(audited(AuditedModel(1), quantised), order_test::coordinates), -20);
}

TEST(AuditTests, NoPValueWhereFloatsWereQuantisedBefore) {
  AuditedModel coarse(1);
  Eigen::MatrixXf& embedding = coarse.tensor("model.embed_tokens.weight");
  embedding = (embedding * 32).array().round().matrix() / 32;
  const Audit a = audited(coarse, AuditedModel(1));
  EXPECT_EQ(exact(a, order_test::coordinates).made, 0);
  EXPECT_THAT(exact(a, order_test::coordinates).no_p, HasSubstr("were quantised"));
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_LT(corrected(audited(AuditedModel(1), coarse), order_test::coordinates), -20);

  // Neurons of a plain FFN stand side by side in the rows of its second matrix.
  TinyRandomModel plain("gpt2");
  plain.step = 1.0f / 64;
  Workers workers;
  const ModelWeights weights = plain.weights();
  const Audit b = audit(weights, weights, {.thorough = true}, workers);
  EXPECT_THAT(b.grams->no_p, HasSubstr("were quantised"));
  EXPECT_THAT(b.grams->pairs, IsEmpty());
  const ModelWeights as_trained = TinyRandomModel("gpt2").weights();
  EXPECT_THAT(audit(as_trained, as_trained, {.thorough = true}, workers).grams->no_p, IsEmpty());
}

TEST(AuditTests, RowsOfZerosMatchNothing) {
  AuditedModel zeroed(1);
  for (int b = 0; b < AuditedModel::blocks; ++b) {
    Eigen::MatrixXf& gate = zeroed.tensor(AuditedModel::at(b, "mlp.gate_proj"));
    for (int i = 0; i < AuditedModel::ffn; i += 4) gate.row(i).setZero();
  }
  const Audit a = audited(zeroed, zeroed);
  EXPECT_EQ(exact(a, order_test::neurons).matched, AuditedModel::ffn * 3 / 4);
}

TEST(AuditTests, NumbersThatAreNotFiniteMatchNothing) {
  AuditedModel broken(1);
  const float kNan = std::numeric_limits<float>::quiet_NaN();
  broken.tensor("model.embed_tokens.weight").row(8).setConstant(kNan);
  for (int b = 0; b < AuditedModel::blocks; ++b) {
    Eigen::MatrixXf& gate = broken.tensor(AuditedModel::at(b, "mlp.gate_proj"));
    for (int i = 0; i < AuditedModel::ffn; i += 4) gate(i, 3) = kNan;
    gate(1, 3) = std::numeric_limits<float>::infinity();
  }
  const Audit a = audited(broken, broken);
  EXPECT_EQ(a.verdict, Verdict::match);
  EXPECT_EQ(exact(a, order_test::coordinates).matched, broken.hidden());
  EXPECT_EQ(exact(a, order_test::neurons).matched, AuditedModel::ffn * 3 / 4 - 1);
  broken.tensor("model.embed_tokens.weight").setConstant(kNan);
  EXPECT_EQ(audited(broken, broken).verdict, Verdict::match);

  // What matches nothing is not ruled out.
  AuditedModel emptied(2);
  emptied.tensor(AuditedModel::at(1, "mlp.up_proj"))(5, 3) = kNan;
  const Audit b = audited(AuditedModel(1), emptied);
  EXPECT_EQ(b.nonfinite, "the release's model.layers.1.mlp.up_proj.weight");
  EXPECT_EQ(b.verdict, Verdict::inconclusive);
  EXPECT_EQ(audited(emptied, AuditedModel(1)).nonfinite,
            "the base's model.layers.1.mlp.up_proj.weight");
  EXPECT_EQ(audited(AuditedModel(1), AuditedModel(2)).nonfinite, "");
}

TEST(AuditTests, ADigestThatIsKnownIsNotMadeAgain) {
  Workers workers;
  const ModelWeights weights = AuditedModel(1).weights();
  const Audit a = audit({weights, {}, "of before"}, weights, {}, workers);
  EXPECT_EQ(a.base.weights_digest, "of before");
  EXPECT_EQ(a.release.weights_digest, weights.digest());
}

TEST(AuditTests, PlainFfnsAreHeldByRowsAndColumnsAndExpertsAreTestedEach) {
  Workers workers;
  const ModelWeights plain = TinyRandomModel("gpt2").weights();
  const Audit a = audit(plain, plain, {}, workers);
  EXPECT_EQ(a.verdict, Verdict::match);
  ASSERT_EQ(a.shares.size(), 3u);
  EXPECT_GT(a.share, 0.9);
  EXPECT_EQ(a.shares[1].base, a.shares[1].release);
  const ModelWeights gated = TinyRandomModel("llama").weights();
  EXPECT_THAT(audit(plain, gated, {}, workers).shares, IsEmpty());

  const ModelWeights mixture = TinyRandomModel("mixtral").weights();
  const Audit b = audit(mixture, mixture, {}, workers);
  EXPECT_EQ(exact(b, order_test::neurons).count, 2 * 3 * 9);
  ASSERT_EQ(b.shares.size(), 3u);
  EXPECT_EQ(b.shares[1].base, (FfnPlace{2, 1}));
  EXPECT_EQ(b.shares[2].base, (FfnPlace{3, 2}));
  EXPECT_EQ(b.shares[2].release, (FfnPlace{3, 2}));
  EXPECT_EQ(b.verdict, Verdict::match);
  // Of each block one expert, among all of the release.
  const Audit thorough = audit(mixture, mixture, {.thorough = true}, workers);
  EXPECT_THAT(thorough.grams->no_p, IsEmpty());
  ASSERT_EQ(thorough.grams->pairs.size(), 3u);
  for (std::int64_t i = 0; i < 3; ++i) {
    const GramPair& pair = thorough.grams->pairs[static_cast<std::size_t>(i)];
    EXPECT_EQ(pair.base, (FfnPlace{i + 1, i}));
    EXPECT_EQ(pair.release, pair.base);
    EXPECT_DOUBLE_EQ(pair.p, 0.001);
  }
}

TEST(AuditTests, ThreadsChangeNothing) {
  const Audit one = audited(AuditedModel(1), AuditedModel(2).add_noise(0.1f), 1);
  const Audit three = audited(AuditedModel(1), AuditedModel(2).add_noise(0.1f), 3);
  EXPECT_EQ(one.embeddings.similarity, three.embeddings.similarity);
  ASSERT_EQ(one.exact.size(), three.exact.size());
  for (std::size_t i = 0; i < one.exact.size(); ++i) {
    EXPECT_EQ(one.exact[i].matched, three.exact[i].matched);
    EXPECT_EQ(one.exact[i].log10_p, three.exact[i].log10_p);
  }
}

TEST(AuditTests, ARateThatIsNoneIsRefused) {
  Workers workers;
  const ModelWeights weights = TinyRandomModel("llama").weights();
  EXPECT_THROW(audit(weights, weights, {.rate = 0}, workers), std::invalid_argument);
  EXPECT_THROW(audit(weights, weights, {.rate = 1}, workers), std::invalid_argument);
}

TEST(AuditTests, BlocksThatReadAnothersValuesHaveNone) {
  TinyRandomModel model("llama");
  const auto blocks = static_cast<std::size_t>(TinyRandomModel::blocks);
  model.architecture.blocks.assign(blocks, {{MixerKind::attention}, {MixerKind::feed_forward}});
  model.architecture.attention.assign(
      blocks, {.kv_heads = TinyRandomModel::kv_heads, .head_size = TinyRandomModel::head_size});
  Workers workers;
  const ModelWeights weights = model.weights();
  model.architecture.attention.back().values_of = 1;
  const ModelWeights shares = model.weights();
  const auto values_tested = [&](const ModelWeights& base, const ModelWeights& release) {
    const Audit a = audit(base, release, {}, workers);
    return std::ranges::find(a.exact, order_test::values, &OrderTest::test)->count;
  };
  EXPECT_EQ(values_tested(weights, weights), 2 * 3 * 3);
  EXPECT_EQ(values_tested(weights, shares), 2 * 3 * 2);
  EXPECT_EQ(values_tested(shares, weights), 2 * 2 * 3);
}

struct Evidence {
  double log10_p, share;
  std::int64_t agreeing;
  bool aligned;
  Verdict verdict;
};

TEST(AuditVerdict, FollowsTheRule) {
  constexpr double kNone = kNotApplicable;
  const Evidence cases[] = {
      {-6, 0.1, 13, false, Verdict::match},
      {-6, kNone, 0, false, Verdict::match},
      {-6, 0.099, 12, true, Verdict::inconclusive},  // framed
      {-6, 0.5, 3, true, Verdict::match},
      {-6, 0.5, 2, true, Verdict::inconclusive},  // of few neurons, by chance
      {-5.99, 0.2, 30, false, Verdict::match_empirical},
      {-5.99, 0.2, 29, true, Verdict::inconclusive},  // of too few neurons
      {kNone, 1, 256, false, Verdict::match_empirical},
      {-5.99, 0.19, 48, true, Verdict::inconclusive},
      {-5.99, 0.1, 25, true, Verdict::inconclusive},
      {-5.99, 0.099, 25, true, Verdict::no_match},
      {-5.99, 0.099, 25, false, Verdict::inconclusive},
      {-5.99, kNone, 0, true, Verdict::inconclusive},
      {kNone, kNone, 0, true, Verdict::inconclusive},
  };
  for (const Evidence& e : cases) {
    Audit a;
    a.rate = 1e-6;
    a.log10_corrected_p = e.log10_p;
    a.share = e.share;
    a.embeddings.aligned = e.aligned;
    if (!std::isnan(e.share)) a.shares.push_back({.agreeing = e.agreeing, .share = e.share});
    EXPECT_EQ(verdict_of(a), e.verdict) << e.log10_p << " " << e.share;
  }
}

}  // namespace
}  // namespace azimuth
