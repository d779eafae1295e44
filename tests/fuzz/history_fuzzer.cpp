// A blob of a history store, and all that the program makes of it: rows, JSON, a signature, a
// report and the walk of its chain. The first byte of an input says which blob it is, and whether
// the rest follows a good one: as a message of Protobuf, it then changes that one's fields, and
// adds to its lists. Or it is a text in a link.

#include <sqlite3.h>

#include <array>
#include <iterator>
#include <stdexcept>
#include <string>

#include "azimuth/history_chain.h"
#include "azimuth/history_proto.h"
#include "azimuth/history_reader.h"
#include "azimuth/history_store.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/snapshot_line.h"
#include "calls/report_page.h"
#include "calls/run_story.h"
#include "calls/stored_runs.h"
#include "fuzz/fuzzed_file.h"
#include "support/sample_observation.h"

using namespace azimuth;
using namespace azimuth::testing;

namespace {

constexpr const char* kRun = "run";

Observation good_observation(std::int64_t sequence) {
  Observation observation = sample_observation(sequence);
  observation.run = kRun;
  return observation;
}

/// With two observations, of which the second one's blobs are replaced.
class FuzzedStore {
 public:
  FuzzedStore() {
    HistoryStore store(path());
    store.write({good_observation(3), {}, nullptr});
    store.write({good_observation(4), {}, nullptr});
  }

  std::string path() const { return folder_.path() / "a.azimuth"; }

  void replace(const char* column, const std::string& blob) const {
    write("UPDATE observations SET " + std::string(column) + " = ? WHERE sequence = 4", blob);
  }

  void write(const std::string& sql, const std::string& blob) const {
    // Without a log beside the file, and without waiting for a disk.
    sqlite3* database = nullptr;
    sqlite3_stmt* update = nullptr;
    if (sqlite3_open(path().c_str(), &database) != SQLITE_OK) __builtin_trap();
    sqlite3_exec(database, "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
    sqlite3_exec(database, "PRAGMA journal_mode = MEMORY", nullptr, nullptr, nullptr);
    sqlite3_exec(database, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
    if (sqlite3_prepare_v2(database, sql.c_str(), -1, &update, nullptr) != 0) __builtin_trap();
    sqlite3_bind_blob(update, 1, blob.data(), static_cast<int>(blob.size()), SQLITE_STATIC);
    if (sqlite3_step(update) != SQLITE_DONE) __builtin_trap();
    sqlite3_finalize(update);
    sqlite3_close(database);
  }

 private:
  FuzzedFolder folder_;
};

void read_and_use(const std::string& path) {
  HistoryReader history(path);
  const auto run = history.runs().at(0);
  history.for_each(kRun, [](const Observation& observation) {
    words::lines_of(observation);
    to_json(observation);
  });
  if (const auto signature = history.signature_at_step(kRun, run.last_step)) to_json(*signature);
  const std::array stories = {cli::read_story(history, run, [] {})};
  cli::in_words(stories[0]);
  cli::report_page("store", stories, 0);
}

/// Whatever a link says: the chain fits as long as it says what it said at first.
void walk(const std::string& path, bool changed) {
  for (const HistoryChain& chain : verify_chains(path)) {
    to_json(to_proto(chain));
    if (chain.fits() == changed) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzedStore store;
  static const std::string good[] = {to_proto(good_observation(4)).SerializeAsString(),
                                     to_proto(TrackerState()).SerializeAsString()};
  static const char* const columns[] = {"kind", "record", "hash", "attempt", "step", "time"};
  static const auto first = verify_chains(store.path()).at(0);
  if (!first.fits()) __builtin_trap();
  if (size == 0) return 0;
  const bool tracker = data[0] % 2 == 1;
  const bool behind_a_good_one = data[0] / 2 % 2 == 0;
  const std::string rest(text_of(data + 1, size - 1));
  try {
    if (data[0] / 4 % 2 == 1) {
      const std::string column = columns[data[0] / 8 % std::size(columns)];
      store.write("CREATE TABLE kept AS SELECT * FROM links WHERE ? IS NOT NULL", "");
      store.write("UPDATE links SET " + column + " = ? WHERE number = 2", rest);
      walk(store.path(), column != "hash" || rest != first.head);
      store.write("DELETE FROM links WHERE ? IS NOT NULL", "");
      store.write("INSERT INTO links SELECT * FROM kept WHERE ? IS NOT NULL", "");
      store.write("DROP TABLE kept", "");
      return 0;
    }
    const std::string blob = behind_a_good_one ? good[tracker] + rest : rest;
    store.replace("observation", good[0]);
    store.replace("tracker", good[1]);
    walk(store.path(), false);
    store.replace(tracker ? "tracker" : "observation", blob);
    walk(store.path(), blob != good[tracker]);
    read_and_use(store.path());
  } catch (const std::runtime_error& error) {
    const std::string_view what = error.what();
    if (!what.starts_with(store.path() + ": ") || what.find('\n') != what.npos) __builtin_trap();
  }
  return 0;
}
