#include "metric_families.h"

#include <algorithm>
#include <cmath>

namespace azimuth {

using prometheus::MetricType;

void MetricFamilies::begin(MetricType type, std::string name, std::string help) {
  const auto known = std::ranges::find(families_, name, &prometheus::MetricFamily::name);
  current_ = static_cast<std::size_t>(known - families_.begin());
  if (known == families_.end()) {
    families_.push_back({std::move(name), std::move(help), type, {}});
  }
}

void MetricFamilies::begin_gauge(std::string name, std::string help) {
  begin(MetricType::Gauge, std::move(name), std::move(help));
}

void MetricFamilies::begin_counter(std::string name, std::string help) {
  begin(MetricType::Counter, std::move(name), std::move(help));
}

void MetricFamilies::add(double value, Labels labels) {
  if (!std::isnan(value)) add_whatever(value, labels);
}

void MetricFamilies::add_whatever(double value, Labels labels) {
  const auto type = families_[current_].type;
  auto& metric = add_metric(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void MetricFamilies::add(const Histogram& histogram, Labels labels) {
  auto& out = add_metric(labels).histogram;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < Histogram::upper_bounds.size(); ++i) {
    cumulative += histogram.counts[i];
    out.bucket.push_back({cumulative, Histogram::upper_bounds[i]});
  }
  out.sample_count = cumulative + histogram.counts.back();
  out.sample_sum = histogram.sum;
}

void MetricFamilies::gauge(std::string name, std::string help, double value, Labels labels) {
  begin_gauge(std::move(name), std::move(help));
  add(value, labels);
}

void MetricFamilies::counter(std::string name, std::string help, double value, Labels labels) {
  begin_counter(std::move(name), std::move(help));
  add(value, labels);
}

std::vector<prometheus::MetricFamily> MetricFamilies::take() && {
  std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
  return std::move(families_);
}

prometheus::ClientMetric& MetricFamilies::add_metric(Labels labels) {
  auto& metric = families_[current_].metric.emplace_back();
  metric.label.push_back({"run", run_});
  for (const auto& [name, value] : labels) metric.label.push_back({std::string(name), value});
  return metric;
}

}  // namespace azimuth
