#include "pytorch/pickle_globals.h"

#include <algorithm>

namespace azimuth {
namespace {

constexpr PyTorchNumbers kFloat32 = {"float32", 4, StoredType::f32};
constexpr PyTorchNumbers kFloat16 = {"float16", 2, StoredType::f16};
constexpr PyTorchNumbers kBfloat16 = {"bfloat16", 2, StoredType::bf16};
constexpr PyTorchNumbers kFloat64 = {"float64", 8, {}};
constexpr PyTorchNumbers kFloat8E4m3fn = {"float8_e4m3fn", 1, {}};
constexpr PyTorchNumbers kFloat8E4m3fnuz = {"float8_e4m3fnuz", 1, {}};
constexpr PyTorchNumbers kFloat8E5m2 = {"float8_e5m2", 1, {}};
constexpr PyTorchNumbers kFloat8E5m2fnuz = {"float8_e5m2fnuz", 1, {}};
constexpr PyTorchNumbers kFloat8E8m0fnu = {"float8_e8m0fnu", 1, {}};
constexpr PyTorchNumbers kFloat4E2m1fnX2 = {"float4_e2m1fn_x2", 1, {}};
constexpr PyTorchNumbers kComplex32 = {"complex32", 4, {}};
constexpr PyTorchNumbers kComplex64 = {"complex64", 8, {}};
constexpr PyTorchNumbers kComplex128 = {"complex128", 16, {}};
constexpr PyTorchNumbers kTruthValue = {"integer of 1 byte", 1, {}, true};
constexpr PyTorchNumbers kOneByte = {"integer of 1 byte", 1, {}};
constexpr PyTorchNumbers kTwoBytes = {"integer of 2 bytes", 2, {}};
constexpr PyTorchNumbers kFourBytes = {"integer of 4 bytes", 4, {}};
constexpr PyTorchNumbers kEightBytes = {"integer of 8 bytes", 8, {}, true};

using enum PickleRole;

constexpr PickleGlobal kGlobals[] = {
    {"__builtin__.bytearray", opaque},
    {"__builtin__.complex", opaque},
    {"__builtin__.set", opaque},
    {"_codecs.encode", opaque},
    {"argparse.Namespace", record_class},
    {"builtins.bytearray", opaque},
    {"builtins.complex", opaque},
    {"builtins.set", opaque},
    {"collections.Counter", opaque},
    {"collections.OrderedDict", dict},
    {"torch.BFloat16Storage", storage_class, &kBfloat16},
    {"torch.BoolStorage", storage_class, &kTruthValue},
    {"torch.ByteStorage", storage_class, &kOneByte},
    {"torch.CharStorage", storage_class, &kOneByte},
    {"torch.ComplexDoubleStorage", storage_class, &kComplex128},
    {"torch.ComplexFloatStorage", storage_class, &kComplex64},
    {"torch.DoubleStorage", storage_class, &kFloat64},
    {"torch.FloatStorage", storage_class, &kFloat32},
    {"torch.HalfStorage", storage_class, &kFloat16},
    {"torch.IntStorage", storage_class, &kFourBytes},
    {"torch.LongStorage", storage_class, &kEightBytes},
    {"torch.ShortStorage", storage_class, &kTwoBytes},
    {"torch.Size", first_argument},
    {"torch.Tensor", tensor_class},
    {"torch._tensor._rebuild_from_type_v2", rebuild_from_type},
    {"torch._utils._rebuild_parameter", rebuild_parameter},
    {"torch._utils._rebuild_parameter_with_state", rebuild_parameter},
    {"torch._utils._rebuild_tensor", rebuild_tensor},
    {"torch._utils._rebuild_tensor_v2", rebuild_tensor},
    {"torch._utils._rebuild_tensor_v3", rebuild_tensor},
    {"torch.bfloat16", number_type, &kBfloat16},
    {"torch.bool", number_type, &kTruthValue},
    {"torch.complex128", number_type, &kComplex128},
    {"torch.complex32", number_type, &kComplex32},
    {"torch.complex64", number_type, &kComplex64},
    {"torch.device", opaque},
    {"torch.float16", number_type, &kFloat16},
    {"torch.float32", number_type, &kFloat32},
    {"torch.float4_e2m1fn_x2", number_type, &kFloat4E2m1fnX2},
    {"torch.float64", number_type, &kFloat64},
    {"torch.float8_e4m3fn", number_type, &kFloat8E4m3fn},
    {"torch.float8_e4m3fnuz", number_type, &kFloat8E4m3fnuz},
    {"torch.float8_e5m2", number_type, &kFloat8E5m2},
    {"torch.float8_e5m2fnuz", number_type, &kFloat8E5m2fnuz},
    {"torch.float8_e8m0fnu", number_type, &kFloat8E8m0fnu},
    {"torch.int16", number_type, &kTwoBytes},
    {"torch.int32", number_type, &kFourBytes},
    {"torch.int64", number_type, &kEightBytes},
    {"torch.int8", number_type, &kOneByte},
    {"torch.jit._pickle.build_boollist", first_argument},
    {"torch.jit._pickle.build_doublelist", first_argument},
    {"torch.jit._pickle.build_intlist", first_argument},
    {"torch.jit._pickle.build_tensorlist", first_argument},
    {"torch.jit._pickle.restore_type_tag", first_argument},
    {"torch.nn.parameter.Buffer", tensor_class},
    {"torch.nn.parameter.Parameter", tensor_class},
    {"torch.storage.UntypedStorage", storage_class},
    {"torch.uint16", number_type, &kTwoBytes},
    {"torch.uint32", number_type, &kFourBytes},
    {"torch.uint64", number_type, &kEightBytes},
    {"torch.uint8", number_type, &kOneByte},
};

// LibTorch and TorchScript name the class of a module after its place in `__torch__`.
constexpr PickleGlobal kModuleClass = {"__torch__", record_class};

}  // namespace

const PickleGlobal* find_global(std::string_view module, std::string_view name) {
  if (module == "__torch__" || module.starts_with("__torch__.")) return &kModuleClass;
  // The last point divides the two.
  if (name.find('.') != std::string_view::npos) return nullptr;
  const auto matches = [&](const PickleGlobal& global) {
    const std::size_t point = global.name.rfind('.');
    return global.name.substr(0, point) == module && global.name.substr(point + 1) == name;
  };
  const auto found = std::ranges::find_if(kGlobals, matches);
  return found == std::end(kGlobals) ? nullptr : &*found;
}

}  // namespace azimuth
