#include <array>
#include <map>
#include <string>

#include "run_metrics.h"

namespace azimuth {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

/// All of `expected`, at 0 where `counts` lacks them, and what else `counts` has.
template <class Names>
void add_counts(MetricFamilies& families, Counts counts, const Names& expected,
                std::string_view label) {
  for (const std::string_view name : expected) counts.try_emplace(std::string(name), 0);
  for (const auto& [name, count] : counts) {
    families.add(static_cast<double>(count), {{label, name}});
  }
}

void add_exporters(MetricFamilies& families, const MonitorStatus& status) {
  families.begin_counter("azimuth_export_failures_total",
                         "Times that an exporter failed to open or to take a record.");
  for (const auto& e : status.exporters) {
    families.add(static_cast<double>(e.failures), {{"exporter", e.name}});
  }
  families.begin_gauge("azimuth_export_queue_length",
                       "Records that wait in the queue of an exporter.");
  for (const auto& e : status.exporters) {
    families.add(static_cast<double>(e.queue_length), {{"exporter", e.name}});
  }
  families.begin_counter("azimuth_exports_dropped_total", "Records that an exporter never got.");
  for (const auto& e : status.exporters) {
    families.add(static_cast<double>(e.dropped), {{"exporter", e.name}});
  }
}

}  // namespace

void add_status_metrics(MetricFamilies& families, const MonitorStatus& status) {
  families.gauge("azimuth_training_step", "The last optimizer step that training reported.",
                 static_cast<double>(status.training_step));
  families.begin_gauge("azimuth_training_loss", "The last loss that training reported.");
  if (status.training_loss) families.add_whatever(*status.training_loss);
  families.gauge("azimuth_nonfinite_weights",
                 "1 if the newest snapshot had weights that are not finite.",
                 status.nonfinite_weights ? 1 : 0);
  families.gauge("azimuth_run_ended", "1 once the run has ended as it should.",
                 status.run_ended ? 1 : 0);
  families.gauge("azimuth_last_snapshot_timestamp_seconds",
                 "Unix time of the last snapshot, in seconds.", status.last_snapshot_time);
  families.gauge("azimuth_snapshot_interval_seconds",
                 "Time between the last two snapshots, in seconds.",
                 status.snapshot_interval_seconds);

  families.begin_counter("azimuth_snapshots_total", "Snapshots by what became of them.");
  add_counts(families, status.snapshots, std::array{"analysed", "skipped", "failed"}, "outcome");
  families.begin_counter("azimuth_events_total",
                         "Events of the high-norm direction and of the run.");
  add_counts(families, status.events, event_kind::all, "kind");

  families.counter("azimuth_callback_failures_total",
                   "Exceptions that the training program's callbacks for events have thrown.",
                   static_cast<double>(status.callback_failures));

  families.begin(prometheus::MetricType::Histogram, "azimuth_snapshot_duration_seconds",
                 "Wall time that a snapshot held the training thread, and that its analysis took.");
  families.add(status.training_thread, {{"phase", "training_thread"}});
  families.add(status.analysis, {{"phase", "analysis"}});
  families.counter("azimuth_training_thread_seconds_total",
                   "Time for which snapshots held the training thread, in seconds.",
                   status.training_thread_seconds);
  families.counter("azimuth_analysis_cpu_seconds_total",
                   "CPU time of the analysis of snapshots, in seconds.",
                   status.analysis_cpu_seconds);
  families.gauge("azimuth_overhead_ratio",
                 "Share of the machine that watching the run has cost up to now, not counting the "
                 "snapshot at attach.",
                 status.overhead_ratio);
  families.gauge("azimuth_overhead_budget_ratio",
                 "Share of the machine that watching the run may cost.",
                 status.overhead_budget_ratio);
  add_exporters(families, status);
  families.gauge(
      "azimuth_build_info", "1, with the version of Azimuth as a label.", 1,
      {{"version", AZIMUTH_VERSION}, {"schema_version", std::to_string(kSchemaVersion)}});
}

}  // namespace azimuth
