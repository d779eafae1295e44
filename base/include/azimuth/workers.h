#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "azimuth/mutex.h"

namespace azimuth {

/// How a thread gives way to training. `low`: it is nice, and still gets its slices of a
/// core; where the threads of a training step wait for each other, all of them lose each slice.
/// `idle`: it only gets time that no other thread wants (SCHED_IDLE), and may take long.
enum class Priority { low, idle };

/// Azimuth's own threads: nothing of the analysis ever enters the process's BLAS or OpenMP pool,
/// where it would stand in the way of training. They run at low priority. One caller at a time.
class Workers {
 public:
  /// The calling thread works too: `threads - 1` are started, or as many as the system allows.
  /// Throws std::invalid_argument below 1.
  explicit Workers(int threads = 1, Priority priority = Priority::low);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return static_cast<int>(threads_.size()) + 1; }

  /// Calls `task(i)` for every i in [0, count), each once, and waits for all. What a
  /// task throws is thrown here, after all have ended.
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& task);

  /// CPU seconds that the started threads have used so far.
  double cpu_seconds() const;

 private:
  void work(Priority priority);
  /// Lets go of the mutex while a task runs. `started`: by a started thread, whose CPU seconds are
  /// counted here; the caller reads its own clock.
  void run_tasks(bool started) AZIMUTH_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Condition wake_;
  Condition done_;
  const std::function<void(std::int64_t)>* task_ AZIMUTH_GUARDED_BY(mutex_) = nullptr;
  std::int64_t next_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  std::int64_t count_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  std::int64_t unfinished_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  double cpu_seconds_ AZIMUTH_GUARDED_BY(mutex_) = 0;  ///< of started threads
  std::exception_ptr failure_ AZIMUTH_GUARDED_BY(mutex_);
  bool stop_ AZIMUTH_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

/// Lowers the calling thread's priority for good, as far as the system allows.
void lower_thread_priority(Priority priority);

}  // namespace azimuth
