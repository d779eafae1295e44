#include "run/exporter_worker.h"

#include <thread>
#include <utility>

#include "azimuth/guarded.h"

namespace azimuth {

ExporterWorker::ExporterWorker(std::shared_ptr<Exporter> exporter, std::size_t capacity,
                               std::chrono::milliseconds retry_interval, LogCallback log)
    : exporter_(std::move(exporter)),
      name_(exporter_->name()),
      lossless_(exporter_->lossless()),
      capacity_(capacity),
      retry_interval_(retry_interval),
      log_(std::move(log)) {}

void ExporterWorker::start(Exporter::StatusSource status) {
  stopped_ = false;
  std::thread([self = shared_from_this(), status = std::move(status)] {
    self->run(status);
  }).detach();
}

bool ExporterWorker::full() const {
  std::lock_guard lock(mutex_);
  return queue_.size() >= capacity_;
}

void ExporterWorker::push(std::shared_ptr<const Record> record) {
  {
    std::lock_guard lock(mutex_);
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
    std::lock_guard lock(mutex_);
    end_run_ = true;
    end_run_deadline_ = deadline;
  }
  wake_.notify_one();
}

void ExporterWorker::count_failure(const std::string& what) {
  std::unique_lock lock(mutex_);
  note_failure(what, lock);
}

bool ExporterWorker::wait_idle(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return idle() || stopped_; }) && idle();
}

bool ExporterWorker::wait_ended(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  const auto ended = [this] { return idle() || (failing_ && !opened_ && !lossless_); };
  return changed_.wait_until(lock, deadline, [&] { return ended() || stopped_; }) && ended();
}

bool ExporterWorker::wait_for_room(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return queue_.size() < capacity_; });
}

bool ExporterWorker::stop(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  stop_ = true;
  wake_.notify_one();
  return changed_.wait_until(lock, deadline, [this] { return stopped_; });
}

void ExporterWorker::run(const Exporter::StatusSource& status) {
  std::unique_lock lock(mutex_);
  if (open(status, lock)) {
    for (;;) {
      wake_.wait(lock, [this] { return stop_ || end_run_ || !queue_.empty(); });
      if (stop_) break;
      if (!queue_.empty()) {
        write_next(lock);
      } else {
        const TimePoint deadline = end_run_deadline_;
        lock.unlock();
        const auto failure = guarded([&] { exporter_->end_run(deadline); });
        lock.lock();
        if (failure) note_failure(*failure, lock);
        if (failure && lossless_) {
          pause(lock);  // the end is a record too
        } else {
          end_run_ = false;
        }
      }
      changed_.notify_all();
    }
  }
  lock.unlock();
  exporter_.reset();
  lock.lock();
  stopped_ = true;
  changed_.notify_all();
}

// False if asked to stop before it succeeded.
bool ExporterWorker::open(const Exporter::StatusSource& status,
                          std::unique_lock<std::mutex>& lock) {
  while (!stop_) {
    lock.unlock();
    const auto failure = guarded([&] { exporter_->open(status); });
    lock.lock();
    if (!failure) {
      failing_ = false;
      opened_ = true;
      return true;
    }
    note_failure(*failure, lock);
    changed_.notify_all();
    pause(lock);
  }
  return false;
}

void ExporterWorker::write_next(std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<const Record> record = std::move(queue_.front());
  queue_.pop_front();
  counters_->queue_length = queue_.size();
  busy_ = true;
  lock.unlock();
  const auto failure = guarded([&] { exporter_->write(*record); });
  lock.lock();
  busy_ = false;
  if (!failure) {
    failing_ = false;
    return;
  }
  note_failure(*failure, lock);
  if (lossless_) {
    queue_.push_front(record);
    counters_->queue_length = queue_.size();
    pause(lock);
  } else {
    ++counters_->dropped;
  }
}

void ExporterWorker::note_failure(const std::string& what, std::unique_lock<std::mutex>& lock) {
  ++counters_->failures;
  if (std::exchange(failing_, true)) return;
  lock.unlock();  // the callback is the user's, and may ask for the status
  guarded([&] { log_(LogLevel::warning, "exporter " + name_ + ": " + what); });
  lock.lock();
}

void ExporterWorker::pause(std::unique_lock<std::mutex>& lock) {
  wake_.wait_for(lock, retry_interval_, [this] { return stop_; });
}

}  // namespace azimuth
