#include "run/mailbox.h"

#include <utility>

namespace azimuth {

void Mailbox::open() {
  Lock lock(mutex_);
  is_read_ = true;
}

bool Mailbox::is_read() const {
  Lock lock(mutex_);
  return is_read_;
}

bool Mailbox::busy() const {
  Lock lock(mutex_);
  return is_busy();
}

void Mailbox::put(Snapshot snapshot) {
  {
    Lock lock(mutex_);
    waiting_.snapshot.emplace(std::move(snapshot));
  }
  arrived_.notify_one();
}

void Mailbox::begin(std::int64_t step) {
  {
    Lock lock(mutex_);
    if (std::exchange(has_begun_, true)) return;
    waiting_.begin = step;
  }
  arrived_.notify_one();
}

std::optional<Mailbox::Post> Mailbox::take() {
  Lock lock(mutex_);
  arrived_.wait(mutex_, [this]() AZIMUTH_REQUIRES(mutex_) {
    return closed_ || waiting_.begin || waiting_.snapshot;
  });
  if (closed_) return std::nullopt;
  at_work_ = true;
  analysing_ = waiting_.snapshot.has_value();
  return std::exchange(waiting_, {});
}

void Mailbox::done(const std::function<void()>& last) {
  {
    Lock lock(mutex_);
    last();
    at_work_ = analysing_ = false;
  }
  changed_.notify_all();
}

void Mailbox::leave() {
  {
    Lock lock(mutex_);
    is_read_ = false;
    waiting_ = {};
  }
  changed_.notify_all();
}

void Mailbox::close() {
  {
    Lock lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

bool Mailbox::closed() const {
  Lock lock(mutex_);
  return closed_;
}

bool Mailbox::wait_idle(TimePoint deadline) {
  Lock lock(mutex_);
  return changed_.wait_until(mutex_, deadline,
                             [this]() AZIMUTH_REQUIRES(mutex_) { return !is_read_ || is_idle(); });
}

bool Mailbox::wait_left(TimePoint deadline) {
  Lock lock(mutex_);
  return changed_.wait_until(mutex_, deadline,
                             [this]() AZIMUTH_REQUIRES(mutex_) { return !is_read_; });
}

}  // namespace azimuth
