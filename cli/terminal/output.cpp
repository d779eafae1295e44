#include "terminal/output.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "azimuth/file_error.h"

namespace azimuth::cli {

CLI::Option* add_format_option(CLI::App& call, std::string& format, const std::string& what,
                               const std::vector<OtherFormat>& others) {
  format = "text";
  std::vector<std::string> names = {"text", "json"};
  std::string help = (others.empty() ? "text or json (" : "text, json (") + what + ")";
  for (const OtherFormat& other : others) {
    names.push_back(other.name);
    help += " or " + other.name + " (" + other.what + ")";
  }
  return call.add_option("--format", format, help)
      ->check(CLI::IsMember(names))
      ->capture_default_str();
}

bool colours_wanted() {
  const char* const declined = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (declined == nullptr || *declined == 0);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) == 0) return;
  throw FileError("standard output", "write", std::generic_category().message(errno));
}

void print_json(const std::string& json) { print(json + "\n"); }

void check_output(const std::filesystem::path& file, const std::vector<std::string>& inputs) {
  if (file.empty()) return;
  std::error_code error;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, error)) {
    throw FileError(file, "open", "there is no folder " + folder.string());
  }
  if (std::filesystem::is_directory(file, error)) throw FileError(file, "open", "is a folder");
  if (!std::filesystem::exists(file, error)) return;
  for (const std::string& input : inputs) {
    // Of STORE@STEP the store.
    for (std::size_t end = 0; end != std::string::npos;) {
      end = input.find('@', end + 1);
      const std::filesystem::path path = input.substr(0, end);
      if (!std::filesystem::equivalent(file, path, error) &&
          !std::filesystem::equivalent(folder, path, error)) {
        continue;
      }
      throw FileError(file, "open", "is read by this call; write to another file");
    }
  }
}

}  // namespace azimuth::cli
