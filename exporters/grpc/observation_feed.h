#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "azimuth/mutex.h"

namespace azimuth {

/// Hands observations, as messages of whichever transport, to subscribers of different speed: a
/// ring of the newest, in which each subscriber finds by sequence what comes next. Each has one
/// message on its way at most, so that a slow one holds up nothing and costs no memory.
///
/// Any thread may call anything. Nothing waits for a subscriber but `wait_until_idle`. Messages are
/// cheap to copy.
template <class Message>
class ObservationFeed {
 public:
  enum class End { cancelled, run_ended, closed };

  /// Calls to it are made without the feed's lock held, and never two at once: `send` is answered
  /// by `sent`, `finish` is the last call and answered by `remove`. They return at once; the answer
  /// may come before they do.
  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    virtual void send(const Message& message) = 0;
    virtual void finish(End end) = 0;

   private:
    friend class ObservationFeed;
    std::int64_t after_ = 0;  ///< the sequence sent last
    bool busy_ = false;       ///< a message is on its way, or `finish` was called
    bool cancelled_ = false;
  };

  explicit ObservationFeed(std::size_t history) : history_(history) {}

  /// Throws std::invalid_argument unless sequences rise.
  void publish(std::int64_t sequence, Message message) {
    Actions actions;
    {
      Lock lock(mutex_);
      if (!ring_.empty() && sequence <= ring_.back().sequence)
        throw std::invalid_argument("observation " + std::to_string(sequence) + " after " +
                                    std::to_string(ring_.back().sequence));
      ring_.push_back({sequence, std::move(message)});
      if (ring_.size() > history_) ring_.pop_front();
      actions = next_actions();
    }
    perform(actions);
  }

  /// Subscribers are finished with `run_ended` once they have been sent everything.
  void end_run() {
    Actions actions;
    {
      Lock lock(mutex_);
      ended_ = true;
      actions = next_actions();
    }
    perform(actions);
  }

  /// The same with `closed`, unless the run has ended.
  void close() {
    Actions actions;
    {
      Lock lock(mutex_);
      closed_ = true;
      actions = next_actions();
    }
    perform(actions);
  }

  /// False if there still are subscribers at `deadline`.
  bool wait_until_idle(std::chrono::steady_clock::time_point deadline) {
    Lock lock(mutex_);
    return removed_.wait_until(mutex_, deadline,
                               [this]() AZIMUTH_REQUIRES(mutex_) { return subscribers_.empty(); });
  }

  /// Begins with what comes after that sequence; 0: with the newest there is.
  void add(Subscriber& subscriber, std::int64_t after_sequence) {
    Actions actions;
    {
      Lock lock(mutex_);
      subscriber.after_ = after_sequence;
      if (after_sequence == 0 && !ring_.empty()) subscriber.after_ = ring_.back().sequence - 1;
      subscribers_.insert(&subscriber);
      add_next(subscriber, actions);
    }
    perform(actions);
  }

  /// The message has left, or could not be sent.
  void sent(Subscriber& subscriber, bool ok) {
    Actions actions;
    {
      Lock lock(mutex_);
      subscriber.busy_ = false;
      if (!ok) subscriber.cancelled_ = true;
      add_next(subscriber, actions);
    }
    perform(actions);
  }

  /// The subscriber has gone; it is finished as soon as no message is on its way.
  void cancel(Subscriber& subscriber) {
    Actions actions;
    {
      Lock lock(mutex_);
      subscriber.cancelled_ = true;
      add_next(subscriber, actions);
    }
    perform(actions);
  }

  /// The subscriber may be destroyed after this.
  void remove(Subscriber& subscriber) {
    Lock lock(mutex_);
    subscribers_.erase(&subscriber);
    removed_.notify_all();
  }

 private:
  struct Entry {
    std::int64_t sequence;
    Message message;
  };

  /// Decided under the lock, done outside it. Whoever decided has the subscriber to itself until it
  /// answers, so that it cannot go away in between.
  struct Action {
    enum class Kind { none, send, finish };
    Kind kind = Kind::none;
    Message message = {};
    End end = End::cancelled;
  };

  using Actions = std::vector<std::pair<Subscriber*, Action>>;

  Action next_action(Subscriber& subscriber) AZIMUTH_REQUIRES(mutex_) {
    if (subscriber.busy_) return {};
    subscriber.busy_ = true;
    if (subscriber.cancelled_) return {Action::Kind::finish, {}, End::cancelled};
    const auto entry = std::upper_bound(
        ring_.begin(), ring_.end(), subscriber.after_,
        [](std::int64_t sequence, const Entry& entry) { return sequence < entry.sequence; });
    if (entry != ring_.end()) {
      subscriber.after_ = entry->sequence;
      return {Action::Kind::send, entry->message};
    }
    if (ended_) return {Action::Kind::finish, {}, End::run_ended};
    if (closed_) return {Action::Kind::finish, {}, End::closed};
    subscriber.busy_ = false;
    return {};
  }

  void add_next(Subscriber& subscriber, Actions& actions) AZIMUTH_REQUIRES(mutex_) {
    Action action = next_action(subscriber);
    if (action.kind != Action::Kind::none) actions.emplace_back(&subscriber, std::move(action));
  }

  Actions next_actions() AZIMUTH_REQUIRES(mutex_) {
    Actions actions;
    for (Subscriber* subscriber : subscribers_) add_next(*subscriber, actions);
    return actions;
  }

  static void perform(const Actions& actions) {
    for (const auto& [subscriber, action] : actions) {
      if (action.kind == Action::Kind::send) subscriber->send(action.message);
      if (action.kind == Action::Kind::finish) subscriber->finish(action.end);
    }
  }

  const std::size_t history_;
  Mutex mutex_;
  Condition removed_;
  std::deque<Entry> ring_ AZIMUTH_GUARDED_BY(mutex_);  ///< sequences rise
  std::unordered_set<Subscriber*> subscribers_ AZIMUTH_GUARDED_BY(mutex_);
  bool ended_ AZIMUTH_GUARDED_BY(mutex_) = false;
  bool closed_ AZIMUTH_GUARDED_BY(mutex_) = false;
};

}  // namespace azimuth
