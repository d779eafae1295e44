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
  return holds_work();
}

void Mailbox::put(Snapshot snapshot) {
  {
    Lock lock(mutex_);
    waiting_.emplace(std::move(snapshot));
  }
  arrived_.notify_one();
}

std::optional<Snapshot> Mailbox::take() {
  Lock lock(mutex_);
  arrived_.wait(mutex_, [this]() AZIMUTH_REQUIRES(mutex_) { return closed_ || waiting_; });
  if (closed_) return std::nullopt;
  analysing_ = true;
  return std::exchange(waiting_, std::nullopt);
}

void Mailbox::done(const std::function<void()>& last) {
  {
    Lock lock(mutex_);
    last();
    analysing_ = false;
  }
  changed_.notify_all();
}

void Mailbox::leave() {
  {
    Lock lock(mutex_);
    is_read_ = false;
    waiting_.reset();
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
  return changed_.wait_until(
      mutex_, deadline, [this]() AZIMUTH_REQUIRES(mutex_) { return !is_read_ || !holds_work(); });
}

bool Mailbox::wait_left(TimePoint deadline) {
  Lock lock(mutex_);
  return changed_.wait_until(mutex_, deadline,
                             [this]() AZIMUTH_REQUIRES(mutex_) { return !is_read_; });
}

}  // namespace azimuth
