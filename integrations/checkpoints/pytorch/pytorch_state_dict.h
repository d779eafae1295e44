#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "pytorch/pickle_value.h"

namespace azimuth {

/// Calls `found` for each tensor of the state dict in a checkpoint, with its name: the keys that
/// lead to it, joined by points. It is called too for what stands under `_extra_state`, where
/// PyTorch keeps whatever a module gives it, and need not be a tensor.
///
/// The state dict is the entry `state_dict` (Lightning), `model_state_dict`, `model` or `module` of
/// a dict, else all of it. Of a LibTorch or TorchScript archive it is all of it: attributes are
/// keys. Members of lists have their index for a key.
///
/// Throws FileError: a value in the state dict that is made of a global that none needs (it is not
/// run; what lies beside the state dict is not looked at), a tensor without a name, values nested
/// more than 64 deep, or more of them than the pickle says by sharing them.
void for_each_tensor(const std::filesystem::path& file, std::string_view what, const Pickle& pickle,
                     const std::function<void(std::string name, const PickleValue& value)>& found);

}  // namespace azimuth
