#include <gmock/gmock.h>
#include <torch/nn.h>
#include <torch/optim/adamw.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <limits>

#include "test_support.h"
#include "tiny_models.h"

// Whatever befalls the monitor, training must not notice: its losses are those of a run without it,
// bit for bit.
namespace azimuth::testing {
namespace {

using Event = std::function<void(TinyLlama&, std::int64_t step)>;

constexpr std::int64_t kSteps = 24;
constexpr std::int64_t kEventStep = 10;

class SmallTrainer {
 public:
  std::shared_ptr<torch::nn::Module> module() { return model_.ptr(); }
  Architecture architecture() const { return TinyLlamaImpl::architecture(); }
  void on_step_end(std::function<void(const StepInfo&)> callback) {
    callback_ = std::move(callback);
  }

  /// `event` comes before every step.
  std::vector<float> train(const Event& event = [](TinyLlama&, std::int64_t) {}) {
    torch::manual_seed(12);
    torch::optim::AdamW optimizer(model_->parameters(), torch::optim::AdamWOptions(1e-2));
    std::vector<float> losses;
    for (std::int64_t step = 1; step <= kSteps; ++step) {
      event(model_, step);
      const torch::Tensor ids = torch::randint(kVocabulary, {4, 8}, torch::kInt64);
      const torch::Tensor logits = torch::dropout(model_->forward(ids).logits, 0.1, true);
      const torch::Tensor loss = torch::nn::functional::cross_entropy(
          logits.reshape({-1, kVocabulary}), ids.roll(-1, 1).reshape(-1));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      losses.push_back(loss.item<float>());
      callback_({step, losses.back()});
    }
    return losses;
  }

 private:
  TinyLlama model_ = [] {
    torch::manual_seed(11);
    return TinyLlama();
  }();
  std::function<void(const StepInfo&)> callback_ = [](const StepInfo&) {};
};

// For matrices this small threads only wait for each other.
class OneThread : public ::testing::Environment {
 public:
  void SetUp() override { torch::set_num_threads(1); }
};
[[maybe_unused]] const auto* const kOneThread =
    ::testing::AddGlobalTestEnvironment(new OneThread);  // GoogleTest owns it

/// The losses without a monitor, of the same events.
std::vector<float> undisturbed(const Event& event = [](TinyLlama&, std::int64_t) {}) {
  return SmallTrainer().train(event);
}

void expect_identical(const std::vector<float>& losses, const std::vector<float>& expected) {
  ASSERT_EQ(losses.size(), expected.size());
  EXPECT_EQ(std::memcmp(losses.data(), expected.data(), losses.size() * sizeof(float)), 0);
}

TEST(Fault, NoneAtAll) {
  SmallTrainer trainer;
  Watch watch;
  watch.monitor->attach(trainer);
  const auto losses = trainer.train([&](TinyLlama&, std::int64_t step) {
    if (step == kEventStep) watch.drained();
  });
  expect_identical(losses, undisturbed());
  EXPECT_GT(watch.drained().size(), 1u);
}

class BrokenExporter : public Exporter {
 public:
  explicit BrokenExporter(std::function<void()> on_write) : on_write_(std::move(on_write)) {}
  std::string_view name() const override { return "broken"; }
  void open(StatusSource) override {}
  void write(const Record&) override { on_write_(); }

 private:
  std::function<void()> on_write_;
};

TEST(Fault, ExporterThrows) {
  SmallTrainer trainer;
  Watch watch;
  watch.monitor->add(
      std::make_shared<BrokenExporter>([] { throw std::runtime_error("out of order"); }));
  watch.monitor->attach(trainer);
  expect_identical(trainer.train(), undisturbed());
  watch.drained();
  EXPECT_TRUE(watch.logged("out of order"));
  EXPECT_GT(watch.monitor->status().exporters.back().failures, 0u);
}

TEST(Fault, ExporterHangsForEver) {
  SmallTrainer trainer;
  std::promise<void> end_of_test;
  std::promise<void> hung;
  {
    Watch watch(1, {.run = "test", .shutdown_timeout = 50ms});
    watch.monitor->add(std::make_shared<BrokenExporter>(
        [&hung, over = end_of_test.get_future().share(), first = true]() mutable {
          if (std::exchange(first, false)) hung.set_value();
          over.wait();
        }));
    watch.monitor->attach(AtStep{0}, trainer);
    ASSERT_EQ(hung.get_future().wait_for(kGenerous), std::future_status::ready);
    expect_identical(trainer.train(), undisturbed());
    EXPECT_FALSE(watch.monitor->drain(0ms));
    EXPECT_GT(watch.monitor->status().snapshots.at("analysed"), 0u);
  }  // nor does it keep the monitor alive
  end_of_test.set_value();
}

TEST(Fault, WeightsAreNotFinite) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    SCOPED_TRACE(value);
    const Event poison = [value](TinyLlama& model, std::int64_t step) {
      const torch::NoGradGuard no_grad;
      if (step == kEventStep) model->blocks[0]->down->weight[1][2] = value;
    };
    SmallTrainer trainer;
    Watch watch;
    watch.monitor->attach(trainer);
    const auto losses = trainer.train([&](TinyLlama& model, std::int64_t step) {
      watch.drained();
      poison(model, step);
    });
    expect_identical(losses, undisturbed(poison));
    const auto observations = watch.drained();
    ASSERT_EQ(observations.size(), static_cast<std::size_t>(kSteps + 1));
    for (const Observation& o : observations) {
      const bool said = std::ranges::any_of(o.events, [](const azimuth::Event& event) {
        return event.kind == event_kind::nonfinite_weights;
      });
      EXPECT_EQ(said, o.step == kEventStep) << o.step;
      EXPECT_EQ(o.state == State::nonfinite, o.step >= kEventStep) << o.step;
    }
    EXPECT_TRUE(watch.monitor->status().nonfinite_weights);
  }
}

TEST(Fault, ParameterDisappears) {
  SmallTrainer trainer;
  Watch watch;
  watch.monitor->attach(trainer);
  const auto losses = trainer.train([&](TinyLlama& model, std::int64_t step) {
    watch.drained();
    if (step == kEventStep) model->blocks[1]->mlp->unregister_module("down_proj");
  });
  expect_identical(losses, undisturbed());
  EXPECT_EQ(watch.drained().size(), static_cast<std::size_t>(kEventStep));
  EXPECT_EQ(watch.monitor->status().snapshots.at("failed"),
            static_cast<std::uint64_t>(kSteps - kEventStep + 1));
  EXPECT_TRUE(watch.logged("model.layers.1.mlp.down_proj.weight"));
}

TEST(Fault, CallableThrows) {
  SmallTrainer trainer;
  Watch watch;
  auto broken = std::make_shared<bool>(false);
  Attachment watched = watch.monitor->attach(
      [module = trainer.module(), broken] {
        if (*broken) throw 5;  // not even an exception
        return parameters_of(*module);
      },
      trainer.architecture());
  trainer.on_step_end([&](const StepInfo& info) { watched.step(info); });
  *broken = true;
  expect_identical(trainer.train([&](TinyLlama&, std::int64_t) { watch.drained(); }),
                   undisturbed());
  EXPECT_EQ(watch.monitor->status().snapshots.at("failed"), static_cast<std::uint64_t>(kSteps));
}

TEST(Fault, DetachDuringAnAnalysis) {
  SmallTrainer trainer;
  const auto clock = std::make_shared<HoldingClock>();
  Watch watch(1, {.run = "test", .clock = clock});
  Attachment watched = watch.monitor->attach(trainer);
  ASSERT_TRUE(clock->wait_until_held());
  const auto losses = trainer.train([&](TinyLlama&, std::int64_t step) {
    if (step == kEventStep) watched.detach();
  });
  clock->release();
  expect_identical(losses, undisturbed());
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 1u);  // the one that was under way is not lost
  EXPECT_EQ(watch.monitor->status().training_step, kEventStep - 1);
}

TEST(Fault, MonitorIsDestroyedBeforeTheTrainer) {
  for (const bool during_an_analysis : {false, true}) {
    SCOPED_TRACE(during_an_analysis);
    SmallTrainer trainer;
    const auto clock = std::make_shared<HoldingClock>();
    if (!during_an_analysis) clock->release();
    Watch watch(1, {.run = "test", .shutdown_timeout = 50ms, .clock = clock});
    watch.monitor->attach(trainer);
    ASSERT_TRUE(clock->wait_until_held());
    const auto losses = trainer.train([&](TinyLlama&, std::int64_t step) {
      if (step == kEventStep) watch.monitor.reset();
    });
    clock->release();
    expect_identical(losses, undisturbed());
  }
}

// A process that ends in the middle of an analysis ends as it would without the monitor.
class ExitDeathTest : public ::testing::Test {
 protected:
  ExitDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  [[noreturn]] static void exit_during_an_analysis(bool release) {
    static SmallTrainer trainer;
    static const auto clock = std::make_shared<HoldingClock>();
    static Watch watch(1,
                       {.run = "test", .shutdown_timeout = release ? 30s : 200ms, .clock = clock});
    watch.monitor->attach(trainer);
    if (!clock->wait_until_held()) std::abort();
    trainer.train();
    if (release) clock->release();
    std::exit(0);
  }
};

TEST_F(ExitDeathTest, WhileTheAnalysisHangs) {
  EXPECT_EXIT(exit_during_an_analysis(false), ::testing::ExitedWithCode(0), "");
}

TEST_F(ExitDeathTest, WhileTheAnalysisRuns) {
  EXPECT_EXIT(exit_during_an_analysis(true), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace azimuth::testing
