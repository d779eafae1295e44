#include "calls/history.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "azimuth/absence_words.h"
#include "azimuth/history_proto.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/snapshot_line.h"
#include "azimuth/state_words.h"
#include "calls/checkpoint.h"
#include "calls/history_figures.h"
#include "calls/history_verify.h"
#include "calls/stored_runs.h"
#include "terminal/format_text.h"
#include "terminal/output.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

struct HistoryOptions {
  std::filesystem::path store;
  std::string run;
  std::string format;
  std::filesystem::path tensorboard;
  bool verify = false;
  std::string release;
  OpenModelOptions reading;
};

using Run = HistoryReader::Run;

constexpr std::size_t kTimeWidth = 19;
constexpr std::size_t kAttemptWidth = 9;
constexpr std::size_t kLongestReason = 200;

std::vector<FailedSnapshot> failed_snapshots(HistoryReader& history, const Run& run) {
  std::vector<FailedSnapshot> failed;
  history.for_each_failed_snapshot(run.run, [&](const FailedSnapshot& f) { failed.push_back(f); });
  return failed;
}

std::string row(const Observation& o, bool colours) {
  std::string out =
      left(time_text(o.time), kTimeWidth) + right(std::to_string(o.attempt), kAttemptWidth);
  for (words::Line line : words::lines_of(o)) {
    line.text = printable(line.text);
    out += (colours ? words::coloured(line) : line.text) + "\n";
  }
  return out;
}

std::string row(const FailedSnapshot& failed) {
  return left(time_text(failed.time), kTimeWidth) +
         right(std::to_string(failed.attempt), kAttemptWidth) +
         right(std::to_string(failed.step), 8) +
         "  ! the snapshot failed: " + printable(failed.reason, kLongestReason) + "\n";
}

/// Where the run stands at its newest snapshot, and what that means.
std::string closing_lines(const Observation& o) {
  std::string out =
      std::string(name_of(o.state)) + " since step " + std::to_string(o.state_since_step);
  if (const std::string fault = words::fault_text(o); !fault.empty())
    out += ": " + printable(fault);
  for (const AngleObservation& angle : o.angles) {
    if (angle.reference != "base" || std::isnan(angle.degrees)) continue;
    out += ", " + words::angle_text(o, "base") + " from its base, " + words::reading_text(angle);
  }
  out += text(", watching cost %.2f%%\n", 100 * o.cost.overhead_ratio);
  for (const std::string& sentence :
       {words::state_text(o.state), words::nearest_text(o), words::base_absent_text(o)}) {
    if (!sentence.empty()) out += sentence + "\n";
  }
  return out;
}

void print_run(HistoryReader& history, const Run& run, bool colours) {
  const std::string name = printable(run.run);
  print((colours ? "\x1b[1m" + name + "\x1b[0m" : name) + "\n" + run_summary(run) + "\n\n" +
        words::legend_line() + "\n" + left("time (UTC)", kTimeWidth) +
        right("attempt", kAttemptWidth) + words::header_line() + "\n");
  const std::vector<FailedSnapshot> failed = failed_snapshots(history, run);
  auto next = failed.begin();
  const auto print_failed_before = [&](std::int64_t attempt, double time) {
    for (; next != failed.end() && std::tie(next->attempt, next->time) < std::tie(attempt, time);
         ++next) {
      print(row(*next));
    }
  };
  std::optional<Observation> newest;
  history.for_each(run.run, [&](const Observation& observation) {
    print_failed_before(observation.attempt, observation.time);
    print(row(observation, colours));
    newest = observation;
  });
  print_failed_before(std::numeric_limits<std::int64_t>::max(), 0);
  if (newest) print("\n" + closing_lines(*newest));
}

void print_text(HistoryReader& history, const std::filesystem::path& store,
                const std::vector<Run>& runs) {
  if (runs.size() != 1) {
    print(store.string() + ": " + (runs.empty() ? "no" : std::to_string(runs.size())) + " runs\n");
  }
  if (runs.size() > 1) {
    for (const Run& run : runs) print("  " + printable(run.run) + ": " + run_summary(run) + "\n");
  }
  const bool colours = colours_wanted();
  for (const Run& run : runs) {
    if (runs.size() > 1) print("\n");
    print_run(history, run, colours);
  }
}

/// The JSON of a run up to where its observations begin.
std::string opened(HistoryReader& history, const Run& run) {
  v1::RunHistory message = to_proto(run);
  for (const FailedSnapshot& failed : failed_snapshots(history, run)) {
    *message.add_failed_snapshots() = to_proto(failed);
  }
  auto members = nlohmann::ordered_json::parse(to_json(message));
  members.erase("observations");  // empty, and to be the last
  std::string json = "{";
  for (const auto& [name, value] : members.items()) {
    json += nlohmann::ordered_json(name).dump() + ":" + value.dump() + ",";
  }
  return json + R"("observations":[)";
}

/// One History, an observation at a time, so that a long one need not fit into memory. Each stands
/// on a line of its own. All are read once before: of a damaged history nothing is printed rather
/// than half an object.
void print_history_json(HistoryReader& history, const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    to_json(to_proto(run));
    history.for_each(run.run, [](const Observation& observation) { to_json(observation); });
  }
  print(R"({"runs":[)");
  for (const Run& run : runs) {
    print((&run == runs.data() ? "\n" : ",\n") + opened(history, run));
    bool first = true;
    history.for_each(run.run, [&](const Observation& observation) {
      print((first ? "\n" : ",\n") + to_json(observation));
      first = false;
    });
    print("]}");
  }
  print_json("]}");
}

void print_csv(HistoryReader& history, const std::vector<Run>& runs) {
  print(csv_header());
  for (const Run& run : runs) {
    history.for_each(run.run, [](const Observation& observation) { print(csv_row(observation)); });
  }
}

void run_history(const HistoryOptions& options) {
  if (options.verify) {
    if (options.format == "csv") {
      throw CLI::ValidationError("--format", "csv is of snapshots, and not of --verify");
    }
    return verify_history(
        {options.store, options.run, options.release, options.reading, options.format});
  }
  HistoryReader history(options.store);
  const std::vector<Run> runs = stored_runs(history, options.store, options.run);
  if (!options.tensorboard.empty()) {
    write_event_files(options.tensorboard, history, runs);
    print("The event files are in " + options.tensorboard.string() + "\n");
  } else if (options.format == "csv") {
    print_csv(history, runs);
  } else if (options.format == "json") {
    print_history_json(history, runs);
  } else {
    print_text(history, options.store, runs);
  }
}

}  // namespace

void add_history(CLI::App& app) {
  const auto options = std::make_shared<HistoryOptions>();
  CLI::App* call = app.add_subcommand("history", "What happened in a run: one row per snapshot.");
  call->add_option("STORE", options->store, "History store, even while a run writes to it")
      ->required()
      ->type_name("FILE");
  call->add_option("--run", options->run, "Only this run, where the store holds several")
      ->type_name("NAME");
  CLI::Option* format = add_format_option(
      *call, options->format,
      "one History of azimuth.v1: an object with the list \"runs\", each with its "
      "\"observations\", one per line; with --verify one HistoryVerification",
      {{"csv", "a row a snapshot, docs/history.md says which columns"}});
  CLI::Option* tensorboard =
      call->add_option("--tensorboard", options->tensorboard,
                       "Folder to write TensorBoard's event files into, a folder a run, instead of "
                       "printing anything")
          ->excludes(format);
  CLI::Option* verify =
      call->add_flag("--verify", options->verify,
                     "Walk the chain of hashes over the records: whether one was changed, removed "
                     "or put in, and the head that all of them amount to")
          ->excludes(tensorboard);
  call->add_option("--release", options->release,
                   "Whether this model's weights are the run's last snapshot, by their digests: " +
                       std::string(kCheckpointHelp))
      ->type_name("CKPT")
      ->needs(verify);
  add_config_option(*call, options->reading);
  add_names_option(*call, options->reading);
  call->footer(
      "--verify exits with 0 where every record fits, 1 where one does not, 4 where there is no "
      "chain. With --release, also with 1 where the weights differ, and 4 where that cannot be "
      "told. What a chain proves, and what it does not, is in docs/history.md.\n"
      "Example:\n  azimuth history run.azimuth\n"
      "  azimuth history run.azimuth --run pretrain-7 --format json | jq '.runs[0].observations'\n"
      "  azimuth history run.azimuth --format csv > run.csv\n"
      "  azimuth history run.azimuth --tensorboard logs\n"
      "  azimuth history --verify run.azimuth --release ./release");
  call->callback([options] { run_history(*options); });
}

}  // namespace azimuth::cli
