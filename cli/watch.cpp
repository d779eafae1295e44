#include "watch.h"

#include <memory>

#include "watch_options.h"
#ifdef AZIMUTH_HAS_WATCH
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>
#endif

#include "azimuth/file_error.h"

namespace azimuth::cli {
namespace {

#ifdef AZIMUTH_HAS_WATCH
[[noreturn]] void run(const WatchOptions& options) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string program = self.parent_path() / "azimuth-watch";
  std::vector<std::string> words = {program,
                                    "--run=" + options.run,
                                    "--wait=" + std::to_string(options.wait),
                                    "--format=" + options.format,
                                    "--",
                                    options.address};
  if (options.run.empty()) words.erase(words.begin() + 1);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  throw FileError(program, "start", std::generic_category().message(errno));
}
#else
[[noreturn]] void run(const WatchOptions& options) {
  throw FileError(options.address, "watch", "this build of azimuth has no gRPC");
}
#endif

}  // namespace

void add_watch(CLI::App& app) {
  const auto options = std::make_shared<WatchOptions>();
  CLI::App* call = app.add_subcommand("watch", "Shows a run while it trains, live, over gRPC.");
  add_watch_options(*call, *options);
  call->callback([options] { run(*options); });
}

}  // namespace azimuth::cli
