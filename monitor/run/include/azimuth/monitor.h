#pragma once

#include <Eigen/Core>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/clock.h"
#include "azimuth/exporter.h"
#include "azimuth/observation.h"
#include "azimuth/signature.h"
#include "azimuth/snapshot_source.h"
#include "azimuth/tapped_states.h"
#include "azimuth/thresholds.h"

namespace azimuth {

/// When snapshots are taken: every so many steps, every so many seconds, or as often as
/// `max_overhead` allows.
struct SnapshotInterval {
  enum class Kind { automatic, steps, seconds };
  Kind kind = Kind::automatic;
  double value = 0;

  static SnapshotInterval automatic() { return {}; }
  static SnapshotInterval every_steps(std::int64_t steps);
  static SnapshotInterval every(std::chrono::duration<double> seconds);
};

enum class LogLevel { info, warning, error };
using LogCallback = std::function<void(LogLevel, std::string_view)>;
void log_to_stderr(LogLevel level, std::string_view message);

struct MonitorOptions {
  std::string run;  ///< names the run everywhere; not empty
  SnapshotInterval snapshot_interval = {};
  double max_overhead = 0.01;  ///< of the machine, for `automatic` (docs/method.md, 8)
  Thresholds thresholds = {};
  /// The probe. Empty: the special ids of the architecture, then ids spread evenly over the
  /// vocabulary, `probe_size` in all. A base, or a run that goes on, brings its own ids.
  std::vector<std::int64_t> token_ids = {};
  std::int64_t probe_size = 32;
  int analysis_threads = 1;
  std::size_t queue_capacity = 64;  ///< records, of each exporter
  std::chrono::milliseconds shutdown_timeout = std::chrono::seconds(5);
  /// Seconds between attempts of an exporter to open its port or file, or to write again.
  std::chrono::milliseconds retry_interval = std::chrono::seconds(1);
  /// Which rank of a replicated training this is: all but 0 do nothing. Negative: from `RANK`.
  int rank = -1;
  LogCallback log = log_to_stderr;
  std::shared_ptr<const Clock> clock = {};  ///< null: the system's
};

/// What a training loop says after a step of its optimizer.
struct StepInfo {
  std::int64_t step = 0;
  std::optional<double> loss = {};  ///< shown and stored; one that is NaN or infinite is an event
};

/// The optimizer step at which a run's weights are as `attach` sees them.
struct AtStep {
  std::int64_t step = 0;
};

/// Called on the training thread with an event and the observation that it belongs to.
using EventCallback = std::function<void(const Event&, const Observation&)>;

/// What had become of a run when `finish` returned: true if every snapshot was analysed, and every
/// exporter has taken every record.
struct FinishReport {
  bool in_time = true;                    ///< false: what was still to be done was left behind
  std::int64_t failed_snapshots = 0;      ///< of the whole run
  std::vector<ExporterLoss> losses = {};  ///< of the exporters that have not taken every record

  explicit operator bool() const { return in_time && failed_snapshots == 0 && losses.empty(); }
};

namespace detail {
class MonitorState;
}

/// Handle on one attached training program. Copies refer to the same attachment; destroying the
/// handle changes nothing. Every call is a no-op after `detach` or after the monitor has gone. None
/// throws or blocks. Call them on the training thread.
class Attachment {
 public:
  Attachment() = default;
  explicit Attachment(std::weak_ptr<detail::MonitorState> monitor) : monitor_(std::move(monitor)) {}

  /// An optimizer step is done and the weights are at rest until this returns.
  void step(StepInfo info) noexcept;
  /// Hidden states after `block` (0: the embedding output), hidden_size × tokens, of real
  /// activations. Once all blocks have been tapped, their median norm is the reference that ratios
  /// are given against, for ten snapshots or until they have been tapped again; what is high-norm,
  /// and the state, go by the weights alone all the same. States of another width, or after a block
  /// that the model does not have, are left out, which is logged once.
  ///
  /// Where one pass is tapped, the embedding and then each block after the other, with no step
  /// between them, the next observation has what it shows: `Observation::text`, without perplexity
  /// (docs/method.md, 9). That one observation alone; the last such pass before it counts. What is
  /// high-norm there is so by `high_norm_ratio` against the median norm of its own sequence, whose
  /// first token is the initial one. `hidden_states` is one sequence; `ids` of its tokens, given at
  /// block 0, let it say which are high-norm, else the lists of tokens stay empty, as they do with
  /// another number of ids than tokens. States that are not finite are left out.
  void tap(std::int32_t block, const Eigen::Ref<const Eigen::MatrixXf>& hidden_states,
           std::span<const std::int64_t> ids = {}) noexcept;
  /// The same of states that lie on an accelerator: `begin` begins to compute what is kept of them,
  /// and what it returns is asked for it when the next snapshot is taken, which waits for the
  /// accelerator anyway, or never. If it throws, the states are left out.
  void tap(std::int32_t block, std::int64_t hidden_size, const StatesToCome& begin) noexcept;
  void detach() noexcept;

 private:
  std::weak_ptr<detail::MonitorState> monitor_;
};

/// Watches the high-norm direction of one model while it trains.
///
///     azimuth::Monitor monitor({.run = "pretrain-7"});
///     monitor.add(azimuth::PrometheusExporter::listen("127.0.0.1:9464"));
///     monitor.attach(trainer);              // needs azimuth/libtorch.h
///     ...                                   // train
///     monitor.finish(std::chrono::seconds(30));
///
/// Misuse throws std::invalid_argument at construction or at `attach`, on the caller's thread.
/// After `attach` nothing throws, blocks or waits on the training thread: faults are logged once,
/// counted and shown as metrics. Not thread-safe itself: use it from the thread that trains.
class Monitor {
 public:
  explicit Monitor(MonitorOptions options);
  /// Drains for at most `shutdown_timeout`, then leaves what hangs behind; logs what was lost.
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Before `attach`. Throws std::invalid_argument for none, or one that was given to a monitor
  /// before.
  void add(std::shared_ptr<Exporter> exporter);
  /// The model that this run started from: angles to it are measured, it is the anchor of the
  /// states, and its probe ids are used. To one in which no token is high-norm there is no angle,
  /// which is logged; a direction that comes up in the run is then the event `direction_came_up`
  /// with that said. Before `attach`, which throws if the base is of another width than the model.
  void set_base(Signature base);
  void use_first_snapshot_as_base();
  /// Measures the angle to one more signature, under `name`. Before `attach`, which throws if it is
  /// of another width than the model. Throws for a name that is taken.
  void add_reference(std::string name, Signature reference);

  /// Calls `callback` for each event, so that a program can stop, or keep a checkpoint, when the
  /// state changes. On the training thread: at the beginning of the first step after the analysis
  /// that found it; those of the last snapshot during `finish`. It may detach. What it throws is
  /// caught, logged once and counted. Before `attach`.
  void on_event(EventCallback callback);

  /// Watches `args`: what they may be is said where `attach_to` is declared, for LibTorch in
  /// azimuth/libtorch.h. Takes the first snapshot, unless the run goes on from its history. Its
  /// observation has the step before the first one that training reports (0 if it reports none),
  /// and comes out when that is known.
  template <class... Args>
  Attachment attach(Args&&... args) {
    static_assert(
        requires(Monitor& monitor) { attach_to(monitor, std::forward<Args>(args)...); },
        "azimuth: nothing here knows how to attach to these arguments; include "
        "azimuth/libtorch.h (target azimuth::libtorch) and pass a trainer, a module with "
        "an Architecture, or a callable that gives named tensors with an Architecture");
    return attach_to(*this, std::forward<Args>(args)...);
  }

  /// The same, of weights that have been trained for `begin.step` steps: that is known at once.
  ///
  ///     monitor.attach(azimuth::AtStep{5000}, trainer);
  template <class... Args>
  Attachment attach(AtStep begin, Args&&... args) {
    begin_at(begin.step);
    return attach(std::forward<Args>(args)...);
  }

  /// What `attach_to` calls. Throws std::invalid_argument on misuse, and RunInUse where another
  /// process that is alive records the same run in the same store: give this run another name.
  Attachment attach_source(std::unique_ptr<SnapshotSource> source);
  /// False on ranks that do nothing: `attach_to` then need not look at the model at all.
  bool watches() const;

  /// Takes a last snapshot, waits until everything is analysed and exported, marks the run as
  /// ended. The only call that may block, for at most `timeout`. An exporter that never opened is
  /// not waited for, unless it is lossless and may open yet. What was lost is also logged, once.
  FinishReport finish(std::chrono::milliseconds timeout);

  /// Waits until all snapshots taken so far are analysed and their records are written or dropped,
  /// for at most `timeout`. For notebooks and tests.
  bool drain(std::chrono::milliseconds timeout);

  MonitorStatus status() const;

 private:
  void begin_at(std::int64_t step);

  std::shared_ptr<detail::MonitorState> state_;
};

}  // namespace azimuth
