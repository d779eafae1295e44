#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "azimuth/history_chain.h"
#include "database.h"

namespace azimuth {

/// A link without its hashes: which record it is of.
struct Link {
  std::string kind;
  std::optional<std::int64_t> attempt = {};
  std::optional<std::int64_t> sequence = {};
  std::optional<std::int64_t> step = {};
  std::optional<double> time = {};
};

/// Before anything is written of a run that has no link yet: links what an earlier version wrote.
void begin_chain(Database& database, const std::string& run);

/// Within the transaction that has just written the record.
void add_link(Database& database, const std::string& run, const Link& link);

}  // namespace azimuth
