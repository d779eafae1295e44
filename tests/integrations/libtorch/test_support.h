#pragma once

#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/libtorch.h"

namespace azimuth::testing {

using namespace std::chrono_literals;

inline constexpr auto kGenerous = 60s;

/// Keeps every observation. Read them after `Monitor::drain`.
class RecordingExporter final : public Exporter {
 public:
  std::string_view name() const override { return "recording"; }
  void open(StatusSource) override {}
  void write(const Record& record) override {
    std::lock_guard lock(mutex_);
    observations_.push_back(record.observation);
  }
  std::vector<Observation> observations() const {
    std::lock_guard lock(mutex_);
    return observations_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Observation> observations_;
};

/// A clock that holds the analysis thread at the beginning of an analysis, until told otherwise.
class HoldingClock final : public Clock {
 public:
  double thread_cpu_seconds() const override {
    std::unique_lock lock(mutex_);
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
    return Clock::thread_cpu_seconds();
  }
  bool wait_until_held() const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kGenerous, [this] { return held_; });
  }
  void release() const {
    std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable bool held_ = false;
  mutable bool released_ = false;
};

inline NamedParameters parameters_of(const torch::nn::Module& module) {
  NamedParameters named;
  for (const auto& parameter : module.named_parameters()) {
    named.emplace_back(parameter.key(), parameter.value());
  }
  return named;
}

/// A copy of `parameters`, made number by number, without the code under test.
inline ModelWeights copy_of(const NamedParameters& parameters, const Architecture& architecture) {
  auto storage = std::make_shared<std::vector<torch::Tensor>>();
  NamedTensors tensors;
  for (const auto& [name, parameter] : parameters) {
    storage->push_back(parameter.detach().clone(torch::MemoryFormat::Contiguous));
    const torch::Tensor& copy = storage->back();
    NamedTensor tensor;
    tensor.name = name;
    tensor.view.type = copy.scalar_type() == torch::kBFloat16  ? StoredType::bf16
                       : copy.scalar_type() == torch::kFloat16 ? StoredType::f16
                                                               : StoredType::f32;
    tensor.view.shape = copy.sizes().vec();
    tensor.view.data = static_cast<const std::byte*>(copy.data_ptr());
    tensors.tensors.push_back(std::move(tensor));
  }
  tensors.storage = storage;
  return ModelWeights::from_tensors(architecture, std::move(tensors));
}

inline std::string fingerprint_of(const torch::nn::Module& module,
                                  const Architecture& architecture) {
  return copy_of(parameters_of(module), architecture).fingerprint();
}

/// A monitor of `every` so many steps, that logs into `messages`.
struct Watch {
  explicit Watch(std::int64_t every = 1, MonitorOptions options = {.run = "test"}) {
    options.snapshot_interval = SnapshotInterval::every_steps(every);
    options.log = [log = messages](LogLevel, std::string_view message) {
      std::lock_guard lock(log->mutex);
      log->lines.emplace_back(message);
    };
    monitor = std::make_unique<Monitor>(std::move(options));
    monitor->add(exporter);
  }

  std::vector<Observation> drained() {
    EXPECT_TRUE(monitor->drain(kGenerous));
    return exporter->observations();
  }

  bool logged(std::string_view text) const {
    std::lock_guard lock(messages->mutex);
    return std::ranges::any_of(messages->lines, [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }

  struct Log {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  std::shared_ptr<Log> messages = std::make_shared<Log>();
  std::shared_ptr<RecordingExporter> exporter = std::make_shared<RecordingExporter>();
  std::unique_ptr<Monitor> monitor;
};

}  // namespace azimuth::testing
