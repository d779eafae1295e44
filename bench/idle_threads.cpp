#include "idle_threads.h"

#include <sched.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>

namespace {

constexpr int kHold = SIGUSR1;
constexpr int kRelease = SIGUSR2;
constexpr timespec kLongest = {600, 0};

std::atomic<bool> held = false;
std::atomic<bool> gone_on = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // signal handlers read and write them

// kRelease is blocked here except while pselect waits, so that none is missed before that.
void wait_until_released(int) {
  const int error = errno;
  sigset_t waiting;
  sigfillset(&waiting);
  sigdelset(&waiting, kRelease);
  while (held) {
    if (pselect(0, nullptr, nullptr, nullptr, &kLongest, &waiting) != 0) continue;
    gone_on = true;
    break;
  }
  errno = error;
}

void wake(int) {}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  if (sigaction(signal, &action, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "sigaction");
  }
}

int send_to_idle_threads(int signal) {
  int threads = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const int thread = std::stoi(entry.path().filename().string());
    if (sched_getscheduler(thread) != SCHED_IDLE) continue;
    syscall(SYS_tgkill, getpid(), thread, signal);
    ++threads;
  }
  return threads;
}

}  // namespace

IdleThreads::IdleThreads() {
  set_handler(kHold, wait_until_released);
  set_handler(kRelease, wake);
}

IdleThreads::~IdleThreads() {
  try {
    release();
  } catch (const std::exception&) {
    // They go on after kLongest.
  }
}

int IdleThreads::hold() {
  held = true;
  return send_to_idle_threads(kHold);
}

void IdleThreads::release() {
  held = false;
  send_to_idle_threads(kRelease);
}

bool IdleThreads::overdue() const { return gone_on; }
