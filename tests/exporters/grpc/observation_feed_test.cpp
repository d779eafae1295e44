#include "observation_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <vector>

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using Feed = ObservationFeed<std::shared_ptr<const std::string>>;

std::shared_ptr<const std::string> message(std::int64_t sequence) {
  return std::make_shared<const std::string>(std::to_string(sequence));
}

/// A transport inside the process: answers on threads of its own, as gRPC does.
class Transport {
 public:
  Transport() {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this] { work(); });
  }

  ~Transport() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

  void later(std::function<void()> answer) {
    {
      const std::lock_guard lock(mutex_);
      answers_.push(std::move(answer));
    }
    changed_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopped_ || !answers_.empty(); });
      if (answers_.empty()) return;
      const std::function<void()> answer = std::move(answers_.front());
      answers_.pop();
      lock.unlock();
      answer();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<std::function<void()>> answers_;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;  ///< last: joined before what they use is destroyed
};

class Reader final : public Feed::Subscriber {
 public:
  Reader(Feed& feed, Transport& transport) : feed_(feed), transport_(transport) {}

  void send(const std::shared_ptr<const std::string>& message) override {
    seen.push_back(*message);
    transport_.later([this] { feed_.sent(*this, true); });
  }

  void finish(Feed::End reason) override {
    end = reason;
    transport_.later([this] { feed_.remove(*this); });
  }

  std::vector<std::string> seen;
  Feed::End end = Feed::End::closed;

 private:
  Feed& feed_;
  Transport& transport_;
};

std::chrono::steady_clock::time_point patience() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

TEST(ObservationFeed, EverySubscriberIsSentEverythingOnceAndInOrder) {
  constexpr std::int64_t last = 300;
  Feed feed(last);
  Transport transport;
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 20; ++i) readers.push_back(std::make_unique<Reader>(feed, transport));
  {
    std::jthread publisher([&] {
      for (std::int64_t sequence = 1; sequence <= last; ++sequence)
        feed.publish(sequence, message(sequence));
    });
    for (auto& reader : readers) feed.add(*reader, 0);
  }
  feed.end_run();
  ASSERT_TRUE(feed.wait_until_idle(patience()));
  for (auto& reader : readers) {
    EXPECT_EQ(reader->end, Feed::End::run_ended);
    ASSERT_FALSE(reader->seen.empty());
    const std::int64_t first = std::stoll(reader->seen.front());
    ASSERT_EQ(reader->seen.size(), static_cast<std::size_t>(last - first + 1));
    for (std::size_t i = 0; i < reader->seen.size(); ++i)
      ASSERT_EQ(reader->seen[i], std::to_string(first + static_cast<std::int64_t>(i)));
  }
}

TEST(ObservationFeed, CancellingAtAnyMomentFinishesOnce) {
  Feed feed(4);
  Transport transport;
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 200; ++i) readers.push_back(std::make_unique<Reader>(feed, transport));
  std::atomic<bool> stop = false;
  {
    std::jthread publisher([&] {
      for (std::int64_t sequence = 1; !stop; ++sequence) feed.publish(sequence, message(sequence));
    });
    for (auto& reader : readers) {
      feed.add(*reader, 0);
      feed.cancel(*reader);
    }
    stop = true;
  }
  ASSERT_TRUE(feed.wait_until_idle(patience()));
  for (auto& reader : readers) EXPECT_EQ(reader->end, Feed::End::cancelled);
}

/// Answers only when it is told to.
class Stalled final : public Feed::Subscriber {
 public:
  void send(const std::shared_ptr<const std::string>& message) override {
    seen.push_back(*message);
  }
  void finish(Feed::End reason) override { ends.push_back(reason); }
  std::vector<std::string> seen;
  std::vector<Feed::End> ends;
};

TEST(ObservationFeed, OneThatWasOvertakenGoesOnWithTheOldestHeld) {
  Feed feed(3);
  Stalled stalled;
  feed.add(stalled, 0);
  for (std::int64_t sequence = 1; sequence <= 10; ++sequence)
    feed.publish(sequence, message(sequence));
  EXPECT_THAT(stalled.seen, ElementsAre("1"));
  for (int i = 0; i < 4; ++i) feed.sent(stalled, true);
  EXPECT_THAT(stalled.seen, ElementsAre("1", "8", "9", "10"));
}

TEST(ObservationFeed, AFinishedSubscriberIsNotTouchedAgain) {
  Feed feed(3);
  Stalled stalled;
  feed.add(stalled, 0);
  feed.publish(1, message(1));
  feed.close();
  feed.cancel(stalled);
  EXPECT_THAT(stalled.ends, ElementsAre());  // a message is on its way
  feed.sent(stalled, false);
  EXPECT_THAT(stalled.ends, ElementsAre(Feed::End::cancelled));
  feed.publish(2, message(2));
  feed.end_run();
  feed.cancel(stalled);
  EXPECT_THAT(stalled.ends, ElementsAre(Feed::End::cancelled));
  EXPECT_THAT(stalled.seen, ElementsAre("1"));
  EXPECT_FALSE(feed.wait_until_idle(std::chrono::steady_clock::now()));
  feed.remove(stalled);
  EXPECT_TRUE(feed.wait_until_idle(std::chrono::steady_clock::now()));
}

TEST(ObservationFeed, ClosingSendsWhatIsLeftFirst) {
  Feed feed(3);
  Stalled stalled;
  feed.publish(1, message(1));
  feed.add(stalled, 0);
  feed.publish(2, message(2));
  feed.close();
  feed.sent(stalled, true);
  EXPECT_THAT(stalled.seen, ElementsAre("1", "2"));
  EXPECT_THAT(stalled.ends, ElementsAre());
  feed.sent(stalled, true);
  EXPECT_THAT(stalled.ends, ElementsAre(Feed::End::closed));
}

}  // namespace
}  // namespace azimuth
