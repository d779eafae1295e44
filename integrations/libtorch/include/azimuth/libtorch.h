#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/model_weights.h"
#include "azimuth/monitor.h"
#include "azimuth/trainer.h"

// LibTorch's own declarations, without its headers: see azimuth/trainer.h.
namespace torch {
namespace detail {
struct ModuleHolderIndicator;
}
namespace nn {
template <typename Contained>
class ModuleHolder;
}
}  // namespace torch

namespace azimuth {

/// What may be given to `Monitor::attach` of a program that trains with LibTorch:
///
///     monitor.attach(trainer);                                   // see azimuth/trainer.h
///
///     azimuth::Attachment watched = monitor.attach(module, Architecture::llama({.heads = 9}));
///     for (...) {                                                // a plain loop
///       ...
///       optimizer.step();
///       watched.step({.step = n, .loss = loss.item<double>()});
///     }
///
///     monitor.attach([&] { return named_tensors; }, architecture);   // anything else that has
///                                                                // weights: torch::jit::Module
///
/// Parameters are recognised by their names, with the tables for the architecture; names of another
/// making are mapped by `extra`, a pattern for each role (see RoleNames). Which parameter plays
/// which role is logged. One in a block that plays none is refused, unless `extra` ignores it: it
/// may change what the block computes. Those outside the blocks are counted and named in a warning.
///
/// The weights must be dense tensors of float32, float16 or bfloat16, on any device and with any
/// strides. They are looked up by name at every snapshot, so that a parameter may be replaced. One
/// that has disappeared, or has another shape or type than at `attach`, makes the snapshot fail,
/// which is logged once and counted; training goes on. A snapshot copies what the analysis reads,
/// on the calling thread with the threads that LibTorch itself would use there, into one buffer as
/// large as the largest snapshot up to then (the first one: the model; then what the pass reads).
/// On another device it clones the matrices that the pass multiplies with there, and reads them
/// back on the analysis thread; what only the digests of the first and the last snapshot need (the
/// embedding, the head, queries and keys) comes to host memory with these.
///
/// The monitor shares ownership of the module, or keeps the callable, until it is detached or gone.
///
/// Throws std::invalid_argument, on the calling thread: roles that no parameter plays (the message
/// names them and the parameters nearest by name), a parameter in a block that plays no role, a
/// pattern that matches nothing, a parameter of another type. On ranks other than
/// the one that watches nothing is looked at, and the attachment is empty.
using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;
using ParameterSource = std::function<NamedParameters()>;

namespace detail {
Attachment attach_parameters(Monitor& monitor, ParameterSource parameters,
                             Architecture architecture, RoleNames extra);

// A module holder has a call operator, of which one cannot even ask whether it takes no arguments.
template <class T>
concept GivesParameters =
    !std::is_base_of_v<torch::detail::ModuleHolderIndicator, std::decay_t<T>> &&
    std::is_invocable_r_v<NamedParameters, std::decay_t<T>&>;
}  // namespace detail

/// `parameters()` is called at `attach` and at every snapshot, on the training thread. What it
/// throws at `attach` reaches the caller; later it makes the snapshot fail.
template <detail::GivesParameters Callable>
Attachment attach_to(Monitor& monitor, Callable&& parameters, Architecture architecture,
                     RoleNames extra = {}) {
  return detail::attach_parameters(monitor, ParameterSource(std::forward<Callable>(parameters)),
                                   std::move(architecture), std::move(extra));
}

/// Throws std::invalid_argument also for a null module.
Attachment attach_to(Monitor& monitor, std::shared_ptr<torch::nn::Module> module,
                     Architecture architecture, RoleNames extra = {});

template <class Contained>
Attachment attach_to(Monitor& monitor, const torch::nn::ModuleHolder<Contained>& module,
                     Architecture architecture, RoleNames extra = {}) {
  return attach_to(monitor,
                   std::shared_ptr<torch::nn::Module>(module.is_empty() ? nullptr : module.ptr()),
                   std::move(architecture), std::move(extra));
}

/// Watches the module that the trainer has now, and registers one callback. The trainer may be
/// destroyed before the monitor or after it.
template <Trainer T>
Attachment attach_to(Monitor& monitor, T& trainer, RoleNames extra = {}) {
  if (!monitor.watches()) return {};
  Attachment attachment = attach_to(monitor, std::shared_ptr<torch::nn::Module>(trainer.module()),
                                    Architecture(trainer.architecture()), std::move(extra));
  trainer.on_step_end([attachment](const StepInfo& info) mutable { attachment.step(info); });
  return attachment;
}

/// Gives real hidden states after `block` (0: the embedding output) to the next observation, see
/// Attachment::tap. `hidden_states` is {tokens, hidden_size}, one sequence, or {batch, tokens,
/// hidden_size}, of any floating type, on any device; other tensors are ignored. `ids` of the
/// tokens, given at block 0, is {tokens} or {batch, tokens} of int64; another one is as none. Norms
/// and sums are made where the states lie, in float32, and stay there until the next snapshot: the
/// call waits for no accelerator. They take four bytes a token, a sequence and a number of the
/// hidden size for each block, and eight a token for `ids`. Never throws.
///
///     tap(watched, 0, embedded, ids);
///     for (block...) tap(watched, block, hidden_states[block]);
void tap(Attachment& attachment, std::int32_t block, const at::Tensor& hidden_states,
         const at::Tensor& ids = {}) noexcept;

}  // namespace azimuth
