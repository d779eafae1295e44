#include "calls/sibling_program.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "azimuth/file_error.h"

namespace azimuth::cli {

void become(const std::string& name, std::span<char* const> arguments, const std::string& missing) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string program = self.parent_path() / name;
  std::vector<char*> words = {program.data()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.push_back(nullptr);
  execv(program.c_str(), words.data());
  throw FileError(
      program, "start",
      errno == ENOENT ? "is missing; " + missing : std::generic_category().message(errno));
}

}  // namespace azimuth::cli
