#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/temporary_folder.h"

namespace azimuth::testing {

struct Ended {
  int code = -1;  ///< exit code; -1 if it was ended by a signal
  std::string out;
  std::string err;
  std::int64_t peak_bytes = 0;  ///< of memory, what it read of mapped files included
};

inline std::string contents_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// Runs a program as a pipe would, and waits for its end.
inline Ended run(std::vector<std::string> arguments) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "out";
  const std::string err = folder.path() / "err";
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  rusage usage = {};
  wait4(child, &status, 0, &usage);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents_of(out), contents_of(err),
          std::int64_t{usage.ru_maxrss} * 1024};
}

/// The program azimuth.
inline Ended run_program(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), AZIMUTH_PROGRAM);
  return run(std::move(arguments));
}

}  // namespace azimuth::testing
