// What the monitor costs training: the same fine-tuning of a real model in one process, in segments
// with the monitor on or off in random order, paired; the difference in time per step with a 95%
// bootstrap interval, beside the overhead ratio that the monitor itself exports.
//
// In segments without it the monitor stands still: its clock, so that it spends its budget only on
// the time that it watches, and its analysis threads, wherever they are. So segments can be as
// short as a step although an analysis takes many, and what else slows a machine, mostly for
// longer than that, falls on both halves of a pair.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "azimuth/libtorch.h"
#include "azimuth/monitor.h"
#include "azimuth/open_model.h"
#include "idle_threads.h"
#include "keep_memory.h"
#include "token_ids.h"
#include "trainer.h"

namespace {

using azimuth::examples::Trainer;

class PausableClock : public azimuth::Clock {
 public:
  double monotonic_seconds() const override {
    const double paused_at = paused_at_;  // once: a thread may be held here while it changes
    return (paused_at > 0 ? paused_at : Clock::monotonic_seconds()) - paused_;
  }
  void pause() { paused_at_ = Clock::monotonic_seconds(); }
  void resume() {
    paused_ = paused_ + Clock::monotonic_seconds() - paused_at_;
    paused_at_ = 0;
  }

 private:
  std::atomic<double> paused_ = 0;
  std::atomic<double> paused_at_ = 0;
};

constexpr std::int64_t kWarmUpSteps = 5;

struct Options {
  std::filesystem::path model;
  std::filesystem::path ids;
  std::int64_t pairs = 400;
  std::int64_t segment_steps = 1;
  std::int64_t tokens = 256;
  double budget = azimuth::MonitorOptions{}.max_overhead;
  unsigned seed = 1;
};

struct Pair {
  double with = 0;  // seconds a step
  double without = 0;
};

// Runs the segments and returns their times.
std::vector<Pair> measure(const Options& options, Trainer& trainer, azimuth::Monitor& monitor,
                          PausableClock& clock) {
  azimuth::Attachment attached =
      monitor.attach(trainer.module(), trainer.architecture(), trainer.role_names());
  monitor.drain(std::chrono::minutes(5));  // the snapshot at attach stands apart
  IdleThreads analysis;
  clock.pause();
  if (analysis.hold() == 0) throw std::runtime_error("no thread here runs on idle time");
  const auto switch_monitor = [&](bool on) {
    if (on) {
      clock.resume();
      analysis.release();
    } else {
      clock.pause();
      analysis.hold();
    }
  };
  std::mt19937 random(options.seed);
  std::vector<bool> on;
  for (std::int64_t i = 0; i < options.pairs; ++i) {
    on.push_back(random() % 2 == 0);
    on.push_back(!on.back());
  }
  std::vector<Pair> pairs(static_cast<std::size_t>(options.pairs));
  const azimuth::Clock wall;
  double begin = 0;
  std::int64_t first_step = 0;
  std::size_t segment = 0;
  const auto start_segment = [&](std::int64_t step) {
    if (on[segment]) switch_monitor(true);
    first_step = step;
    begin = wall.monotonic_seconds();
  };
  trainer.on_step_end([&](const azimuth::StepInfo& info) {
    if (info.step < kWarmUpSteps) return;
    if (info.step == kWarmUpSteps) return start_segment(info.step);
    if (on[segment]) attached.step(info);
    if (analysis.overdue()) throw std::runtime_error("an analysis thread was held for too long");
    const std::int64_t steps = info.step - first_step;
    if (steps < options.segment_steps) return;
    const double seconds = (wall.monotonic_seconds() - begin) / static_cast<double>(steps);
    if (on[segment]) switch_monitor(false);
    Pair& pair = pairs[segment / 2];
    (on[segment] ? pair.with : pair.without) = seconds;
    if (segment % 2 == 1) {
      std::fprintf(stderr, "pair %zu of %lld: %.3f s a step with, %.3f s without\n",
                   segment / 2 + 1, static_cast<long long>(options.pairs), pair.with, pair.without);
    }
    if (++segment == on.size()) return trainer.stop();
    start_segment(info.step);
  });
  trainer.run();
  return pairs;
}

struct Interval {
  double estimate = 0, low = 0, high = 0;
};

// By how much the time with the monitor exceeds that without it, over all pairs.
double slowdown(const std::vector<Pair>& pairs) {
  Pair sum;
  for (const Pair& pair : pairs) {
    sum.with += pair.with;
    sum.without += pair.without;
  }
  return sum.with / sum.without - 1;
}

Interval bootstrap(const std::vector<Pair>& pairs) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::size_t> pick(0, pairs.size() - 1);
  std::vector<double> estimates(10'000);
  std::vector<Pair> sample(pairs.size());
  for (double& estimate : estimates) {
    for (Pair& pair : sample) pair = pairs[pick(random)];
    estimate = slowdown(sample);
  }
  std::ranges::sort(estimates);
  const std::size_t tail = estimates.size() / 40;
  return {slowdown(pairs), estimates[tail], estimates[estimates.size() - tail - 1]};
}

int report(const Options& options, const std::vector<Pair>& pairs,
           const azimuth::MonitorStatus& status) {
  const Interval ab = bootstrap(pairs);
  double without = 0;
  for (const Pair& pair : pairs) without += pair.without / static_cast<double>(pairs.size());
  std::printf(
      "%lld pairs of segments of %lld steps of %lld tokens, %.3f s a step without monitor\n",
      static_cast<long long>(options.pairs), static_cast<long long>(options.segment_steps),
      static_cast<long long>(options.tokens), without);
  std::printf(
      "snapshots analysed: %llu (one at attach), training thread %.4f s, analysis %.2f CPU s\n",
      static_cast<unsigned long long>(status.snapshots.at("analysed")),
      status.training_thread_seconds, status.analysis_cpu_seconds);
  std::printf("training slowed by %.2f%%, 95%% interval %.2f%% to %.2f%%\n", 100 * ab.estimate,
              100 * ab.low, 100 * ab.high);
  std::printf("exported overhead_ratio %.2f%%, budget %.2f%%\n", 100 * status.overhead_ratio,
              100 * options.budget);
  const double half_width = (ab.high - ab.low) / 2;
  const char* verdict = ab.high <= options.budget ? "yes"
                        : ab.low > options.budget ? "no"
                                                  : "not resolved";
  std::printf("upper end of the interval within the budget: %s\n", verdict);
  std::printf("difference at most overhead_ratio plus half the interval: %s\n",
              ab.estimate <= status.overhead_ratio + half_width ? "yes" : "no");
  // What holds on any machine: the monitor keeps to its own account.
  const bool kept = status.overhead_ratio <= 1.5 * options.budget;
  if (!kept) std::fprintf(stderr, "bench-overhead: the budget was not kept\n");
  return kept ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Measures what the monitor costs a fine-tuning of a real model.", "bench-overhead");
  app.add_option("--model", options.model, "Model: a GGUF file or a Hugging Face folder")
      ->required();
  app.add_option("--ids", options.ids, "Token ids of a text: scripts/tokenize makes them")
      ->required();
  app.add_option("--pairs", options.pairs, "Pairs of segments")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--segment-steps", options.segment_steps, "Steps per segment")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--tokens", options.tokens, "Tokens per step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--budget", options.budget, "The monitor's max_overhead")->capture_default_str();
  app.footer(
      "Example:\n  bench-overhead --model \"$(scripts/fetch_model)\" --ids "
      "examples/data/opticks.ids");
  CLI11_PARSE(app, argc, argv);
  azimuth::examples::keep_freed_memory();
  try {
    const azimuth::Decoder decoder(azimuth::open_model(options.model), at::kCPU, at::kFloat);
    const auto ids = azimuth::examples::token_ids(options.ids, options.model, decoder.vocab_size());
    Trainer trainer(
        decoder, ids,
        {.steps = std::numeric_limits<std::int64_t>::max(), .tokens_per_step = options.tokens});
    const auto clock = std::make_shared<PausableClock>();
    azimuth::Monitor monitor({.run = "overhead", .max_overhead = options.budget, .clock = clock});
    const std::vector<Pair> pairs = measure(options, trainer, monitor, *clock);
    return report(options, pairs, monitor.status());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-overhead: %s\n", error.what());
    return 3;
  }
}
