#include "calls/watch.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "azimuth/file_error.h"
#include "watch/watch_options.h"

namespace azimuth::cli {
namespace {

[[noreturn]] void become_azimuth_watch(std::span<char* const> words) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string program = self.parent_path() / "azimuth-watch";
  std::vector<char*> arguments = {program.data()};
  // Behind the call's own name: this program has no option that takes a value.
  const auto call = std::ranges::find(words, std::string_view("watch"));
  arguments.insert(arguments.end(), std::next(call), words.end());
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  throw FileError(program, "start",
                  errno == ENOENT
                      ? "is missing; it is built where gRPC is available (target azimuth_watch)"
                      : std::generic_category().message(errno));
}

}  // namespace

void add_watch(CLI::App& app, std::span<char* const> words) {
  const auto options = std::make_shared<WatchOptions>();
  CLI::App* call = app.add_subcommand("watch", "Shows a run while it trains, live, over gRPC.");
  add_watch_options(*call, *options);
  call->callback([words, options] { become_azimuth_watch(words); });
}

}  // namespace azimuth::cli
