#include "called_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "azimuth/clock.h"

namespace azimuth::bench {
namespace {

// Memory of a process that no file backs.
std::int64_t anonymous_bytes_of(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return 1024 * std::stoll(line.substr(8));
  }
  return 0;
}

}  // namespace

Call call_program(std::vector<std::string> arguments, bool watch_memory) {
  arguments.insert(arguments.begin(), AZIMUTH_PROGRAM);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t silent;
  posix_spawn_file_actions_init(&silent);
  posix_spawn_file_actions_addopen(&silent, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);

  const Clock clock;
  const double before = clock.monotonic_seconds();
  pid_t child = 0;
  if (posix_spawn(&child, argv[0], &silent, nullptr, argv.data(), environ) != 0) {
    throw std::runtime_error(std::string("cannot start ") + AZIMUTH_PROGRAM);
  }
  posix_spawn_file_actions_destroy(&silent);
  Call call;
  int status = 0;
  while (waitpid(child, &status, watch_memory ? WNOHANG : 0) == 0) {
    call.anonymous_bytes = std::max(call.anonymous_bytes, anonymous_bytes_of(child));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  call.seconds = clock.monotonic_seconds() - before;
  if (status != 0) throw std::runtime_error("azimuth " + arguments[1] + " failed");
  return call;
}

}  // namespace azimuth::bench
