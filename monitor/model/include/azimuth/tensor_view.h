#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace azimuth {

class DecodedRows;
class DeviceTensor;

/// How the numbers of a tensor are stored. From `q4_0` to `nvfp4` these are GGUF's quantised
/// blocks, by its names. `in_pieces`: levels and scales lie in tensors of their own, and
/// `TensorView::decoded` makes numbers of them.
enum class StoredType {
  f32,
  f16,
  bf16,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  iq3_s,
  iq3_xxs,
  iq2_s,
  iq2_xs,
  iq2_xxs,
  iq1_m,
  iq1_s,
  tq1_0,
  tq2_0,
  mxfp4,
  nvfp4,
  in_pieces,
};

std::string_view name_of(StoredType type);

/// Numbers in one block, and bytes of one block: 1 and 4 for f32, 32 and 20 for q4_1. 1 and 0 for
/// `in_pieces`, which has no bytes of its own.
std::int64_t block_length(StoredType type);
std::int64_t block_bytes(StoredType type);

/// Whether neighbouring numbers share a scale.
bool shares_scales(StoredType type);

/// A tensor somewhere in memory that somebody else owns. Row-major; `shape` is outermost first, as
/// PyTorch prints it, so a weight matrix is {rows, columns} = {outputs, inputs}. A row is a whole
/// number of storage blocks.
struct TensorView {
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  const std::byte* data = nullptr;  ///< of `in_pieces` it only tells one tensor from another
  /// Of `in_pieces`, which alone has it: what makes the numbers, and which of its rows is the
  /// view's first.
  const DecodedRows* decoded = nullptr;
  std::int64_t first_row = 0;

  std::int64_t size() const;     ///< numbers
  std::int64_t rows() const;     ///< shape[0] of a matrix, 1 of a vector
  std::int64_t columns() const;  ///< numbers in a row
  std::int64_t row_bytes() const;
  std::int64_t bytes() const;
};

/// "{49152, 576}", for messages.
std::string shape_text(std::span<const std::int64_t> shape);

/// Which values an unpacked tensor has: those stored, or each of them moved by half a unit of its
/// stored type (half the last place of a float, half a step of a quantised block, the mean step
/// where steps differ), up or down by a coin that `seed`, the row and the column decide. The second
/// is what the noise floor is made of.
struct Nudge {
  bool active = false;
  std::uint64_t seed = 0;
};

/// Writes rows [first_row, first_row + count) as float32, row after row, to `out`.
void unpack(const TensorView& view, std::int64_t first_row, std::int64_t count, float* out,
            Nudge nudge = {});

/// Rows of `view` from `first_row` on, as many as `shape` has, in that shape.
TensorView part_of(const TensorView& view, std::int64_t first_row, std::vector<std::int64_t> shape);

/// Everything that is stored of it, piece by piece.
std::vector<std::span<const std::byte>> stored_bytes(const TensorView& view);

/// Sum of the stored 32-bit words of each piece, wrapping: a checksum. What is left of the last one
/// is 0.
std::uint64_t word_sum(const TensorView& view);

/// Which part of a stored matrix is wanted. A stored matrix is {outputs, inputs}; `transposed`: it
/// is {inputs, outputs}, as GPT-2's Conv1D keeps it.
struct MatrixPart {
  std::int64_t first_output = 0;
  std::int64_t outputs = 0;
  bool transposed = false;
  std::int64_t stride = 1;  ///< from one wanted output to the next
};

/// Where a tensor's numbers lie.
enum class Placement {
  nowhere,    ///< its name and shape are known, and nothing else
  host,       ///< in host memory, all of them
  host_rows,  ///< in host memory, those of some rows
  device,     ///< elsewhere
};

/// A tensor with its name, as a checkpoint or a module gives it.
struct NamedTensor {
  std::string name;
  TensorView view;
  /// Empty: `view` holds all rows. Else `view` holds only these rows, in this order, while
  /// `view.shape` stays the shape of the whole tensor: an embedding of which a snapshot copied
  /// just the probe's rows.
  std::vector<std::int64_t> row_ids;
  /// Set where the numbers do not lie in host memory; `view` then says of which type and shape they
  /// are.
  std::shared_ptr<const DeviceTensor> device;

  /// What the fields above say.
  Placement placement() const;
};

/// Numbers as a file holds them, of any type: what quantised matrices are made of. Row-major.
struct RawNumbers {
  std::string type;  ///< as safetensors calls it: "I32"
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A tensor that a checkpoint holds and no reader reads: of a type that is not known here, or
/// without numbers.
struct UnreadableTensor {
  std::string name;
  std::string why;     ///< "its type is F64; F32, F16 and BF16 can be read"
  bool empty = false;  ///< there are no numbers
  /// Truth values or 64-bit integers: masks, ids, counts. No weights are stored as such.
  bool counts = false;
  RawNumbers raw = {};  ///< what is there of it, where its reader says so
};

/// All tensors that a source gives, with what keeps their memory alive.
struct NamedTensors {
  std::vector<NamedTensor> tensors;
  std::int64_t parameter_count = 0;  ///< of all `tensors`, or of a module; tied ones once
  std::shared_ptr<const void> storage;
  std::vector<UnreadableTensor> unreadable = {};  ///< an error only where they play a role
};

}  // namespace azimuth
