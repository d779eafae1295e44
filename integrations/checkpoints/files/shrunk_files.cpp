#include "azimuth/shrunk_files.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>

#include "files/watched_mapping.h"

namespace azimuth {

// The handler reads the list while any thread may change it: places in it are used again, but never
// freed. A mapping that it finds stays, since the thread that it interrupts is reading it.
struct WatchedMapping {
  std::atomic<const std::byte*> begin = nullptr;  // null: free
  std::atomic<const std::byte*> end = nullptr;
  std::atomic<const char*> message = nullptr;
  WatchedMapping* next = nullptr;
};

namespace {

static_assert(std::atomic<const std::byte*>::is_always_lock_free, "signal handlers cannot wait");

constinit std::atomic<WatchedMapping*> first_mapping = nullptr;
constinit std::mutex mappings_mutex;
constinit int exit_code_of_program = 0;
constinit struct sigaction previous_action = {};

void print(const char* text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
}

// Calls nothing but what signal-safety(7) allows.
void on_bus_error(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  const bool fault = info->si_code > 0;
  for (const WatchedMapping* m = first_mapping; fault && m != nullptr; m = m->next) {
    const std::byte* begin = m->begin;
    if (begin == nullptr || address < begin || address >= m->end) continue;
    print("azimuth: ");
    print(m->message);
    print("\n");
    ::_exit(exit_code_of_program);
  }
  // A fault comes again when this returns, a signal that somebody sent does not.
  ::sigaction(SIGBUS, &previous_action, nullptr);
  if (!fault) ::raise(SIGBUS);
}

WatchedMapping* free_place() {
  for (WatchedMapping* m = first_mapping; m != nullptr; m = m->next) {
    if (m->begin == nullptr) return m;
  }
  auto* place = new WatchedMapping;
  place->next = first_mapping;
  first_mapping = place;
  return place;
}

}  // namespace

WatchedMapping* watch_mapping(std::span<const std::byte> bytes, const char* message) {
  const std::lock_guard lock(mappings_mutex);
  WatchedMapping* mapping = free_place();
  mapping->end = bytes.data() + bytes.size();
  mapping->message = message;
  mapping->begin = bytes.data();
  return mapping;
}

void forget_mapping(WatchedMapping* mapping) {
  const std::lock_guard lock(mappings_mutex);
  mapping->begin = nullptr;
}

void exit_when_a_file_shrinks(int exit_code) {
  exit_code_of_program = exit_code;
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, &previous_action);
}

}  // namespace azimuth
