#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth {

/// What walking the chain of one run has found. Each record of a run is a link: a hash over the
/// link before and all that is stored of the record. docs/history.md says of what bytes, and what a
/// chain proves: whoever owns the store can make a new one, so only a head that was published
/// before does.
struct HistoryChain {
  /// The first record that does not fit.
  struct Fault {
    std::int64_t link = 0;      ///< where the chain ends, from 1; 0: the record has no link
    std::string kind = {};      ///< see below; empty: not known
    std::int64_t attempt = 0;   ///< of an observation or a failed snapshot; else 0
    std::int64_t sequence = 0;  ///< of an observation; else 0
    std::int64_t step = 0;      ///< of an observation or a failed snapshot; else 0
    std::string message = {};   ///< "was changed"
  };

  std::string run;
  std::int64_t links = 0;            ///< that fit, from the first on
  std::int64_t earlier_records = 0;  ///< without a link of their own: an earlier version wrote them
  std::string base_digest = {};      ///< ModelInfo::weights_digest of the base; empty: none
  std::string head = {};  ///< the last link that fits, 64 hexadecimal digits; empty: none
  std::optional<Fault> fault = {};
  /// The last that was recorded, of a run without a fault.
  std::optional<Observation> newest = {};

  /// There is a chain, and every record fits.
  bool fits() const { return links > 0 && !fault; }
};

/// Kinds of links, as they are stored.
namespace link_kind {
inline constexpr std::string_view earlier = "earlier";  ///< all that an earlier version wrote
inline constexpr std::string_view base = "base";
inline constexpr std::string_view observation = "observation";
inline constexpr std::string_view failed_snapshot = "failed_snapshot";
inline constexpr std::string_view end = "end";  ///< of the run, with what exporters had lost
}  // namespace link_kind

/// Walks the chains of all runs of a store, by name, or of one; none where it is not there. All are
/// as they were when the call began, also while a run is recorded. Throws what HistoryReader does.
std::vector<HistoryChain> verify_chains(const std::filesystem::path& store,
                                        std::string_view run = {});

}  // namespace azimuth
