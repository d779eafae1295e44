#include "pytorch/pickle_calls.h"

#include <algorithm>
#include <string>
#include <utility>

namespace azimuth {
namespace {

bool is_text(const PickleValue& value, std::string_view text) {
  return value.kind == PickleKind::text && value.text == text;
}

bool is_natural(const PickleValue& value) {
  return value.kind == PickleKind::integer && value.number >= 0;
}

bool has_role(const PickleValue& value, PickleRole role) {
  return value.kind == PickleKind::global && value.global->role == role;
}

// storage, offset, shape, strides and what does not matter here; _rebuild_tensor_v3 adds the type
// of the numbers, since its storage has none.
bool are_of_tensor(const std::vector<PickleValue>& arguments) {
  if (arguments.size() < 4 || arguments[0].kind != PickleKind::storage) return false;
  const bool typed = (*arguments[0].items)[1].global->numbers != nullptr;
  return arguments[1].kind == PickleKind::integer && arguments[2].kind == PickleKind::tuple &&
         arguments[3].kind == PickleKind::tuple &&
         (typed || (arguments.size() > 6 && has_role(arguments[6], PickleRole::number_type)));
}

bool is_unknown(const PickleValue& value) { return value.kind == PickleKind::unknown; }

}  // namespace

void PickleErrors::refuse(const PickleValue& unknown) const {
  const auto& names = *unknown.items;
  fail("refers to " + std::string(names[0].text.substr(0, 120)) + "." +
       std::string(names[1].text.substr(0, 120)) +
       ", which no state dict needs; it is not run. A file with the state dict alone can be read");
}

PickleValue PickleCalls::make(PickleKind kind, std::vector<PickleValue> items) {
  PickleValue value = {kind};
  value.items = &pickle_.items.emplace_back(std::move(items));
  return value;
}

PickleValue PickleCalls::global(std::string_view module, std::string_view name) {
  const PickleGlobal* found = find_global(module, name);
  if (found == nullptr) {
    return make(PickleKind::unknown, {{.kind = PickleKind::text, .text = module},
                                      {.kind = PickleKind::text, .text = name}});
  }
  PickleValue value = {PickleKind::global};
  value.global = found;
  value.text = found->name;
  return value;
}

PickleValue PickleCalls::reduce(const PickleValue& callee, const PickleValue& arguments) {
  if (is_unknown(callee)) return callee;
  if (callee.kind != PickleKind::global) errors_.fail("calls something that is not a function");
  if (arguments.kind != PickleKind::tuple) errors_.fail("calls a function without arguments");
  const auto& values = *arguments.items;
  const PickleGlobal& global = *callee.global;
  switch (global.role) {
    case PickleRole::dict:
      if (!values.empty()) errors_.fail("makes a dict from arguments, as only Python 2 does");
      return make(PickleKind::dict, {});
    case PickleRole::opaque:
      return {PickleKind::opaque};
    case PickleRole::first_argument:
      if (values.empty()) errors_.fail("calls " + std::string(global.name) + " without arguments");
      return values.front();
    case PickleRole::rebuild_from_type:
      for (std::size_t i = 0; i < std::min<std::size_t>(values.size(), 2); ++i) {
        if (is_unknown(values[i])) return values[i];
      }
      if (values.size() < 3 || values[0].kind != PickleKind::global ||
          !has_role(values[1], PickleRole::tensor_class)) {
        errors_.fail("calls " + std::string(global.name) + " for something that is not a tensor");
      }
      return rebuild(*values[0].global, values[2]);
    case PickleRole::rebuild_tensor:
    case PickleRole::rebuild_parameter:
      return rebuild(global, arguments);
    default:
      errors_.fail("calls " + std::string(global.name) + ", which is not called in a state dict");
  }
}

PickleValue PickleCalls::rebuild(const PickleGlobal& callee, const PickleValue& arguments) {
  if (arguments.kind == PickleKind::tuple) {
    const auto& values = *arguments.items;
    if (!values.empty() && is_unknown(values[0])) return values[0];
    if (callee.role == PickleRole::rebuild_tensor && are_of_tensor(values)) {
      PickleValue tensor = arguments;
      tensor.kind = PickleKind::tensor;
      return tensor;
    }
    if (callee.role == PickleRole::rebuild_parameter && !values.empty() &&
        values[0].kind == PickleKind::tensor) {
      return values[0];
    }
  }
  errors_.fail("calls " + std::string(callee.name) + " with arguments that do not make a tensor");
}

PickleValue PickleCalls::make_record(const PickleValue& type, const PickleValue& arguments) {
  if (is_unknown(type)) return type;
  if (!has_role(type, PickleRole::record_class)) {
    errors_.fail("makes an instance of " +
                 (type.kind == PickleKind::global ? std::string(type.text)
                                                  : "something that is not a class") +
                 ", which no state dict needs");
  }
  if (arguments.kind != PickleKind::tuple || !arguments.items->empty()) {
    errors_.fail("makes an instance with arguments");
  }
  return make(PickleKind::record, {});
}

PickleValue PickleCalls::make_record(const PickleValue& type, const PickleValue& arguments,
                                     const PickleValue& named_arguments) {
  if (is_unknown(type)) return type;
  if (named_arguments.kind != PickleKind::dict || !named_arguments.items->empty()) {
    errors_.fail("makes an instance with arguments");
  }
  return make_record(type, arguments);
}

// The state of a dict is that of the object around it: PyTorch keeps versions there.
void PickleCalls::set_state(const PickleValue& value, const PickleValue& state) {
  if (value.kind == PickleKind::record) {
    *value.items = {state};
  } else if (value.kind != PickleKind::dict && !is_unknown(value)) {
    errors_.fail("sets the state of something that has none");
  }
}

PickleValue PickleCalls::storage(const PickleValue& id) {
  // Of a storage or, in the older format, of a module: its class is the second.
  if (id.kind == PickleKind::tuple && id.items->size() >= 2 && is_unknown((*id.items)[1])) {
    if (id.items->size() >= 3 && is_text((*id.items)[0], "storage")) {
      pickle_.unknown_storages.push_back(id);
    }
    return (*id.items)[1];
  }
  const bool tuple = id.kind == PickleKind::tuple && id.items->size() >= 5;
  if (!tuple || !is_text((*id.items)[0], "storage") ||
      !has_role((*id.items)[1], PickleRole::storage_class) ||
      (*id.items)[2].kind != PickleKind::text || !is_natural((*id.items)[4])) {
    errors_.fail("refers to something that is not a storage");
  }
  if (id.items->size() > 5 && (*id.items)[5].kind != PickleKind::none) {
    errors_.fail("holds views of storages, which PyTorch does not write since 0.4");
  }
  PickleValue storage = id;
  storage.kind = PickleKind::storage;
  pickle_.storages.push_back(storage);
  return storage;
}

}  // namespace azimuth
