// A fine-tuning that can be made to misbehave: watched_run MODEL IDS RUN STORE [absent]. Serves its
// metrics on a free port and writes "port N". Then it trains, and does what its standard input
// says, a line each:
//
//     blend SHARE       over the next three steps another model's weights are blended in, up to
//                       this share
//     rate X STEPS      for so many steps the learning rate is X, then 0: training goes on, the
//                       weights rest
//     cut               no block writes into the residual stream any more, and the weights rest
//     restore           blocks write again what they wrote before they were cut
//     nan               a weight becomes NaN
//     end               training ends as it should
//
// With "absent" it is cut before it is watched: a model that has no direction.

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "azimuth/history_store.h"
#include "azimuth/libtorch.h"
#include "azimuth/monitor.h"
#include "azimuth/open_model.h"
#include "azimuth/prometheus_exporter.h"
#include "token_ids.h"
#include "trainer.h"

namespace {

namespace examples = azimuth::examples;

constexpr int kBlendSteps = 3;

/// What standard input says, read beside training.
class Orders {
 public:
  void read() {
    for (std::string line; std::getline(std::cin, line);) add(line);
    add("end");  // whoever gave orders has gone
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
};

bool writes_residual_stream(const std::string& weight) {
  return weight.ends_with("output_weight") || weight.ends_with("down_weight");
}

/// The weights of another model of the same shapes: this one with its hidden dimensions in another
/// order. It computes the same, and its direction is as far away as that of a model from another
/// seed.
std::vector<at::Tensor> another_model(const azimuth::NamedParameters& parameters,
                                      std::int64_t hidden) {
  std::vector<at::Tensor> result;
  for (const auto& [name, parameter] : parameters) {
    const at::Tensor weight = parameter.detach();
    const bool first = weight.dim() == 1 || writes_residual_stream(name);
    result.push_back(weight.roll(hidden / 2, first ? 0 : 1));
  }
  return result;
}

/// Does to a training what the orders say, after each of its steps.
class Faults {
 public:
  Faults(examples::Trainer& trainer, std::int64_t hidden)
      : trainer_(trainer), parameters_(trainer.parameters()), hidden_(hidden) {
    std::thread([orders = orders_] { orders->read(); }).detach();
  }

  void cut() {
    const at::NoGradGuard no_grad;
    for (auto& [name, parameter] : parameters_) {
      if (!writes_residual_stream(name)) continue;
      cut_.emplace_back(parameter, parameter.detach().clone());
      parameter.zero_();
    }
    trainer_.set_learning_rate(0);
  }

  void after_step() {
    const at::NoGradGuard no_grad;
    for (const std::string& line : orders_->take()) obey(line);
    if (blend_steps_ > 0) blend((share_ * (blend_steps_ - 1) + target_share_) / blend_steps_);
    if (rate_steps_ > 0 && --rate_steps_ == 0) trainer_.set_learning_rate(0);
  }

 private:
  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "blend") {
      words >> target_share_;
      blend_steps_ = kBlendSteps;
      if (other_.empty()) other_ = another_model(parameters_, hidden_);
    } else if (what == "rate") {
      double rate = 0;
      words >> rate >> rate_steps_;
      ++rate_steps_;  // this step is done
      trainer_.set_learning_rate(rate);
    } else if (what == "cut") {
      cut();
    } else if (what == "restore") {
      for (auto& [parameter, before] : cut_) parameter.copy_(before);
    } else if (what == "nan") {
      parameters_[0].second.view(-1)[0].fill_(std::nanf(""));
    } else if (what == "end") {
      trainer_.stop();
    }
  }

  void blend(double share) {
    const double of_the_rest = (share - share_) / (1 - share_);
    for (std::size_t i = 0; i < other_.size(); ++i) {
      parameters_[i].second.lerp_(other_[i], of_the_rest);
    }
    share_ = share;
    --blend_steps_;
  }

  examples::Trainer& trainer_;
  azimuth::NamedParameters parameters_;
  std::int64_t hidden_;
  std::vector<at::Tensor> other_;
  std::vector<std::pair<at::Tensor, at::Tensor>> cut_;  ///< what was cut, and what it was
  double share_ = 0, target_share_ = 0;
  int blend_steps_ = 0, rate_steps_ = 0;
  std::shared_ptr<Orders> orders_ = std::make_shared<Orders>();  // its reader may outlive this
};

void train(const char* model_file, const char* ids_file, const char* run, const char* store,
           bool absent) {
  at::set_num_threads(1);
  const azimuth::ModelWeights model = azimuth::open_model(model_file);
  const auto ids = examples::token_ids(ids_file, model_file, model.vocab_size());
  examples::Trainer trainer(
      azimuth::Decoder(model, at::kCPU, at::kFloat), ids,
      {.steps = std::numeric_limits<std::int64_t>::max(), .tokens_per_step = 32});
  // Before `attach`, so that a snapshot sees what has been done to the weights.
  Faults faults(trainer, model.hidden_size());
  if (absent) faults.cut();
  trainer.on_step_end([&](const azimuth::StepInfo&) { faults.after_step(); });

  // Steps are small and snapshots many: watching may cost what it likes here.
  azimuth::Monitor monitor({.run = run,
                            .snapshot_interval = azimuth::SnapshotInterval::every_steps(1),
                            .max_overhead = 1});
  const auto exporter = azimuth::PrometheusExporter::listen("127.0.0.1:0");
  monitor.add(exporter);
  monitor.add(azimuth::HistoryStore::open(store));
  monitor.use_first_snapshot_as_base();
  monitor.attach(trainer, trainer.role_names());
  monitor.drain(std::chrono::minutes(5));
  std::printf("port %d\n", exporter->port());
  std::fflush(stdout);
  // As much rest as work, so that several runs fit on two cores.
  auto last = std::chrono::steady_clock::now();
  trainer.on_step_end([&](const azimuth::StepInfo&) {
    const auto worked = std::chrono::steady_clock::now() - last;
    monitor.drain(std::chrono::minutes(5));
    std::this_thread::sleep_for(worked);
    last = std::chrono::steady_clock::now();
  });
  trainer.run();
  monitor.finish(std::chrono::minutes(1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 2;
  try {
    train(argv[1], argv[2], argv[3], argv[4], argc == 6);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "watched_run: %s\n", error.what());
    return 1;
  }
  _exit(0);  // the reader may still wait for a line, and would hold up an ordinary end
}
