#include "output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "azimuth/file_error.h"

namespace azimuth::cli {

void add_format_option(CLI::App& call, std::string& format, const std::string& what) {
  format = "text";
  call.add_option("--format", format, "text or json (" + what + ")")
      ->check(CLI::IsMember({"text", "json"}))
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

void write_picture(const std::filesystem::path& file, const std::string& svg) {
  std::ofstream out(file, std::ios::binary);
  out << svg;
  out.close();
  if (!out) throw FileError(file, "picture", "cannot be written");
}

}  // namespace azimuth::cli
