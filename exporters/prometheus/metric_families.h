#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azimuth/exporter.h"

namespace azimuth {

/// Metric families in the making, of one scrape.
class MetricFamilies {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// What is added next is of this run.
  void begin_run(std::string run) { run_ = std::move(run); }

  /// Begins a family, or goes on with the one of that name, which another run has begun; the
  /// samples added next belong to it.
  void begin(prometheus::MetricType type, std::string name, std::string help);
  void begin_gauge(std::string name, std::string help);
  void begin_counter(std::string name, std::string help);

  /// Adds a sample, with the label `run` beside `labels`. NaN is not added.
  void add(double value, Labels labels = {});
  void add_whatever(double value, Labels labels = {});  ///< NaN too
  void add(const Histogram& histogram, Labels labels = {});

  /// A family with one sample.
  void gauge(std::string name, std::string help, double value, Labels labels = {});
  void counter(std::string name, std::string help, double value, Labels labels = {});

  /// The families that have samples.
  std::vector<prometheus::MetricFamily> take() &&;

 private:
  prometheus::ClientMetric& add_metric(Labels labels);

  std::string run_;
  std::vector<prometheus::MetricFamily> families_;
  std::size_t current_ = 0;
};

}  // namespace azimuth
