#include "azimuth/workers.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>
#include <utility>

#include "azimuth/clock.h"

namespace azimuth {
void lower_thread_priority(Priority priority) {
  const sched_param none{};
  if (priority == Priority::idle && sched_setscheduler(0, SCHED_IDLE, &none) == 0) return;
  // On Linux, priorities belong to threads, not to the process.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
}

Workers::Workers(int threads, Priority priority) {
  if (threads < 1) throw std::invalid_argument("at least one analysis thread is needed");
  try {
    for (int i = 1; i < threads; ++i) threads_.emplace_back([this, priority] { work(priority); });
  } catch (const std::system_error&) {
    // The system starts no more threads: those that run do the work.
  }
}

Workers::~Workers() {
  {
    Lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::for_each(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  if (threads_.empty() || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  Lock lock(mutex_);
  task_ = &task;
  next_ = 0;
  count_ = count;
  unfinished_ = count;
  wake_.notify_all();
  run_tasks(/*started=*/false);
  done_.wait(mutex_, [this]() AZIMUTH_REQUIRES(mutex_) { return unfinished_ == 0; });
  task_ = nullptr;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

double Workers::cpu_seconds() const {
  Lock lock(mutex_);
  return cpu_seconds_;
}

void Workers::run_tasks(bool started) {
  while (next_ < count_) {
    const std::int64_t i = next_++;
    const auto* task = task_;
    mutex_.unlock();
    const double before = Clock().thread_cpu_seconds();
    std::exception_ptr failure;
    try {
      (*task)(i);
    } catch (...) {
      failure = std::current_exception();
    }
    const double used = Clock().thread_cpu_seconds() - before;
    mutex_.lock();
    if (failure) failure_ = failure;
    // Before the task counts as finished, so that the caller sees what all tasks have cost.
    if (started) cpu_seconds_ += used;
    if (--unfinished_ == 0) done_.notify_one();
  }
}

void Workers::work(Priority priority) {
  lower_thread_priority(priority);
  Lock lock(mutex_);
  for (;;) {
    wake_.wait(mutex_, [this]() AZIMUTH_REQUIRES(mutex_) { return stop_ || next_ < count_; });
    if (stop_) return;
    run_tasks(/*started=*/true);
  }
}

}  // namespace azimuth
