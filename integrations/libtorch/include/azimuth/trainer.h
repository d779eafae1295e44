#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

#include "azimuth/architecture.h"
#include "azimuth/monitor.h"

// torch/nn/module.h costs every file that includes it many seconds, and is needed only where a
// module is made or looked into.
namespace torch::nn {
class Module;
}

namespace azimuth {

/// What a class that trains must offer to be watched by `monitor.attach(trainer)`. It need not know
/// of Azimuth's other headers, nor inherit anything:
///
///     class MyTrainer {
///      public:
///       std::shared_ptr<torch::nn::Module> module();       // or of a derived class
///       azimuth::Architecture architecture() const;
///       void on_step_end(std::function<void(const azimuth::StepInfo&)> callback);
///     };
///
/// The trainer keeps the callback and calls it on the training thread after each step of its
/// optimizer, not between the micro-batches of one step, with the weights at rest until it returns.
/// The callback never throws and may outlive the monitor: it is then a no-op.
template <class T>
concept Trainer = requires(T& trainer, std::function<void(const StepInfo&)> callback) {
  { trainer.module() } -> std::convertible_to<std::shared_ptr<torch::nn::Module>>;
  { trainer.architecture() } -> std::convertible_to<Architecture>;
  trainer.on_step_end(std::move(callback));
};

}  // namespace azimuth
