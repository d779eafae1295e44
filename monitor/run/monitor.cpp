#include "azimuth/monitor.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "azimuth/guarded.h"
#include "azimuth/median.h"
#include "azimuth/mutex.h"
#include "run/monitor_state.h"

namespace azimuth {
namespace {

// A program that calls exit() while a monitor lives must not have its static objects destroyed
// under an analysis that still runs: the monitors are stopped first. Never destroyed itself.
class LiveMonitors {
 public:
  static LiveMonitors& instance() {
    static auto* const monitors = new LiveMonitors;
    return *monitors;
  }

  void add(std::weak_ptr<detail::MonitorState> monitor) {
    Lock lock(mutex_);
    std::erase_if(monitors_, [](const auto& m) { return m.expired(); });
    monitors_.push_back(std::move(monitor));
  }

 private:
  LiveMonitors() {
    // Nor may libcrypto, which the digests need, be torn down under it: either nobody does that at
    // exit, or, where the program has used it before, only after the monitors have stopped.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
    std::atexit([] { instance().stop(); });
  }

  void stop() {
    std::vector<std::weak_ptr<detail::MonitorState>> monitors;
    {
      Lock lock(mutex_);
      monitors.swap(monitors_);
    }
    for (const auto& weak : monitors) {
      if (const auto monitor = weak.lock()) {
        monitor->shut_down(std::chrono::steady_clock::now() + monitor->shutdown_timeout());
      }
    }
  }

  Mutex mutex_;
  std::vector<std::weak_ptr<detail::MonitorState>> monitors_ AZIMUTH_GUARDED_BY(mutex_);
};

// Of one sequence, hidden_size × tokens.
TappedStates tapped(const Eigen::Ref<const Eigen::MatrixXf>& states,
                    std::span<const std::int64_t> ids, double high_norm_ratio) {
  const Eigen::VectorXd norms = states.cast<double>().colwise().norm().transpose();
  if (!norms.allFinite()) return {};
  TappedStates kept;
  kept.median = median({norms.begin(), norms.end()});
  kept.medians = {static_cast<float>(kept.median)};
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(states.rows());
  for (Eigen::Index t = 0; t < norms.size(); ++t) {
    kept.ratios.push_back(static_cast<float>(norms[t] / kept.median));
    if (kept.ratios.back() >= static_cast<float>(high_norm_ratio)) {
      sum += states.col(t).cast<double>();
    }
  }
  const Eigen::VectorXf rounded = sum.cast<float>();
  kept.sum.assign(rounded.begin(), rounded.end());
  kept.ids.assign(ids.begin(), ids.end());
  return kept;
}

std::chrono::steady_clock::time_point after(std::chrono::milliseconds timeout) {
  return std::chrono::steady_clock::now() + timeout;
}

}  // namespace

Monitor::Monitor(MonitorOptions options)
    : state_(std::make_shared<detail::MonitorState>(std::move(options))) {
  LiveMonitors::instance().add(state_);
}

Monitor::~Monitor() {
  guarded([&] {
    const auto deadline = after(state_->shutdown_timeout());
    state_->detach();
    const bool in_time = state_->wait(ExporterWorker::Until::settled, deadline);
    state_->log_losses(state_->report(in_time));
    state_->shut_down(deadline);
  });
}

void Monitor::add(std::shared_ptr<Exporter> exporter) { state_->add(std::move(exporter)); }

void Monitor::set_base(Signature base) { state_->set_base(std::move(base)); }

void Monitor::use_first_snapshot_as_base() { state_->use_first_snapshot_as_base(); }

void Monitor::add_reference(std::string name, Signature reference) {
  state_->add_reference(std::move(name), std::move(reference));
}

void Monitor::on_event(EventCallback callback) { state_->on_event(std::move(callback)); }

void Monitor::begin_at(std::int64_t step) { state_->begin_at(step); }

Attachment Monitor::attach_source(std::unique_ptr<SnapshotSource> source) {
  if (!watches()) return {};
  state_->attach(std::move(source));
  return Attachment(state_);
}

bool Monitor::watches() const { return state_->watches(); }

FinishReport Monitor::finish(std::chrono::milliseconds timeout) {
  return state_->finish(after(timeout));
}

bool Monitor::drain(std::chrono::milliseconds timeout) {
  return state_->wait(ExporterWorker::Until::written, after(timeout));
}

MonitorStatus Monitor::status() const { return state_->status(); }

void Attachment::step(StepInfo info) noexcept {
  if (const auto monitor = monitor_.lock()) monitor->step(info);
}

void Attachment::tap(std::int32_t block, const Eigen::Ref<const Eigen::MatrixXf>& hidden_states,
                     std::span<const std::int64_t> ids) noexcept {
  tap(block, hidden_states.rows(), [&](double high_norm_ratio) {
    return [kept = tapped(hidden_states, ids, high_norm_ratio)] { return kept; };
  });
}

void Attachment::tap(std::int32_t block, std::int64_t hidden_size,
                     const StatesToCome& begin) noexcept {
  if (const auto monitor = monitor_.lock()) monitor->tap(block, hidden_size, begin);
}

void Attachment::detach() noexcept {
  if (const auto monitor = monitor_.lock()) monitor->detach();
}

}  // namespace azimuth
