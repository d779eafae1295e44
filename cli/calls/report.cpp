#include "calls/report.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/history_proto.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/replace_file.h"
#include "calls/report_page.h"
#include "calls/run_story.h"
#include "calls/stored_runs.h"
#include "terminal/output.h"
#include "terminal/printable.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {
namespace {

struct ReportOptions {
  std::filesystem::path store;
  std::filesystem::path page;
  std::string run;
  std::string format;
};

/// Of several runs the newest so many are shown: more would make a page too large for a phone.
constexpr std::size_t kMostRuns = 8;

std::vector<RunStory> read_stories(HistoryReader& history,
                                   const std::vector<HistoryReader::Run>& runs) {
  std::int64_t total = 0;
  for (const auto& run : runs) total += run.observations;
  ProgressBar bar("reading");
  bar.begin(total);
  std::vector<RunStory> stories;
  for (const auto& run : runs) {
    stories.push_back(read_story(history, run, [&bar] { bar.advance(); }));
  }
  return stories;
}

void print_words(const RunStory& story) {
  print(printable(story.run.run) + "\n" + run_summary(story.run) + "\n");
  for (const std::string& sentence : in_words(story)) print("  " + sentence + "\n");
}

void run_report(const ReportOptions& options) {
  check_output(options.page, {options.store.string()});
  HistoryReader history(options.store);
  std::vector<HistoryReader::Run> runs = stored_runs(history, options.store, options.run);
  // One whose snapshots have all failed is for `history` alone.
  std::erase_if(runs, [](const auto& run) { return run.observations == 0; });
  if (runs.empty()) throw FileError(options.store, "runs", "there are none with a snapshot yet");
  const std::size_t left_out = runs.size() - std::min(runs.size(), kMostRuns);
  runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(left_out));

  const std::vector<RunStory> stories = read_stories(history, runs);
  replace_file(options.page, report_page(options.store.filename().string(), stories, left_out));
  if (options.format == "json") {
    v1::History summary;
    for (const auto& run : runs) *summary.add_runs() = to_proto(run);
    print_json(to_json(summary));
    return;
  }
  for (const RunStory& story : stories) print_words(story);
  print("\nThe report is in " + options.page.string() + "\n");
}

}  // namespace

void add_report(CLI::App& app) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* call = app.add_subcommand(
      "report", "One page of what happened in a run, which needs nothing but a browser.");
  call->add_option("STORE", options->store, "History store, even while a run writes to it")
      ->required()
      ->type_name("FILE");
  call->add_option("-o,--output", options->page, "Page to write, an HTML file")
      ->required()
      ->type_name("FILE");
  call->add_option("--run", options->run,
                   "Only this run, where the store holds several; else the newest " +
                       std::to_string(kMostRuns))
      ->type_name("NAME");
  add_format_option(*call, options->format,
                    "one History of azimuth.v1: the runs on the page, without observations");
  call->footer("Example:\n  azimuth report run.azimuth -o report.html");
  call->callback([options] { run_report(*options); });
}

}  // namespace azimuth::cli
