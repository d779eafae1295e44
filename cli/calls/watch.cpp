#include "calls/watch.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "calls/sibling_program.h"
#include "watch/watch_options.h"

namespace azimuth::cli {

void add_watch(CLI::App& app, std::span<char* const> words) {
  const auto options = std::make_shared<WatchOptions>();
  CLI::App* call = app.add_subcommand("watch", "Shows a run while it trains, live, over gRPC.");
  add_watch_options(*call, *options);
  call->callback([words, options] {
    // Behind the call's own name: the program azimuth has no option that takes a value.
    const auto name = std::ranges::find(words, std::string_view("watch"));
    const auto behind = static_cast<std::size_t>(name - words.begin()) + 1;
    become("azimuth-watch", words.subspan(behind),
           "it is built where gRPC is available (target azimuth_watch)");
  });
}

}  // namespace azimuth::cli
