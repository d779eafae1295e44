// A change of every setting that only sequences need must be seen in the logits of some model.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "logits_case.h"
#include "support/member_count.h"

namespace azimuth {
namespace {

using testing::LogitsCase;

struct SettingChange {
  const char* setting;
  /// Whether it means anything for the model; if so, it is changed.
  bool (*change)(Sequences& sequences);
};

// Of the first block that has one.
bool change_rotary(Sequences& s, const std::function<bool(Rotary&)>& change) {
  for (AttentionReach& reach : s.attention) {
    if (reach.rotary) return change(*reach.rotary);
  }
  return false;
}

bool change_alibi(Sequences& s, const std::function<void(Alibi&)>& change) {
  if (!s.attention.front().alibi) return false;
  change(*s.attention.front().alibi);
  return true;
}

using enum Rotary::Scaling;

constexpr SettingChange kRotaryChanges[] = {
    {"size",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.size = r.size == 2 ? 0 : 2;
         return r.scaling != longrope;
       });
     }},
    {"neighbours",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.neighbours = !r.neighbours;
         return r.size != 2;
       });
     }},
    {"base",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.base *= 4;
         return r.size != 2;
       });
     }},
    {"scaling",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.scaling = r.scaling == none ? linear : none;
         if (r.scaling == linear) r.factor = 2;
         return true;
       });
     }},
    {"factor",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.factor *= 2;
         // Of longrope the magnitude alone is made of it; elsewhere it may be of later tokens.
         return r.scaling != none && r.scaling != longrope && r.positions <= 64;
       });
     }},
    {"positions",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.positions = r.scaling == longrope && r.positions > 16 ? 8 : r.positions * 4;
         return r.scaling != none && r.scaling != linear && r.positions > 16 && r.positions < 512;
       });
     }},
    {"slow",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.slow /= 4;
         return r.positions == 64 && ((r.scaling == yarn && !r.truncated) || r.scaling == llama3);
       });
     }},
    {"fast",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.fast *= 4;
         return r.positions == 64 && ((r.scaling == yarn && !r.truncated) || r.scaling == llama3);
       });
     }},
    {"truncated",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.truncated = !r.truncated;
         return r.scaling == yarn && r.slow < 1;
       });
     }},
    {"magnitude",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         r.magnitude *= 1.5;
         return true;
       });
     }},
    {"short_factors",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         if (r.scaling == longrope) r.short_factors[0] *= 2;
         return r.scaling == longrope && r.positions > 16;
       });
     }},
    {"long_factors",
     [](Sequences& s) {
       return change_rotary(s, [](Rotary& r) {
         if (r.scaling == longrope) r.long_factors[0] *= 2;
         return r.scaling == longrope && r.positions < 16;
       });
     }},
};
static_assert(std::size(kRotaryChanges) == testing::member_count<Rotary>());

constexpr SettingChange kAlibiChanges[] = {
    {"steepest", [](Sequences& s) { return change_alibi(s, [](Alibi& a) { a.steepest = 4; }); }},
    {"scaled",
     [](Sequences& s) { return change_alibi(s, [](Alibi& a) { a.scaled = !a.scaled; }); }},
    // Of so few tokens no slope times a position is rounded: rotary_test.cpp.
    {"bfloat16", [](Sequences&) { return false; }},
};
static_assert(std::size(kAlibiChanges) == testing::member_count<Alibi>());

constexpr SettingChange kReachChanges[] = {
    {"window",
     [](Sequences& s) {
       AttentionReach& first = s.attention.front();
       first.window = first.window == 4 ? 0 : 4;
       return true;
     }},
    {"rotary",
     [](Sequences& s) {
       AttentionReach& first = s.attention.front();
       if (first.rotary) {
         first.rotary.reset();
       } else {
         first.rotary.emplace();
       }
       return true;
     }},
    {"alibi",
     [](Sequences& s) {
       AttentionReach& first = s.attention.front();
       if (first.alibi) {
         first.alibi.reset();
       } else {
         first.alibi.emplace();
       }
       return true;
     }},
};
static_assert(std::size(kReachChanges) == testing::member_count<AttentionReach>());

constexpr SettingChange kSequenceChanges[] = {
    {"unknown", [](Sequences& s) { return !(s.unknown = "no").empty(); }},
    {"attention",
     [](Sequences& s) {
       for (AttentionReach& reach : s.attention) reach = {};
       return s.attention.front() != AttentionReach{};
     }},
    {"attention_scale",
     [](Sequences& s) {
       s.attention_scale = s.attention_scale == 0 ? 2 : 0;
       return s.attention_scale == 2;
     }},
    {"attention_cap",
     [](Sequences& s) {
       s.attention_cap = s.attention_cap == 0 ? 0.1 : 0;
       return s.attention_cap != 0 || s.logit_cap == 3;
     }},
    {"query_norms",
     [](Sequences& s) {
       s.query_norms = !s.query_norms;
       return true;
     }},
    {"norms_behind_rotary",
     [](Sequences& s) {
       s.norms_behind_rotary = !s.norms_behind_rotary;
       // Norms with one weight for all numbers of a pair do not see it.
       return s.query_norms;
     }},
    {"logit_scale",
     [](Sequences& s) {
       s.logit_scale *= 2;
       return true;
     }},
    {"logit_cap",
     [](Sequences& s) {
       s.logit_cap = s.logit_cap == 0 ? 1 : 0;
       return s.logit_cap == 1 || s.attention_cap < 2;
     }},
    // Where a head is missing: decoder_test.cpp.
    {"tied_head", [](Sequences&) { return false; }},
};
static_assert(std::size(kSequenceChanges) == testing::member_count<Sequences>());

class EverySetting : public ::testing::TestWithParam<std::string> {};

TEST_P(EverySetting, ThatIsChangedIsSeen) {
  const LogitsCase c(GetParam());
  std::vector<SettingChange> changes;
  for (const auto& list : {std::span<const SettingChange>(kRotaryChanges),
                           std::span<const SettingChange>(kAlibiChanges),
                           std::span<const SettingChange>(kReachChanges),
                           std::span<const SettingChange>(kSequenceChanges)}) {
    changes.insert(changes.end(), list.begin(), list.end());
  }
  const double right = c.difference(c.weights(), torch::kFloat64);
  for (const SettingChange& change : changes) {
    Architecture wrong = c.architecture();
    if (!change.change(wrong.sequences)) continue;
    double seen = INFINITY;  // refused is seen
    try {
      seen = c.difference(ModelWeights::from_tensors(wrong, c.tensors()), torch::kFloat64);
    } catch (const std::invalid_argument&) {
    }
    EXPECT_GT(seen, 2 * right) << change.setting;
  }
}

INSTANTIATE_TEST_SUITE_P(Transformers, EverySetting, ::testing::ValuesIn(testing::logits_cases()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace azimuth
