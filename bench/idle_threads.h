#pragma once

/// Makes the threads of this process that run on idle time (SCHED_IDLE: the monitor's analysis)
/// stand still and go on again, wherever they are. There can be one such object at a time; `hold`
/// and `release` belong to one thread, which must not be one of those that are held.
///
/// A held thread may own a lock that another thread comes to wait for, such as the allocator's:
/// none is held for more than ten minutes, so that this shows as `overdue` and not as a standstill.
class IdleThreads {
 public:
  /// Takes SIGUSR1 and SIGUSR2, for good. Throws std::system_error.
  IdleThreads();
  ~IdleThreads();
  IdleThreads(const IdleThreads&) = delete;
  IdleThreads& operator=(const IdleThreads&) = delete;

  int hold();  ///< how many there are
  void release();

  /// Whether a thread was held for so long, and went on by itself.
  bool overdue() const;
};
