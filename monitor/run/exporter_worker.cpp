#include "run/exporter_worker.h"

#include <stdexcept>
#include <thread>
#include <utility>

#include "azimuth/guarded.h"

namespace azimuth {
namespace {

void write_item(Exporter& exporter, const ExporterWorker::Item& item) {
  if (const auto* record = std::get_if<std::shared_ptr<const Record>>(&item)) {
    exporter.write(**record);
  } else {
    exporter.write_failure(*std::get<std::shared_ptr<const FailedSnapshot>>(item));
  }
}

}  // namespace

ExporterWorker::ExporterWorker(std::shared_ptr<Exporter> exporter, std::size_t capacity,
                               std::chrono::milliseconds retry_interval, LogCallback log)
    : name_(exporter->name()),
      lossless_(exporter->lossless()),
      capacity_(capacity),
      retry_interval_(retry_interval),
      log_(std::move(log)),
      exporter_(std::move(exporter)) {
  if (exporter_->given_.exchange(true)) {
    throw std::invalid_argument("this exporter (" + name_ +
                                ") has been given to a monitor: make one for each");
  }
}

std::shared_ptr<Exporter> ExporterWorker::exporter() const {
  Lock lock(mutex_);
  return exporter_;
}

void ExporterWorker::start(Exporter::StatusSource status) {
  {
    Lock lock(mutex_);
    phase_ = Phase::opening;
  }
  std::thread([self = shared_from_this(), status = std::move(status)] {
    self->run(status);
  }).detach();
}

bool ExporterWorker::full() const {
  Lock lock(mutex_);
  return queue_.size() >= capacity_;
}

void ExporterWorker::push(Item record) {
  {
    Lock lock(mutex_);
    if (takes_no_more()) {
      ++counters_->dropped;
      return;
    }
    if (!lossless_ && queue_.size() >= capacity_) {
      queue_.pop_front();
      ++counters_->dropped;
    }
    queue_.push_back(std::move(record));
    counters_->queue_length = queue_.size();
  }
  wake_.notify_one();
}

void ExporterWorker::end_run(TimePoint deadline) {
  {
    Lock lock(mutex_);
    if (takes_no_more()) return;
    end_of_run_ = deadline;
    if (is_hopeless()) drop_all();
  }
  wake_.notify_one();
}

void ExporterWorker::stop() {
  {
    Lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
}

void ExporterWorker::count_failure(const std::string& what) {
  Lock lock(mutex_);
  note_failure(what);
}

std::int64_t ExporterWorker::lost() const {
  Lock lock(mutex_);
  return static_cast<std::int64_t>(counters_->dropped + queue_.size() + (writing_ ? 1 : 0));
}

std::string ExporterWorker::last_failure() const {
  Lock lock(mutex_);
  return last_failure_;
}

bool ExporterWorker::takes_no_more() const {
  return phase_ == Phase::given_up || phase_ == Phase::ended;
}

bool ExporterWorker::has_come(Until until) const {
  const bool idle = queue_.empty() && !writing_ && !end_of_run_;
  switch (until) {
    case Until::room:
      return queue_.size() < capacity_;
    case Until::written:
      return idle;
    case Until::settled:
      return idle || is_hopeless();
    case Until::ended:
      return phase_ == Phase::fresh || phase_ == Phase::ended;
  }
  return false;
}

bool ExporterWorker::wait(Until until, TimePoint deadline) {
  Lock lock(mutex_);
  changed_.wait_until(mutex_, deadline, [&]() AZIMUTH_REQUIRES(mutex_) {
    return has_come(until) || phase_ == Phase::fresh || phase_ == Phase::ended;
  });
  return has_come(until);
}

void ExporterWorker::run(const Exporter::StatusSource& status) {
  Lock lock(mutex_);
  std::shared_ptr<Exporter> exporter = std::move(exporter_);
  open(*exporter, status);
  while (!stop_) {
    if (!queue_.empty()) {
      write_next(*exporter);
    } else if (end_of_run_) {
      end(*exporter);
    } else {
      wake_.wait(mutex_, [this]() AZIMUTH_REQUIRES(mutex_) {
        return stop_ || end_of_run_ || !queue_.empty();
      });
      continue;
    }
    changed_.notify_all();
  }
  outside([&] { exporter.reset(); });
  phase_ = Phase::ended;
  changed_.notify_all();
}

void ExporterWorker::open(Exporter& exporter, const Exporter::StatusSource& status) {
  bool said = false;
  while (!stop_) {
    bool unusable = false;
    const auto failure = outside([&] {
      try {
        exporter.open(status);
      } catch (const ExporterUnusable&) {
        unusable = true;
        throw;
      }
    });
    if (!failure) {
      failing_ = false;
      phase_ = Phase::serving;
      return;
    }
    if (unusable) return give_up(*failure);
    count(*failure);
    failing_ = true;
    if (!std::exchange(said, true)) {
      log(LogLevel::warning, std::string(lossless_ ? "nothing is recorded" : "nothing is shown") +
                                 " until it opens, which is tried again: " + *failure);
    }
    if (end_of_run_ && is_hopeless()) drop_all();
    changed_.notify_all();
    pause();
  }
}

bool ExporterWorker::is_hopeless() const {
  return phase_ == Phase::opening && failing_ && !lossless_;
}

void ExporterWorker::drop_all() {
  counters_->dropped += queue_.size();
  queue_.clear();
  counters_->queue_length = 0;
}

void ExporterWorker::give_up(const std::string& why) {
  phase_ = Phase::given_up;
  stop_ = true;
  count(why);
  drop_all();
  end_of_run_.reset();
  changed_.notify_all();
  log(LogLevel::error,
      std::string("nothing is ") + (lossless_ ? "recorded" : "shown") + " of this run: " + why);
}

void ExporterWorker::write_next(Exporter& exporter) {
  Item record = std::move(queue_.front());
  queue_.pop_front();
  counters_->queue_length = queue_.size();
  writing_ = true;
  const auto failure = outside([&] { write_item(exporter, record); });
  writing_ = false;
  if (!failure) {
    failing_ = false;
    return;
  }
  note_failure(*failure);
  if (lossless_) {
    queue_.push_front(std::move(record));
    counters_->queue_length = queue_.size();
    pause();
  } else {
    ++counters_->dropped;
  }
}

void ExporterWorker::end(Exporter& exporter) {
  const TimePoint deadline = *end_of_run_;
  const auto failure = outside([&] {
    const std::string awaited = exporter.end_waits_for(deadline);
    if (!awaited.empty()) log_(LogLevel::info, "exporter " + name_ + " waits for " + awaited);
    exporter.end_run(deadline);
  });
  if (failure) note_failure(*failure);
  if (failure && lossless_) {
    pause();  // the end is a record too
  } else {
    end_of_run_.reset();
  }
}

std::optional<std::string> ExporterWorker::outside(const std::function<void()>& call) {
  mutex_.unlock();
  auto failure = guarded(call);
  mutex_.lock();
  return failure;
}

void ExporterWorker::note_failure(const std::string& what) {
  count(what);
  if (!std::exchange(failing_, true)) log(LogLevel::warning, what);
}

void ExporterWorker::count(const std::string& failure) {
  ++counters_->failures;
  last_failure_ = failure;
}

void ExporterWorker::log(LogLevel level, const std::string& what) {
  outside([&] { log_(level, "exporter " + name_ + ": " + what); });
}

void ExporterWorker::pause() {
  wake_.wait_for(mutex_, retry_interval_, [this]() AZIMUTH_REQUIRES(mutex_) { return stop_; });
}

}  // namespace azimuth
