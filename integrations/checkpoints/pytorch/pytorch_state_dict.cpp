#include "pytorch/pytorch_state_dict.h"

#include <array>

#include "pytorch/pickle_calls.h"

namespace azimuth {
namespace {

constexpr int kMaxStateDictDepth = 64;
// Of bytes that a walk may take for each value of the pickle: without shared values it takes a
// tenth of them.
constexpr std::size_t kBytesPerValue = 64;
constexpr std::size_t kBytesPerTensor = 128;

constexpr std::array<std::string_view, 4> kStateDicts = {"state_dict", "model_state_dict", "model",
                                                         "module"};

// torch.nn.modules.module._EXTRA_STATE_KEY_SUFFIX
bool is_extra_state(std::string_view key) {
  constexpr std::string_view kExtraState = "_extra_state";
  return key == kExtraState || key.ends_with("." + std::string(kExtraState));
}

bool holds_values(const PickleValue& value) {
  return value.kind == PickleKind::tuple || value.kind == PickleKind::list ||
         value.kind == PickleKind::dict || value.kind == PickleKind::record ||
         value.kind == PickleKind::unknown;
}

const PickleValue& find_state_dict(const PickleValue& root) {
  if (root.kind != PickleKind::dict) return root;
  for (const std::string_view name : kStateDicts) {
    for (std::size_t i = 0; i < root.items->size(); i += 2) {
      const PickleValue& key = (*root.items)[i];
      const PickleValue& value = (*root.items)[i + 1];
      if (key.kind != PickleKind::text || key.text != name) continue;
      if (value.kind == PickleKind::dict || value.kind == PickleKind::record) return value;
    }
  }
  return root;
}

class Walk {
 public:
  Walk(const std::filesystem::path& file, std::string_view what, const Pickle& pickle,
       const std::function<void(std::string, const PickleValue&)>& found)
      : errors_{file, what}, found_(found), budget_((1000 + pickle.values) * kBytesPerValue) {}

  void visit(const PickleValue& value, const std::string& name, int depth) {
    if (depth > kMaxStateDictDepth)
      errors_.fail("is nested more than " + std::to_string(kMaxStateDictDepth) + " deep");
    switch (value.kind) {
      case PickleKind::unknown:
        errors_.refuse(value);
      case PickleKind::tensor:
        if (name.empty()) errors_.fail("is one tensor without a name");
        spend(kBytesPerTensor);
        return found_(name, value);
      case PickleKind::record:
        for (const PickleValue& state : *value.items) visit(state, name, depth + 1);
        return;
      case PickleKind::dict:
        for (std::size_t i = 0; i < value.items->size(); i += 2) {
          const PickleValue& key = (*value.items)[i];
          if (key.kind == PickleKind::text) {
            visit_member(key.text, (*value.items)[i + 1], name, depth);
          } else if (key.kind == PickleKind::unknown) {
            errors_.refuse(key);
          } else if (key.kind == PickleKind::integer) {
            visit_member(std::to_string(key.number), (*value.items)[i + 1], name, depth);
          }
        }
        return;
      case PickleKind::tuple:
      case PickleKind::list:
        for (std::size_t i = 0; i < value.items->size(); ++i) {
          visit_member(std::to_string(i), (*value.items)[i], name, depth);
        }
        return;
      default:
        return;
    }
  }

 private:
  void visit_member(std::string_view key, const PickleValue& value, const std::string& name,
                    int depth) {
    spend(1);
    if (is_extra_state(key)) {
      spend(kBytesPerTensor + name.size() + key.size() + 1);
      return found_(joined(name, key), value);
    }
    if (value.kind != PickleKind::tensor && !holds_values(value)) return;
    spend(name.size() + key.size() + 1);
    visit(value, joined(name, key), depth + 1);
  }

  static std::string joined(const std::string& name, std::string_view key) {
    return name.empty() ? std::string(key) : name + "." + std::string(key);
  }

  void spend(std::size_t bytes) {
    if (bytes > budget_) {
      errors_.fail("shares values so often that its names take more than its size");
    }
    budget_ -= bytes;
  }

  PickleErrors errors_;
  const std::function<void(std::string, const PickleValue&)>& found_;
  std::size_t budget_;
};

}  // namespace

void for_each_tensor(const std::filesystem::path& file, std::string_view what, const Pickle& pickle,
                     const std::function<void(std::string name, const PickleValue& value)>& found) {
  Walk(file, what, pickle, found).visit(find_state_dict(pickle.root), "", 0);
}

}  // namespace azimuth
