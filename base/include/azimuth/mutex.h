#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// What a lock guards, said so that clang's -Wthread-safety checks it
// (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html). Other compilers read past it.
#if defined(__clang__)
#define AZIMUTH_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define AZIMUTH_THREAD_SAFETY(attribute)
#endif
/// A member that may be touched only while `mutex` is held.
#define AZIMUTH_GUARDED_BY(mutex) AZIMUTH_THREAD_SAFETY(guarded_by(mutex))
/// A function, or the lambda of a wait, that is called only while `mutex` is held.
#define AZIMUTH_REQUIRES(mutex) AZIMUTH_THREAD_SAFETY(requires_capability(mutex))
#define AZIMUTH_WAITS(mutex) \
  AZIMUTH_REQUIRES(mutex) AZIMUTH_THREAD_SAFETY(no_thread_safety_analysis)

namespace azimuth {

/// std::mutex, which carries no annotations itself. Thread-safe.
class AZIMUTH_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
  void lock() AZIMUTH_THREAD_SAFETY(acquire_capability()) { mutex_.lock(); }
  void unlock() AZIMUTH_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

/// Holds a mutex as long as it lives.
class AZIMUTH_THREAD_SAFETY(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) AZIMUTH_THREAD_SAFETY(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() AZIMUTH_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

/// std::condition_variable. The waits give the mutex away, as long as `ready` is false, and hold it
/// while they ask. The analysis does not see that: what `ready` reads is annotated at the lambda,
/// `[this]() AZIMUTH_REQUIRES(mutex_) { return ...; }`.
class Condition {
 public:
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

  template <class Ready>
  void wait(Mutex& mutex, Ready ready) AZIMUTH_WAITS(mutex) {
    Adopted lock(mutex.mutex_);
    condition_.wait(lock.lock, ready);
  }
  /// The waits with an end give what `ready` said last.
  template <class Ready>
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point end, Ready ready)
      AZIMUTH_WAITS(mutex) {
    Adopted lock(mutex.mutex_);
    return condition_.wait_until(lock.lock, end, ready);
  }
  template <class Ready>
  bool wait_for(Mutex& mutex, std::chrono::milliseconds time, Ready ready) AZIMUTH_WAITS(mutex) {
    return wait_until(mutex, std::chrono::steady_clock::now() + time, ready);
  }

 private:
  /// The lock that the caller holds, lent to std::condition_variable.
  struct Adopted {
    explicit Adopted(std::mutex& mutex) : lock(mutex, std::adopt_lock) {}
    ~Adopted() { lock.release(); }
    std::unique_lock<std::mutex> lock;
  };

  std::condition_variable condition_;
};

}  // namespace azimuth
