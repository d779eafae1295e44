// A run that is killed with -9 at random moments and starts again under the same name and store.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "azimuth/history_reader.h"

namespace azimuth {
namespace {

constexpr std::int64_t kLastStep = 400;

class Child {
 public:
  Child(const std::string& store, std::int64_t first_step, std::int64_t last_step) {
    int ends[2] = {};
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    const std::string first = std::to_string(first_step);
    const std::string last = std::to_string(last_step);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      execl(RESTARTED_RUN, RESTARTED_RUN, store.c_str(), first.c_str(), last.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  ~Child() { std::fclose(output_); }

  // The last of `count` steps that the child says it has taken; 0 if it ended before the first.
  std::int64_t read_steps(int count) {
    long long step = 0;
    for (int i = 0; i < count && std::fscanf(output_, "%lld", &step) == 1; ++i) {
    }
    return step;
  }
  std::string read_line() {
    char line[4096] = {};
    return std::fgets(line, sizeof line, output_) == nullptr ? "" : line;
  }
  pid_t pid() const { return pid_; }
  void kill() {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  int wait() {
    read_steps(1'000'000);
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  std::FILE* output_ = nullptr;
};

TEST(Restart, GoesOnAfterBeingKilledAtRandomMoments) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("azimuth-restart-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::string store = folder / "run.azimuth";
  std::mt19937 random(7);
  std::int64_t checkpoint = 1;  // where the training program itself would go on
  for (int i = 0; i < 20; ++i) {
    Child child(store, checkpoint, kLastStep);
    const std::int64_t reached = child.read_steps(static_cast<int>(random() % 15));
    child.kill();
    // A checkpoint some steps back, so that steps repeat.
    if (reached > 0)
      checkpoint = std::max<std::int64_t>(1, reached - static_cast<std::int64_t>(random() % 5));
  }
  ASSERT_EQ(Child(store, checkpoint, checkpoint + 3).wait(), 0);

  HistoryReader history(store);
  std::vector<Observation> observations;
  history.for_each("restarted", [&](const Observation& o) { observations.push_back(o); });
  ASSERT_GT(observations.size(), 20u);
  int repeated = 0;
  for (std::size_t i = 0; i < observations.size(); ++i) {
    const Observation& o = observations[i];
    if (i == 0) {
      EXPECT_EQ(o.sequence, 1);
    } else if (o.attempt == observations[i - 1].attempt) {
      EXPECT_EQ(o.sequence, observations[i - 1].sequence + 1) << "no gap and no repetition";
    } else {
      EXPECT_GT(o.sequence, observations[i - 1].sequence + 1)
          << "numbers that somebody may have seen are not used again";
    }
    const AngleObservation* base = angle_to(o.angles, "base");
    ASSERT_NE(base, nullptr);
    EXPECT_NEAR(base->degrees, 0.01 * static_cast<double>(o.step), 0.003 + 0.05 * base->degrees)
        << "the base is the first snapshot of the first attempt";
    EXPECT_EQ(o.state, State::stable) << "the tracker goes on";
    // "Previous" is the newest observation of a smaller step.
    const Observation* previous = nullptr;
    for (std::size_t j = 0; j < i; ++j) {
      if (observations[j].step < o.step) previous = &observations[j];
      repeated += observations[j].step == o.step ? 1 : 0;
    }
    const AngleObservation* angle = angle_to(o.angles, "previous");
    ASSERT_EQ(angle == nullptr, previous == nullptr) << "step " << o.step;
    if (angle != nullptr && o.model.weights_digest.empty()) {
      EXPECT_EQ(angle->step, previous->step) << "sequence " << o.sequence;
    }
    if (i > 0) {
      const std::int64_t attempts = o.attempt - observations[i - 1].attempt;
      EXPECT_TRUE(attempts == 0 || attempts == 1);
      const bool resumed = std::ranges::any_of(
          o.events, [](const Event& e) { return e.kind == event_kind::run_resumed; });
      EXPECT_EQ(resumed, attempts == 1);
    }
  }
  EXPECT_GT(repeated, 0) << "the test is to repeat steps";
  EXPECT_GT(observations.back().attempt, 5);
  EXPECT_EQ(observations.back().events.back().kind, event_kind::run_ended);
  EXPECT_FALSE(std::isnan(history.runs().at(0).ended_at));
  std::filesystem::remove_all(folder);
}

TEST(Restart, ARunThatAnotherLiveProcessRecordsIsRefused) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("azimuth-in-use-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::string store = folder / "run.azimuth";
  Child first(store, 1, 1'000'000'000);
  ASSERT_GT(first.read_steps(2), 0);
  Child second(store, 1, 2);
  const std::string line = second.read_line();
  EXPECT_EQ(line.find(store + ": run restarted: process " + std::to_string(first.pid()) + " on "),
            0u)
      << line;
  EXPECT_EQ(second.wait(), 3);
  first.read_steps(2);
  first.kill();

  EXPECT_EQ(Child(store, 3, 4).wait(), 0) << "goes on at once";
  std::int64_t attempts = 0;
  HistoryReader(store).for_each("restarted", [&](const Observation& o) {
    EXPECT_GE(o.attempt, attempts) << "nothing is merged";
    attempts = o.attempt;
  });
  EXPECT_EQ(attempts, 2);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace azimuth
