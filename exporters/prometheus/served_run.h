#pragma once

#include <chrono>
#include <memory>

#include "azimuth/exporter.h"
#include "azimuth/mutex.h"
#include "metric_families.h"

namespace azimuth {

/// What there is to say of one run: its exporter writes it, scrapes read it. Thread-safe.
class ServedRun {
 public:
  void open(Exporter::StatusSource status);
  void show(std::shared_ptr<const Observation> newest);

  /// Adds the metrics of this moment; none before `open`. Whether they show the end of the run.
  bool add_to(MetricFamilies& families) const;

  /// A scrape has been served.
  void note_scrape(bool showed_end);
  /// Whoever has scraped before will come again; if nobody has, nobody may be there.
  bool awaits_scrape() const;
  /// False if it takes longer.
  bool wait_for_scrape(std::chrono::steady_clock::time_point limit);

 private:
  bool is_awaiting() const AZIMUTH_REQUIRES(mutex_) { return was_scraped_ && !end_was_scraped_; }

  mutable Mutex mutex_;
  Condition scraped_;
  Exporter::StatusSource status_ AZIMUTH_GUARDED_BY(mutex_);
  std::shared_ptr<const Observation> newest_ AZIMUTH_GUARDED_BY(mutex_);
  bool was_scraped_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool end_was_scraped_ AZIMUTH_GUARDED_BY(mutex_) = false;
};

}  // namespace azimuth
