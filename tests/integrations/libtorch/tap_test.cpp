#include <ATen/record_function.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <string>

#include "azimuth/angle.h"
#include "test_support.h"
#include "tiny_models.h"

namespace azimuth::testing {
namespace {

/// The operators that LibTorch runs on this thread while it lives; "autocast of" those whose
/// arguments it may put into half precision.
class Operators {
 public:
  Operators() : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&note))) {
    names_.clear();
  }
  ~Operators() { at::removeCallback(handle_); }
  Operators(const Operators&) = delete;
  Operators& operator=(const Operators&) = delete;

  const std::vector<std::string>& names() const { return names_; }

 private:
  static std::unique_ptr<at::ObserverContext> note(const at::RecordFunction& function) {
    const bool autocast = !c10::impl::tls_is_dispatch_key_excluded(c10::DispatchKey::AutocastCPU);
    names_.push_back((autocast ? "autocast of " : "") + std::string(function.name()));
    return nullptr;
  }

  static inline thread_local std::vector<std::string> names_;
  at::CallbackHandle handle_;
};

// Tensors of the device "meta" have no values: whoever asks for one, or copies them, is told so.
TEST(Tap, AsksForNoValueUntilTheSnapshot) {
  TinyLlama model;
  Watch watch;
  Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
  watch.drained();
  const torch::Tensor states = torch::full({2, 3, kHidden}, 2.0);
  const torch::Tensor without_values = states.to(torch::kMeta);
  const auto asks = ::testing::AnyOf("aten::item", "aten::_local_scalar_dense", "aten::is_nonzero",
                                     "aten::_to_copy");
  {
    const Operators operators;
    for (std::int32_t b = 0; b <= kBlocks; ++b) {
      azimuth::tap(watched, b, without_values);
    }
    EXPECT_THAT(operators.names(),
                ::testing::Contains("aten::linalg_vector_norm").Times(kBlocks + 1));
    EXPECT_THAT(operators.names(),
                ::testing::Contains("aten::sort").Times(::testing::Ge(kBlocks + 1)));
    EXPECT_THAT(operators.names(), ::testing::Not(::testing::Contains(asks)));
  }
  watched.step({.step = 1});
  EXPECT_EQ(watch.drained().back().probe.reference, ReferenceNorm::zero_attention)
      << "a value that cannot be had was not tapped";
  azimuth::tap(watched, 0, states);
  for (std::int32_t b = 1; b <= kBlocks; ++b) azimuth::tap(watched, b, states);
  watched.step({.step = 2});
  const auto observation = watch.drained().back();
  EXPECT_EQ(observation.probe.reference, ReferenceNorm::activations);
  EXPECT_NEAR(observation.blocks[1].reference_norm, 2 * std::sqrt(double{kHidden}), 1e-5);
}

TEST(Tap, MedianIsThatOfTwoOfAnEvenNumberAndNothingWhereOneIsNotFinite) {
  TinyLlama model;
  Watch watch;
  Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
  watch.drained();
  torch::Tensor states = torch::zeros({4, kHidden}, torch::kBFloat16);
  for (int t = 0; t < 4; ++t) states[t][t] = 1 << t;  // norms 1, 2, 4, 8
  for (std::int32_t b = 0; b <= kBlocks; ++b) azimuth::tap(watched, b, states);
  watched.step({.step = 1});
  EXPECT_NEAR(watch.drained().back().blocks[1].reference_norm, 3, 1e-6);
  for (int snapshot = 2; snapshot < 14; ++snapshot) {  // the reference grows old
    for (std::int32_t b = 0; b <= kBlocks; ++b) {
      torch::Tensor bad = states.clone();
      if (b == 1) bad[3][3] = INFINITY;
      azimuth::tap(watched, b, bad);
    }
    watched.step({.step = snapshot});
    watch.drained();
  }
  for (std::int32_t b = 0; b <= kBlocks; ++b) {
    if (b != 1) azimuth::tap(watched, b, states);
  }
  watched.step({.step = 14});
  EXPECT_EQ(watch.drained().back().probe.reference, ReferenceNorm::zero_attention);
}

TEST(Tap, ActivationsBecomeTheReference) {
  torch::manual_seed(6);
  TinyLlama model;
  Watch watch;
  Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
  watch.drained();
  const Output out = model->forward(torch::randint(kVocabulary, {3, 5}, torch::kInt64));
  const std::vector<torch::Tensor> taps = {
      out.hidden_states[0],                                             // {batch, tokens, d}
      out.hidden_states[1].reshape({15, kHidden}).to(torch::kFloat64),  // {tokens, d}
      out.hidden_states[2].transpose(0, 1)};                            // strided
  for (std::int32_t b = 0; b <= kBlocks; ++b) {
    azimuth::tap(watched, b, taps[static_cast<std::size_t>(b)]);
  }
  azimuth::tap(watched, 0, torch::ones({kHidden}));  // ignored
  azimuth::tap(watched, 0, torch::Tensor());
  watched.step({.step = 1});
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 2u);
  EXPECT_EQ(observations[0].probe.reference, ReferenceNorm::zero_attention);
  EXPECT_EQ(observations[1].probe.reference, ReferenceNorm::activations);
  for (std::size_t b = 0; b <= kBlocks; ++b) {  // of 15 norms: the median is one of them
    const double median = out.hidden_states[b].norm(2, -1).median().item<double>();
    EXPECT_NEAR(observations[1].blocks[b].reference_norm, median, 1e-5 * median);
  }
}

/// A model that is watched, to which `pass` is tapped before each step.
struct Tapped {
  Tapped() {
    attachment = watch.monitor->attach(model, TinyLlamaImpl::architecture());
    watch.drained();
  }
  void tap(const std::vector<torch::Tensor>& pass, const torch::Tensor& ids = {}) {
    for (std::size_t b = 0; b < pass.size(); ++b) {
      azimuth::tap(attachment, static_cast<std::int32_t>(b), pass[b],
                   b == 0 ? ids : torch::Tensor());
    }
  }
  Observation step() {
    attachment.step({.step = ++steps});
    return watch.drained().back();
  }

  TinyLlama model;
  Watch watch;
  Attachment attachment;
  std::int64_t steps = 0;
};

constexpr std::int64_t kBatch = 3;
constexpr std::int64_t kLength = 6;
constexpr double kClose = 3e-6;  // norms and sums are float32

/// {batch, tokens, hidden size}: behind each block the first token of the second sequence is long,
/// and the fifth of the third behind the last.
std::vector<torch::Tensor> long_states() {
  torch::manual_seed(7);
  std::vector<torch::Tensor> pass;
  for (std::int64_t b = 0; b <= kBlocks; ++b) {
    torch::Tensor states = torch::randn({kBatch, kLength, kHidden});
    if (b > 0) states[1][0] *= 200;
    if (b == kBlocks) states[2][4] *= -100;
    pass.push_back(states);
  }
  return pass;
}

torch::Tensor ids_of_states() {
  return torch::arange(kBatch * kLength, torch::kInt64).reshape({kBatch, kLength});
}

double norm_of(const torch::Tensor& state) {
  return state.to(torch::kFloat64).norm().item<double>();
}

double median_norm_of(const torch::Tensor& sequence) {
  const torch::Tensor norms =
      std::get<0>(sequence.to(torch::kFloat64).norm(2, -1).flatten().sort());
  const std::int64_t count = norms.size(0);
  return (norms[(count - 1) / 2] + norms[count / 2]).item<double>() / 2;
}

void expect_text_of(const std::vector<torch::Tensor>& pass, const Observation& o) {
  ASSERT_TRUE(o.text);
  EXPECT_EQ(o.text->sequences, kBatch);
  EXPECT_EQ(o.text->length, kLength);
  ASSERT_EQ(o.text->blocks.size(), pass.size());
  torch::Tensor sum = torch::zeros({kHidden}, torch::kFloat64);
  double norms = 0;
  for (std::size_t b = 0; b < pass.size(); ++b) {
    SCOPED_TRACE("block " + std::to_string(b));
    const TextBlock& block = o.text->blocks[b];
    std::vector<double> medians, initial;
    for (std::int64_t s = 0; s < kBatch; ++s) {
      medians.push_back(median_norm_of(pass[b][s]));
      initial.push_back(norm_of(pass[b][s][0]));
    }
    std::ranges::sort(medians);
    std::ranges::sort(initial);
    EXPECT_NEAR(block.reference_norm / medians[1], 1, kClose);
    EXPECT_NEAR(block.initial_norm / initial[1], 1, kClose);
    EXPECT_EQ(block.high_norm_initial, b > 0 ? 1 : 0);
    EXPECT_EQ(block.high_norm_others, b == kBlocks ? 1 : 0);
    if (b == 0) continue;
    std::vector<torch::Tensor> high = {pass[b][1][0]};
    if (b == kBlocks) high.push_back(pass[b][2][4]);
    for (const torch::Tensor& state : high) {
      sum += state.to(torch::kFloat64);
      norms += norm_of(state);
    }
  }
  EXPECT_NEAR(o.text->blocks[1].growth / (norm_of(pass[1][1][0]) / norm_of(pass[0][1][0])), 1,
              kClose);
  EXPECT_NEAR(o.text->blocks[kBlocks].others_norm / norm_of(pass[kBlocks][2][4]), 1, kClose);
  ASSERT_EQ(o.text->stages.size(), 1U);
  const TextStage& stage = o.text->stages[0];
  EXPECT_EQ(stage.states, kBlocks + 1);
  EXPECT_NEAR(stage.alignment, norm_of(sum) / norms, kClose);
  const Eigen::Map<const Eigen::VectorXd> mean(sum.data_ptr<double>(), kHidden);
  EXPECT_LE((to_double(stage.direction) - mean.normalized()).norm(), kClose);
}

TEST(Tap, ShowsTheHighNormTokensOfEachSequence) {
  const std::vector<torch::Tensor> pass = long_states();
  Tapped tapped;
  tapped.tap(pass, ids_of_states());
  const Observation o = tapped.step();
  expect_text_of(pass, o);
  ASSERT_EQ(o.text->initial_tokens.size(), 1U);
  const TextToken& initial = o.text->initial_tokens[0];
  EXPECT_EQ(initial.id, kLength);
  EXPECT_EQ(initial.first_block, 1);
  EXPECT_EQ(initial.last_block, kBlocks);
  ASSERT_EQ(o.text->other_tokens.size(), 1U);
  const TextToken& other = o.text->other_tokens[0];
  EXPECT_EQ(other.id, 2 * kLength + 4);
  EXPECT_EQ(other.occurrences, 1);
  EXPECT_EQ(other.first_block, kBlocks);
  EXPECT_NEAR(other.peak_ratio, norm_of(pass[kBlocks][2][4]) / median_norm_of(pass[kBlocks][2]),
              1e-4);
  EXPECT_FALSE(tapped.step().text) << "of one snapshot alone";
}

TEST(Tap, TakesStatesOfAnyTypeAndLayout) {
  const std::vector<torch::Tensor> pass = long_states();
  for (const auto type : {torch::kBFloat16, torch::kFloat16, torch::kFloat64}) {
    SCOPED_TRACE(c10::toString(type));
    std::vector<torch::Tensor> converted, seen;
    for (const torch::Tensor& states : pass) {
      converted.push_back(states.to(type).transpose(1, 2).contiguous().transpose(1, 2));
      seen.push_back(converted.back().to(torch::kFloat64));
    }
    Tapped tapped;
    tapped.tap(converted);
    const Observation o = tapped.step();
    expect_text_of(seen, o);
    EXPECT_TRUE(o.text->initial_tokens.empty()) << "no ids were given";
  }
}

// On a GPU the sum would be a product in half precision there. A CPU can show that it is not asked
// for.
TEST(Tap, IsNoPartOfWhatTrainingComputesInHalfPrecision) {
  const std::vector<torch::Tensor> pass = long_states();
  Tapped tapped;
  {
    const Operators operators;
    c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, false);
    tapped.tap(pass);
    c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, true);
    EXPECT_THAT(operators.names(), ::testing::Contains("aten::mv"));
    EXPECT_THAT(operators.names(),
                ::testing::Each(::testing::Not(::testing::HasSubstr("autocast"))));
  }
  expect_text_of(pass, tapped.step());
}

TEST(Tap, TakesTwoDimensionsForOneSequence) {
  const torch::Tensor states = long_states()[kBlocks][2];
  Tapped tapped;
  tapped.tap({states, states, states}, ids_of_states()[2]);
  const Observation o = tapped.step();
  ASSERT_TRUE(o.text);
  EXPECT_EQ(o.text->sequences, 1);
  EXPECT_EQ(o.text->length, kLength);
  ASSERT_EQ(o.text->other_tokens.size(), 1U);
  EXPECT_EQ(o.text->other_tokens[0].id, 2 * kLength + 4);
}

// Ids may be the buffer that the next batch is put into.
TEST(Tap, KeepsWhatWasTapped) {
  std::vector<torch::Tensor> pass = long_states();
  const std::vector<torch::Tensor> before = long_states();
  torch::Tensor ids = ids_of_states();
  Tapped tapped;
  tapped.tap(pass, ids);
  ids.zero_();
  for (torch::Tensor& states : pass) states.zero_();
  const Observation o = tapped.step();
  expect_text_of(before, o);
  ASSERT_EQ(o.text->initial_tokens.size(), 1U);
  EXPECT_EQ(o.text->initial_tokens[0].id, kLength);
}

TEST(Tap, ShowsNoTokensWithIdsOfAnotherShapeAndNoTextOfStatesThatDoNotFit) {
  const std::vector<torch::Tensor> pass = long_states();
  Tapped tapped;
  for (const torch::Tensor& ids :
       {ids_of_states().flatten(), ids_of_states().t(), ids_of_states().to(torch::kInt32),
        ids_of_states().reshape({kBatch, kLength, 1, 1})}) {
    tapped.tap(pass, ids);
    const Observation o = tapped.step();
    ASSERT_TRUE(o.text);
    EXPECT_TRUE(o.text->initial_tokens.empty());
  }
  std::vector<torch::Tensor> flat = pass;
  flat[1] = flat[1].reshape({kBatch * kLength, kHidden});
  tapped.tap(flat);
  EXPECT_FALSE(tapped.step().text) << "one sequence, or three";
  std::vector<torch::Tensor> bad = pass;
  bad[1] = bad[1].clone();
  bad[1][2][3][0] = std::numeric_limits<float>::quiet_NaN();
  tapped.tap(bad);
  EXPECT_FALSE(tapped.step().text) << "not finite";
  tapped.tap({pass[0], pass[1]});
  EXPECT_FALSE(tapped.step().text) << "the last block is missing";
}

}  // namespace
}  // namespace azimuth::testing
