#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/utils.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "azimuth/history_store.h"
#include "azimuth/trainer.h"
#include "checkpoint_keeper.h"
#include "new_llama.h"
#include "report.h"
#include "run_name.h"
#include "trainer.h"

namespace azimuth::examples {
namespace {

static_assert(azimuth::Trainer<examples::Trainer>);

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Decoder tiny_decoder() {
  return new_llama({.hidden = 16, .ffn = 24, .blocks = 2, .heads = 4, .kv_heads = 2, .vocab = 32});
}

/// A folder of its own for each test, removed at its end.
class Files : public ::testing::Test {
 protected:
  Files() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~Files() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      ("azimuth-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
};

std::vector<double> losses_of_ten_steps() {
  torch::manual_seed(3);
  const auto ids = torch::arange(40, torch::kInt64).remainder(32);
  examples::Trainer trainer(tiny_decoder(), ids,
                            {.steps = 10, .tokens_per_step = 16, .learning_rate = 1e-2});
  std::vector<double> losses;
  trainer.on_step_end([&](const StepInfo& info) {
    losses.push_back(info.loss.value());
    EXPECT_EQ(info.step, static_cast<std::int64_t>(losses.size()));
  });
  trainer.run();
  return losses;
}

TEST(Trainer, LearnsAndRepeatsItselfExactly) {
  const auto losses = losses_of_ten_steps();
  ASSERT_EQ(losses.size(), 10u);
  EXPECT_LT(losses.back(), 0.8 * losses.front());
  EXPECT_EQ(losses, losses_of_ten_steps());
}

TEST(Trainer, RefusesATextThatIsTooShort) {
  EXPECT_THROW(
      examples::Trainer(tiny_decoder(), torch::zeros(16, torch::kInt64), {.tokens_per_step = 16}),
      std::invalid_argument);
}

TEST(NewLlama, BeginsAsLibTorchsModulesDo) {
  torch::manual_seed(7);
  const Decoder decoder = new_llama({.hidden = 64,
                                     .ffn = 128,
                                     .blocks = 2,
                                     .heads = 4,
                                     .kv_heads = 2,
                                     .vocab = 512,
                                     .tied_head = false});
  const auto parameters = decoder.module()->named_parameters();
  EXPECT_EQ(parameters.size(), 3 + 2 * 9u);
  EXPECT_NEAR(parameters["token_embedding"].std().item<double>(), 1, 0.02);
  for (const auto& [name, inputs] : {std::pair("blocks.0.query_weight", 64),
                                     {"blocks.1.down_weight", 128},
                                     {"head_weight", 64}}) {
    const double bound = parameters[name].abs().max().item<double>();
    EXPECT_LE(bound, 1 / std::sqrt(inputs)) << name;
    EXPECT_GE(bound, 0.98 / std::sqrt(inputs)) << name;
  }
  EXPECT_EQ(parameters["blocks.1.key_weight"].size(0), 32);
}

using Checkpoints = Files;

TEST_F(Checkpoints, AreTheNewestUntilTheDirectionChanges) {
  CheckpointKeeper keeper(folder_ / "new", [&](const std::filesystem::path& path) {
    std::ofstream(path) << "weights";
  });
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "new")) {
      all.push_back(entry.path().filename());
    }
    return all;
  };
  for (int step = 8; step <= 48; step += 8) keeper.save(step);
  EXPECT_THAT(names(),
              UnorderedElementsAre("step-24.pt", "step-32.pt", "step-40.pt", "step-48.pt"));
  EXPECT_EQ(keeper.direction_changed(40).filename(), "step-32.pt");
  keeper.save(56);
  EXPECT_THAT(names(), UnorderedElementsAre("step-24.pt", "step-32.pt"));
  EXPECT_EQ(keeper.direction_changed(8), "");
}

class RunNames : public Files {
 protected:
  void observe(const std::string& run, bool ends) {
    const auto history = HistoryStore::open(store_);
    history->open([run] { return MonitorStatus{.run = run}; });
    Record record;
    record.observation.run = run;
    record.observation.sequence = 1;
    record.observation.step = 24;
    history->write(record);
    if (ends) history->end_run(std::chrono::steady_clock::now());
  }

  const std::filesystem::path store_ = folder_ / "run.azimuth";
};

TEST_F(RunNames, AreTheUsersInANewStore) {
  EXPECT_EQ(choose_run_name(store_, "tune").run, "tune");
  observe("other", true);
  EXPECT_EQ(choose_run_name(store_, "tune").run, "tune");
  EXPECT_EQ(choose_run_name(store_, "tune").reason, "");
}

TEST_F(RunNames, AreCountedOnAfterRunsThatEnded) {
  observe("tune", true);
  EXPECT_EQ(choose_run_name(store_, "tune").run, "tune-2");
  EXPECT_THAT(choose_run_name(store_, "tune").reason, HasSubstr("tune is complete"));
  observe("tune-2", true);
  EXPECT_EQ(choose_run_name(store_, "tune").run, "tune-3");
}

TEST_F(RunNames, AreKeptByARunThatWasCutOff) {
  observe("tune", true);
  observe("tune-2", false);
  const auto choice = choose_run_name(store_, "tune");
  EXPECT_EQ(choice.run, "tune-2");
  EXPECT_THAT(choice.reason, HasSubstr("step 24"));
  EXPECT_THAT(choice.reason, HasSubstr("attempt 2"));
}

TEST_F(RunNames, NeedAStoreThatCanBeRead) {
  write("run.azimuth",
        "this is not a database, but long enough to look like a file that was meant");
  EXPECT_THROW(choose_run_name(store_, "tune"), std::runtime_error);
}

TEST(Summary, SaysWhyNothingWasStored) {
  MonitorStatus status;
  EXPECT_EQ(summary({}, status), "Nothing has been observed.\n");
  status.exporters.resize(2);
  status.exporters[0].name = "console";
  status.exporters[1].name = "store";
  status.exporters[1].failures = 3;
  EXPECT_THAT(summary({}, status), HasSubstr("3 attempts to write to it failed"));
}

TEST_F(Files, ObservationsOfARunThatWentOnAreThoseOfTheLastAttempt) {
  const auto store = folder_ / "run.azimuth";
  const auto history = HistoryStore::open(store);
  history->open([] { return MonitorStatus{.run = "tune"}; });
  std::int64_t sequence = 0;
  for (const auto& [attempt, step] :
       {std::pair{1, 0}, {1, 8}, {1, 16}, {1, 24}, {2, 8}, {2, 16}, {2, 16}}) {
    Record record;
    record.observation.run = "tune";
    record.observation.attempt = attempt;
    record.observation.sequence = ++sequence;
    record.observation.step = step;
    history->write(record);
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> steps;
  for (const auto& o : observations_of(store, "tune")) steps.emplace_back(o.step, o.sequence);
  EXPECT_THAT(steps, ElementsAre(Pair(0, 1), Pair(8, 5), Pair(16, 6)));
}

}  // namespace
}  // namespace azimuth::examples
