#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "azimuth/file_error.h"
#include "pytorch/pickle_globals.h"
#include "pytorch/pickle_value.h"

namespace azimuth {

/// Which pickle is read, for messages.
struct PickleErrors {
  const std::filesystem::path& file;
  std::string_view what;

  [[noreturn]] void fail(std::string_view why) const { throw FileError(file, what, why); }

  /// Names the global behind a value of kind `unknown`.
  [[noreturn]] void refuse(const PickleValue& unknown) const;
};

/// What a pickle asks for beyond plain values: globals, calls, instances, state, storages. Each
/// gives a value that says what was asked for; nothing is called. What comes of a global that no
/// state dict needs is `unknown`, whatever is done with it.
class PickleCalls {
 public:
  PickleCalls(const PickleErrors& errors, Pickle& pickle) : errors_(errors), pickle_(pickle) {}

  PickleValue make(PickleKind kind, std::vector<PickleValue> items);

  PickleValue global(std::string_view module, std::string_view name);
  PickleValue reduce(const PickleValue& callee, const PickleValue& arguments);
  PickleValue make_record(const PickleValue& type, const PickleValue& arguments);
  PickleValue make_record(const PickleValue& type, const PickleValue& arguments,
                          const PickleValue& named_arguments);
  void set_state(const PickleValue& value, const PickleValue& state);
  PickleValue storage(const PickleValue& id);

 private:
  PickleValue rebuild(const PickleGlobal& callee, const PickleValue& arguments);

  const PickleErrors& errors_;
  Pickle& pickle_;
};

}  // namespace azimuth
