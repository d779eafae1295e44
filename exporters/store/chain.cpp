#include "chain.h"

#include <array>
#include <bit>
#include <functional>
#include <utility>

#include "azimuth/sha256.h"
#include "azimuth/utf8.h"
#include "schema.h"
#include "stored_message.h"

namespace azimuth {
namespace {

/// What a hash is over, value by value: each begins with a letter for its type, then come its eight
/// bytes, or its length in eight bytes and it. Numbers are big-endian.
class Encoded {
 public:
  void null() { sum_.add("n"); }
  void integer(std::int64_t value) { add('i', static_cast<std::uint64_t>(value)); }
  void real(double value) { add('r', std::bit_cast<std::uint64_t>(value)); }
  void text(std::string_view value) { add('t', value); }
  void blob(std::string_view value) { add('b', value); }

  /// The first columns of a row, as they are stored.
  void row(const Statement& row, int columns) {
    for (int i = 0; i < columns; ++i) {
      switch (row.type(i)) {
        case SQLITE_INTEGER:
          integer(row.integer(i));
          break;
        case SQLITE_FLOAT:
          real(row.real(i));
          break;
        case SQLITE_TEXT:
          text(row.blob(i));
          break;
        case SQLITE_BLOB:
          blob(row.blob(i));
          break;
        default:
          null();
      }
    }
  }

  std::string hexadecimal() { return sum_.hexadecimal(); }

 private:
  void add(char type, std::uint64_t value) {
    std::array<char, 9> bytes = {type};
    for (std::size_t i = 8; i > 0; --i, value >>= 8) bytes[i] = static_cast<char>(value & 0xff);
    sum_.add(bytes.data(), bytes.size());
  }
  void add(char type, std::string_view value) {
    add(type, static_cast<std::uint64_t>(value.size()));
    sum_.add(value);
  }

  Sha256 sum_;
};

// Of a link, what its hash is over; the hash itself stands behind.
constexpr const char* kLinks = R"sql(
  SELECT run, number, kind, attempt, sequence, step, time, record, hash FROM links
  WHERE run = ?1 ORDER BY number)sql";
constexpr const char* kLink = R"sql(
  SELECT run, number, kind, attempt, sequence, step, time, record, hash FROM links
  WHERE run = ?1 AND number = ?2)sql";
constexpr int kHashed = 8;

constexpr const char* kObservation = R"sql(
  SELECT run, attempt, sequence, step, time, state, observation, tracker FROM observations
  WHERE run = ?1 AND attempt IS ?2 AND sequence IS ?3)sql";
constexpr const char* kFailedSnapshot = R"sql(
  SELECT run, attempt, step, time, reason FROM failed_snapshots
  WHERE run = ?1 AND attempt IS ?2 AND step IS ?3 AND time IS ?4)sql";
constexpr const char* kBase = "SELECT run, base FROM runs WHERE run = ?1 AND base IS NOT NULL";
constexpr const char* kEnd = R"sql(
  SELECT runs.run, ended_at, exporter, records FROM runs LEFT JOIN losses ON losses.run = runs.run
  WHERE runs.run = ?1 AND ended_at IS NOT NULL ORDER BY exporter)sql";
// Without a link of their own.
constexpr const char* kLooseObservations = R"sql(
  SELECT run, attempt, sequence, step, time, state, observation, tracker FROM observations AS o
  WHERE run = ?1 AND NOT EXISTS (
    SELECT 1 FROM links AS l WHERE l.run = o.run AND l.kind = 'observation'
      AND l.attempt IS o.attempt AND l.sequence IS o.sequence)
  ORDER BY attempt, sequence)sql";
constexpr const char* kLooseFailedSnapshots = R"sql(
  SELECT run, attempt, step, time, reason FROM failed_snapshots AS f
  WHERE run = ?1 AND NOT EXISTS (
    SELECT 1 FROM links AS l WHERE l.run = f.run AND l.kind = 'failed_snapshot'
      AND l.attempt IS f.attempt AND l.step IS f.step AND l.time IS f.time)
  ORDER BY attempt, time, step)sql";

void bind_value(Statement& statement, int parameter, const std::optional<std::int64_t>& value) {
  if (value) statement.integer(parameter, *value);
}

/// What a link is of: how many rows, and a hash over all their columns.
struct Rows {
  std::int64_t count = 0;
  std::string hash;
};

Rows rows_of(Database& database, const std::string& run, const Link& link) {
  Rows found;
  Encoded hashed;
  const auto add = [&](const char* sql, const std::function<void(Statement&)>& bind_rest) {
    Statement rows(database, "cannot read", sql);
    rows.text(1, run);
    bind_rest(rows);
    for (; rows.step(); ++found.count) hashed.row(rows, rows.columns());
  };
  const auto nothing = [](Statement&) {};
  if (link.kind == link_kind::observation) {
    add(kObservation, [&](Statement& rows) {
      bind_value(rows, 2, link.attempt);
      bind_value(rows, 3, link.sequence);
    });
  } else if (link.kind == link_kind::failed_snapshot) {
    add(kFailedSnapshot, [&](Statement& rows) {
      bind_value(rows, 2, link.attempt);
      bind_value(rows, 3, link.step);
      if (link.time) rows.real(4, *link.time);
    });
  } else if (link.kind == link_kind::base) {
    add(kBase, nothing);
  } else if (link.kind == link_kind::end) {
    add(kEnd, nothing);
  } else if (link.kind == link_kind::earlier) {
    add(kLooseObservations, nothing);
    add(kLooseFailedSnapshots, nothing);
  }
  found.hash = hashed.hexadecimal();
  return found;
}

std::string hash_of(const std::string& before, const Statement& link) {
  Encoded hashed;
  hashed.text(before);
  hashed.row(link, kHashed);
  return hashed.hexadecimal();
}

Link link_of(const Statement& row) {
  const auto integer = [&](int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.integer(column));
  };
  Link link = {row.text(2), integer(3), integer(4), integer(5)};
  if (!row.is_null(6)) link.time = row.real(6);
  return link;
}

/// The last that was written, as far as attempt and sequence tell.
std::string newest_observation(Database& database, const std::string& run) {
  Statement rows(database, "cannot read", R"sql(
    SELECT observation FROM observations WHERE run = ?
    ORDER BY attempt DESC, sequence DESC LIMIT 1)sql");
  return rows.text(1, run).step() ? rows.text(0) : "";
}

HistoryChain::Fault fault_of(std::int64_t number, const Link& link, std::string message) {
  const bool known = link.kind == link_kind::observation || link.kind == link_kind::base ||
                     link.kind == link_kind::failed_snapshot || link.kind == link_kind::end ||
                     link.kind == link_kind::earlier;
  return {number,
          known ? link.kind : "",
          link.attempt.value_or(0),
          link.sequence.value_or(0),
          link.step.value_or(0),
          std::move(message)};
}

/// What walks from the first link to the last.
class Walk {
 public:
  Walk(Database& database, const std::string& run) : database_(database) { chain_.run = run; }

  HistoryChain run();

 private:
  bool fits(const Statement& row);
  void look_for_removed_run();
  void look_for_loose_records();
  void check_end();
  void read_ends();
  void fail(std::int64_t number, const Link& link, std::string message) {
    chain_.fault = fault_of(number, link, std::move(message));
  }

  Database& database_;
  HistoryChain chain_;
  std::int64_t last_ = 0;       ///< number of the last link that there is
  std::string last_kind_;       ///< of the last that fits
  std::optional<Link> newest_;  ///< the last that fits of an observation
  bool has_base_ = false;
  bool has_earlier_ = false;
};

HistoryChain Walk::run() {
  {
    Statement last(database_, "cannot read", "SELECT max(number) FROM links WHERE run = ?");
    if (last.text(1, chain_.run).step()) last_ = last.integer(0);
    Statement rows(database_, "cannot read", kLinks);
    rows.text(1, chain_.run);
    while (rows.step()) {
      if (!fits(rows)) return std::move(chain_);
      ++chain_.links;
      chain_.head = rows.text(kHashed);
    }
  }
  if (chain_.links == 0) look_for_removed_run();
  if (chain_.links > 0 && !has_earlier_) look_for_loose_records();
  if (chain_.links > 0 && !chain_.fault) check_end();
  if (!chain_.fault) read_ends();
  return std::move(chain_);
}

/// One of a store that was brought up to links has records without them.
void Walk::look_for_removed_run() {
  Statement records(database_, "cannot read", R"sql(
    SELECT 1 FROM observations WHERE run = ?1
    UNION ALL SELECT 1 FROM failed_snapshots WHERE run = ?1)sql");
  if (!records.text(1, chain_.run).step()) {
    fail(1, {}, "the run has ended, and all its records were removed");
  }
}

bool Walk::fits(const Statement& row) {
  const std::int64_t number = chain_.links + 1;
  Link link = link_of(row);
  if (row.integer(1) != number) {
    fail(number, {}, "the link was removed; the next is number " + std::to_string(row.integer(1)));
    return false;
  }
  if (hash_of(chain_.head, row) != row.text(kHashed)) {
    fail(number, link,
         "the link was changed, moved or put in: it does not follow from the one before");
    return false;
  }
  // That of a run which has gone on is no longer stored.
  if (link.kind != link_kind::end || number == last_) {
    const Rows rows = rows_of(database_, chain_.run, link);
    const bool many = link.kind == link_kind::earlier || link.kind == link_kind::end;
    if (rows.count == 0) {
      fail(number, link, "was removed");
    } else if (rows.count > 1 && !many) {
      fail(number, link, "is there more than once");
    } else if (rows.hash != row.text(7)) {
      fail(number, link, "was changed");
    }
    if (chain_.fault) return false;
    if (link.kind == link_kind::earlier) chain_.earlier_records = rows.count;
  }
  has_base_ = has_base_ || link.kind == link_kind::base;
  has_earlier_ = has_earlier_ || link.kind == link_kind::earlier;
  if (link.kind == link_kind::observation) newest_ = link;
  last_kind_ = std::move(link.kind);
  return true;
}

void Walk::look_for_loose_records() {
  const std::string message = "has no link: it was put in";
  Statement observations(database_, "cannot read", kLooseObservations);
  if (observations.text(1, chain_.run).step()) {
    return fail(0,
                {std::string(link_kind::observation), observations.integer(1),
                 observations.integer(2), observations.integer(3)},
                message);
  }
  Statement failed(database_, "cannot read", kLooseFailedSnapshots);
  if (failed.text(1, chain_.run).step()) {
    fail(0, {std::string(link_kind::failed_snapshot), failed.integer(1), {}, failed.integer(2)},
         message);
  }
}

void Walk::check_end() {
  const Link base = {std::string(link_kind::base)};
  const Link end = {std::string(link_kind::end)};
  if (!has_base_ && rows_of(database_, chain_.run, base).count > 0) {
    fail(0, base, "has no link: it was put in");
  } else if (last_kind_ != link_kind::end && rows_of(database_, chain_.run, end).count > 0) {
    fail(0, end, "has no link: it was put in, or what came before it was removed");
  }
}

void Walk::read_ends() {
  if (chain_.links == 0) {
    chain_.earlier_records =
        rows_of(database_, chain_.run, {std::string(link_kind::earlier)}).count;
  }
  Statement base(database_, "cannot read", kBase);
  if (base.text(1, chain_.run).step()) {
    chain_.base_digest = from_stored<v1::Signature>(database_, base.blob(1)).model.weights_digest;
  }
  std::string newest;
  if (newest_) {
    Statement rows(database_, "cannot read", kObservation);
    rows.text(1, chain_.run);
    bind_value(rows, 2, newest_->attempt);
    bind_value(rows, 3, newest_->sequence);
    if (rows.step()) newest = rows.text(6);
  } else {
    newest = newest_observation(database_, chain_.run);
  }
  if (!newest.empty()) chain_.newest = from_stored<v1::Observation>(database_, newest);
}

/// Of a store of an earlier version, which has no links.
HistoryChain without_links(Database& database, const std::string& run, std::int64_t version) {
  HistoryChain chain;
  chain.run = run;
  const auto count = [&](const char* sql) {
    Statement rows(database, "cannot read", sql);
    return rows.text(1, run).step() ? rows.integer(0) : 0;
  };
  chain.earlier_records = count("SELECT count(*) FROM observations WHERE run = ?");
  if (version > 1) {
    chain.earlier_records += count("SELECT count(*) FROM failed_snapshots WHERE run = ?");
  }
  const std::string newest = newest_observation(database, run);
  if (!newest.empty()) chain.newest = from_stored<v1::Observation>(database, newest);
  return chain;
}

}  // namespace

void begin_chain(Database& database, const std::string& run) {
  Statement any(database, "cannot read", "SELECT 1 FROM links WHERE run = ? LIMIT 1");
  if (any.text(1, run).step()) return;
  for (const std::string_view kind : {link_kind::earlier, link_kind::base}) {
    const Link link = {std::string(kind)};
    if (rows_of(database, run, link).count > 0) add_link(database, run, link);
  }
}

void add_link(Database& database, const std::string& run, const Link& link) {
  std::int64_t number = 1;
  std::string before;
  {
    Statement last(database, "cannot read",
                   "SELECT number, hash FROM links WHERE run = ? ORDER BY number DESC LIMIT 1");
    if (last.text(1, run).step()) {
      number = last.integer(0) + 1;
      before = last.text(1);
    }
  }
  const std::string record = rows_of(database, run, link).hash;
  Statement added(database, "cannot write", R"sql(
    INSERT INTO links (run, number, kind, attempt, sequence, step, time, record, hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ''))sql");
  added.text(1, run).integer(2, number).text(3, link.kind).text(8, record);
  bind_value(added, 4, link.attempt);
  bind_value(added, 5, link.sequence);
  bind_value(added, 6, link.step);
  if (link.time) added.real(7, *link.time);
  added.step();
  // Read back, so that a hash is over what is stored, and made in one place.
  std::string hash;
  {
    Statement stored(database, "cannot read", kLink);
    if (stored.text(1, run).integer(2, number).step()) hash = hash_of(before, stored);
  }
  Statement(database, "cannot write", "UPDATE links SET hash = ? WHERE run = ? AND number = ?")
      .text(1, hash)
      .text(2, run)
      .integer(3, number)
      .step();
}

std::vector<HistoryChain> verify_chains(const std::filesystem::path& store, std::string_view run) {
  const auto database = open_for_reading(std::filesystem::absolute(store).string());
  const std::int64_t version = database->pragma("user_version");
  database->execute("BEGIN", "cannot read");  // all as it was at one moment
  std::string tables = "SELECT run FROM observations";
  if (version >= 2) tables += " UNION SELECT run FROM failed_snapshots";
  if (version >= 3) {
    // That a run has ended is noted with it, too: all else of it may have been removed.
    tables += " UNION SELECT run FROM links UNION SELECT run FROM runs WHERE ended_at NOT NULL";
  }
  std::vector<HistoryChain> chains;
  Statement names(*database, "cannot read",
                  ("SELECT DISTINCT run FROM (" + tables + ") ORDER BY run").c_str());
  while (names.step()) {
    const std::string name = names.text(0);
    if (!is_utf8(name)) database->fail("cannot read", "the name of a run is not UTF-8: " + name);
    if (!run.empty() && name != run) continue;
    chains.push_back(version < 3 ? without_links(*database, name, version)
                                 : Walk(*database, name).run());
  }
  database->check_rest();
  return chains;
}

}  // namespace azimuth
