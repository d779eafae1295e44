#include "served_run.h"

#include <utility>

#include "process_metrics.h"
#include "run_metrics.h"

namespace azimuth {

void ServedRun::open(Exporter::StatusSource status) {
  Lock lock(mutex_);
  status_ = std::move(status);
}

void ServedRun::show(std::shared_ptr<const Observation> newest) {
  Lock lock(mutex_);
  newest_ = std::move(newest);
}

bool ServedRun::add_to(MetricFamilies& families) const {
  mutex_.lock();
  const auto observation = newest_;
  const auto status_source = status_;
  mutex_.unlock();
  if (!status_source) return false;

  const MonitorStatus now = status_source();
  families.begin_run(now.run);
  if (observation) add_observation_metrics(families, *observation);
  add_status_metrics(families, now);
  add_process_metrics(families);
  return now.run_ended;
}

void ServedRun::note_scrape(bool showed_end) {
  Lock lock(mutex_);
  was_scraped_ = true;
  if (!showed_end) return;
  end_was_scraped_ = true;
  scraped_.notify_all();
}

bool ServedRun::awaits_scrape() const {
  Lock lock(mutex_);
  return is_awaiting();
}

bool ServedRun::wait_for_scrape(std::chrono::steady_clock::time_point limit) {
  Lock lock(mutex_);
  return scraped_.wait_until(mutex_, limit,
                             [this]() AZIMUTH_REQUIRES(mutex_) { return !is_awaiting(); });
}

}  // namespace azimuth
