#include "model/name_patterns.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>

namespace azimuth {
namespace {

// DataParallel, torch.compile, FSDP, activation checkpointing, Lightning.
constexpr std::string_view kWrappers[] = {"module", "_orig_mod", "_fsdp_wrapped_module",
                                          "_checkpoint_wrapped_module", "_forward_module"};

// Attributes of trainers, of adapters, and of the classes that hold a model.
constexpr std::string_view kPrefixes[] = {
    "transformer.",      "model.",  "decoder.", "gpt_neox.", "language_model.", "base_model.",
    "pretrained_model.", "policy.", "state.",   "net.",      "backbone."};

}  // namespace

std::string without_wrappers(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('.'));
    name.remove_prefix(std::min(part.size() + 1, name.size()));
    if (std::ranges::find(kWrappers, part) != std::end(kWrappers) && !name.empty()) continue;
    out += (out.empty() ? "" : ".") + std::string(part);
  }
  return out;
}

bool take_prefix(std::string_view& name) {
  const auto prefix =
      std::ranges::find_if(kPrefixes, [&](std::string_view p) { return name.starts_with(p); });
  if (prefix == std::end(kPrefixes)) return false;
  name.remove_prefix(prefix->size());
  return true;
}

std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || number < 0 || number >= 100'000) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  return number;
}

std::optional<NamedPlace> match(std::string_view name, std::string_view pattern) {
  NamedPlace place;
  for (std::int64_t* number : {&place.block, &place.member}) {
    const std::size_t hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    if (!name.starts_with(pattern.substr(0, hole))) return std::nullopt;
    name.remove_prefix(hole);
    pattern.remove_prefix(hole + 2);
    const auto taken = take_number(name);
    if (!taken) return std::nullopt;
    *number = *taken;
  }
  if (name != pattern) return std::nullopt;
  return place;
}

}  // namespace azimuth
