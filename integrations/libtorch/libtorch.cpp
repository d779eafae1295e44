#include "azimuth/libtorch.h"

#include <torch/nn/module.h>

#include <stdexcept>
#include <utility>

#include "torch_source.h"

namespace azimuth {

Attachment detail::attach_parameters(Monitor& monitor, ParameterSource parameters,
                                     Architecture architecture, RoleNames extra) {
  if (!monitor.watches()) return {};
  return monitor.attach_source(std::make_unique<TorchSource>(
      std::move(parameters), std::move(architecture), std::move(extra)));
}

Attachment attach_to(Monitor& monitor, std::shared_ptr<torch::nn::Module> module,
                     Architecture architecture, RoleNames extra) {
  if (!monitor.watches()) return {};
  if (!module) throw std::invalid_argument("attach: the module is null");
  ParameterSource parameters = [module = std::move(module)] {
    NamedParameters named;
    for (auto& parameter : module->named_parameters()) {
      named.emplace_back(parameter.key(), parameter.value());
    }
    return named;
  };
  return detail::attach_parameters(monitor, std::move(parameters), std::move(architecture),
                                   std::move(extra));
}

}  // namespace azimuth
