#include "azimuth/gguf_model.h"

#include <algorithm>
#include <string>
#include <vector>

#include "azimuth/further_blocks.h"
#include "azimuth/joined.h"
#include "gguf/gguf_families.h"
#include "gguf/gguf_sequences.h"
#include "gguf/gguf_shapes.h"
#include "gguf/gguf_stacked.h"
#include "gguf/gguf_xielu.h"

namespace azimuth {
namespace {

constexpr std::string_view kTokenizer = "tokenizer.ggml.";
constexpr std::string_view kTokenEmbedding = "token_embd.weight";
constexpr std::int64_t kMaxHeadSize = 65'536;

std::vector<std::int64_t> special_token_ids(const GgufFile& file, std::int64_t vocab_size) {
  // Converters write ids that no token has (-1, as an unsigned number) for "none".
  std::vector<std::int64_t> ids;
  const auto add = [&](std::string_view key) {
    const std::int64_t id = file.integer(key);
    if (id >= 0 && id < vocab_size && std::ranges::count(ids, id) == 0) ids.push_back(id);
  };
  const std::string bos = std::string(kTokenizer) + "bos_token_id";
  if (file.has(bos)) add(bos);
  for (const std::string_view key : file.keys()) {
    if (key.starts_with(kTokenizer) && key.ends_with("_token_id")) add(key);
  }
  return ids;
}

// Special ids that no token has, unless they say so.
void note_ids_outside(const GgufFile& file, ModelWeights& weights) {
  constexpr std::int64_t kNone = 0xffff'ffff;  // -1, as an unsigned number
  for (const std::string_view key : file.keys()) {
    if (!key.starts_with(kTokenizer) || !key.ends_with("_token_id")) continue;
    const std::int64_t id = file.integer(key);
    if (id < weights.vocab_size() || id == kNone) continue;
    weights.add_warning(std::string(key) + " " + std::to_string(id) +
                        " lies outside the vocabulary of " + std::to_string(weights.vocab_size()) +
                        " and is not used");
  }
}

const GgufFamily& family_of(const GgufFile& file) {
  const std::string_view name = file.string("general.architecture");
  const auto families = gguf_families();
  const auto found = std::ranges::find(families, name, &GgufFamily::name);
  if (found != families.end()) return *found;
  throw FileError(
      file.path(), "key general.architecture",
      "'" + std::string(name) + "' is not known; known are " + joined(families, &GgufFamily::name));
}

constexpr std::string_view kKvHeads = "attention.head_count_kv";

// One number, or one a block: that of the first which attends.
std::int64_t kv_heads_of(const GgufFields& fields, std::int64_t heads, std::int64_t max) {
  if (!fields.is_array(kKvHeads)) return fields.count(kKvHeads, heads, max);
  std::int64_t found = 0;
  for (const std::int64_t kv_heads : fields.integers(kKvHeads)) {
    if (kv_heads < 0 || kv_heads > max) fields.fail(kKvHeads, "holds " + std::to_string(kv_heads));
    if (found == 0) found = kv_heads;
  }
  if (found == 0) fields.fail(kKvHeads, "holds no number but 0");
  return found;
}

// Where the family does not say for each block how it attends.
void check_same_kv_heads(const GgufFields& fields, const Architecture& a) {
  if (!a.attention.empty() || !fields.is_array(kKvHeads)) return;
  for (const std::int64_t kv_heads : fields.integers(kKvHeads)) {
    if (kv_heads == 0 || kv_heads == a.kv_heads) continue;
    fields.fail(kKvHeads, "holds " + std::to_string(a.kv_heads) + " and " +
                              std::to_string(kv_heads) +
                              ": blocks that differ so are not supported");
  }
}

Architecture read_architecture(const GgufFile& file, const GgufFamily& family,
                               const GgufFields& fields) {
  constexpr std::int64_t kMaxHeads = 65'536;
  Architecture a;
  a.name = family.architecture;
  a.heads = fields.count("attention.head_count", kMaxHeads);
  a.kv_heads = kv_heads_of(fields, a.heads, kMaxHeads);
  a.head_size = fields.count("attention.value_length", 0, kMaxHeadSize);
  family.read(fields, a);
  check_same_kv_heads(fields, a);
  check_supported(fields, family, a);
  a.sequences = gguf_sequences(fields, family.name, a);
  a.special_token_ids = special_token_ids(file, fields.rows(kTokenEmbedding));
  a.check();
  return a;
}

void check_size(const GgufFields& fields, std::string_view key, std::int64_t found) {
  if (!fields.has(key) || fields.integer(key) == found) return;
  fields.fail(key, "is " + std::to_string(fields.integer(key)) + ", but the weights have " +
                       std::to_string(found));
}

// The shape of such a matrix in a block, where there is one: `size` is what the key says, or stands
// for.
void check_shape(const GgufFields& fields, std::string_view key, std::int64_t size,
                 const ModelWeights& weights, Role role, std::int64_t block,
                 const std::vector<std::int64_t>& expected) {
  const std::vector<std::int64_t> found = weights.stored_shape(role, block);
  if (found.empty() || found == expected) return;
  fields.fail(key, (fields.has(key) ? "is " : "is missing, and stands for ") +
                       std::to_string(size) + ", but " + std::string(name_of(role)) + " of block " +
                       std::to_string(block) + " has shape " + shape_text(found) + " where " +
                       shape_text(expected) + " is expected");
}

// Matrices of heads have as many rows as the key says, in every block: it stands for hidden size
// through heads where it is missing, as in llama.cpp. Where blocks differ, the family has read what
// keys say of each.
void check_heads(const GgufFields& fields, std::string_view key, const ModelWeights& weights,
                 Role role) {
  const Architecture& a = weights.architecture();
  const bool of_queries = role == Role::query_weight || role == Role::sink_query_weight;
  const std::int64_t otherwise = weights.hidden_size() / a.heads;
  const std::int64_t of_all = fields.has(key) ? fields.count(key, kMaxHeadSize) : otherwise;
  for (std::int64_t block = 1; block <= std::ssize(weights.blocks()); ++block) {
    const AttentionPlan plan = a.attention_of(block);
    const std::int64_t size = a.attention.empty() ? of_all : plan.head_size;
    const std::int64_t heads = of_queries ? a.heads : plan.kv_heads;
    check_shape(fields, key, size, weights, role, block, {heads * size, weights.hidden_size()});
  }
}

// Of latent attention: sizes of heads, which files of before its matrix was split have under other
// names, and of what is kept of a token.
void check_latent(const GgufFields& fields, const ModelWeights& weights) {
  constexpr std::string_view of_heads = "attention.key_length_mla";
  constexpr std::string_view of_kept = "attention.key_length";
  constexpr std::string_view of_queries = "attention.q_lora_rank";
  const Architecture& a = weights.architecture();
  const auto& [rank, key_size, rotated] = a.latent;
  const std::int64_t query = key_size + rotated;
  if (fields.has(of_heads)) {
    check_size(fields, of_kept, rank + rotated);
    check_size(fields, "attention.value_length", rank);
  }
  const std::string_view key = fields.has(of_heads) ? of_heads : of_kept;
  const std::int64_t queries = fields.count(of_queries, 0, kMaxHeadSize);
  for (std::int64_t block = 1; block <= std::ssize(weights.blocks()); ++block) {
    const auto check = [&](std::string_view named, std::int64_t size, Role role, std::int64_t rows,
                           std::int64_t columns) {
      check_shape(fields, named, size, weights, role, block, {rows, columns});
    };
    check(key, query, Role::query_weight, a.heads * query, weights.hidden_size());
    check(key, query, Role::latent_key_weight, a.heads * rank, key_size);
    check(of_queries, queries, Role::latent_query_weight, queries, weights.hidden_size());
    check(of_queries, queries, Role::latent_query_output_weight, a.heads * query, queries);
  }
}

// Their converters write four times the hidden size, whatever the weights have.
bool writes_four_times(std::string_view family) {
  constexpr std::string_view kFamilies[] = {"bloom", "falcon", "gpt2", "mpt", "phi2"};
  return std::ranges::find(kFamilies, family) != std::end(kFamilies);
}

// How wide the FFNs and experts of every block are.
void check_widths(const GgufFields& fields, const GgufFamily& family, const ModelWeights& weights) {
  constexpr std::string_view of_ffns = "feed_forward_length";
  constexpr std::string_view of_experts = "expert_feed_forward_length";
  constexpr std::string_view of_shared = "expert_shared_feed_forward_length";
  constexpr std::string_view shared_count = "expert_shared_count";
  const bool four_times = writes_four_times(family.name) && fields.has(of_ffns) &&
                          !fields.is_array(of_ffns) &&
                          fields.integer(of_ffns) == 4 * weights.hidden_size();
  const auto width = [](const FeedForward& ffn) { return ffn.down.map->columns(); };
  std::vector<std::int64_t> by_block;
  if (fields.has(of_ffns)) by_block = fields.by_block(of_ffns, std::ssize(weights.blocks()));
  for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
    const BlockWeights& block = weights.blocks()[b];
    const auto check_ffn = [&](std::int64_t found) {
      if (by_block.empty() || by_block[b] == found) return;
      fields.fail(of_ffns, "is " + std::to_string(by_block[b]) + ", but the weights have " +
                               std::to_string(found) + " in block " + std::to_string(b + 1));
    };
    if (const auto* const ffn = block.work<FeedForward>(); ffn != nullptr && !four_times) {
      check_ffn(width(*ffn));
    }
    const auto* const mixture = block.work<Experts>();
    if (mixture == nullptr) continue;
    const std::int64_t expert = width(mixture->experts.front());
    if (fields.has(of_experts)) {
      check_size(fields, of_experts, expert);
    } else {
      check_ffn(expert);
    }
    if (!mixture->shared) continue;
    // Of Gemma 4 it is the FFN that there is without experts too.
    if (weights.architecture().expert_norms) check_ffn(width(*mixture->shared));
    check_size(fields, of_shared, width(*mixture->shared));
    if (!fields.has(of_shared) && fields.has(shared_count)) {
      const std::int64_t count = fields.count(shared_count, kMaxHeadSize);
      if (count * expert != width(*mixture->shared)) {
        fields.fail(shared_count, "is " + std::to_string(count) + ", but the shared expert has " +
                                      std::to_string(width(*mixture->shared)) +
                                      " where others have " + std::to_string(expert));
      }
    }
  }
}

// Each size that the metadata give, against the tensors: those that the pass does not read too,
// since a file in which they do not fit is another model's, or a part of one.
void check_sizes(const GgufFile& file, const GgufFamily& family, const GgufFields& fields,
                 const ModelWeights& weights) {
  const Architecture& a = weights.architecture();
  const std::int64_t d = weights.hidden_size();
  check_size(fields, "embedding_length", d);
  check_size(fields, "block_count",
             static_cast<std::int64_t>(weights.blocks().size()) + fields.further_blocks());
  check_size(fields, "vocab_size", weights.vocab_size());
  check_widths(fields, family, weights);
  constexpr std::string_view kKeySize = "attention.key_length";
  if (a.attention.empty() && weights.has(Role::query_key_value_weight, 1)) {
    check_size(fields, kKeySize, weights.head_size());
  }
  if (a.latent.rank > 0) {
    check_latent(fields, weights);
  } else {
    for (const Role role :
         {Role::query_weight, Role::sink_query_weight, Role::key_weight, Role::sink_key_weight}) {
      check_heads(fields, kKeySize, weights, role);
    }
    check_heads(fields, "attention.value_length", weights, Role::value_weight);
  }
  if (a.learned_positions) {
    check_size(fields, "context_length", weights.stored_shape(Role::position_embedding, 0).front());
  }
  const std::vector<std::int64_t> head = weights.stored_shape(Role::head_weight, 0);
  const std::vector<std::int64_t> expected_head = {weights.vocab_size(), d};
  if (!head.empty() && head != expected_head) {
    throw FileError(
        file.path(), "tensor output.weight",
        "has shape " + shape_text(head) + " where " + shape_text(expected_head) + " is expected");
  }
  const std::string tokens = std::string(kTokenizer) + "tokens";
  if (file.has(tokens) && file.length(tokens) != weights.vocab_size()) {
    throw FileError(file.path(), "key " + tokens,
                    "has " + std::to_string(file.length(tokens)) +
                        " tokens, but the weights have " + std::to_string(weights.vocab_size()));
  }
}

}  // namespace

Architecture architecture_from_gguf(const GgufFile& file) {
  return with_file_errors(file.path(), "model", [&] {
    const GgufFamily& family = family_of(file);
    return read_architecture(file, family, GgufFields(file, family.name));
  });
}

ModelWeights load_gguf(const std::filesystem::path& file) {
  const GgufFile gguf = GgufFile::open(file);
  return with_file_errors(gguf.path(), "model", [&] {
    const GgufFamily& family = family_of(gguf);
    const GgufFields fields(gguf, family.name);
    const Architecture architecture = read_architecture(gguf, family, fields);
    const RoleNames names = gguf_role_names(fields, architecture);
    NamedTensors tensors = gguf.tensors();
    std::vector<std::string> warnings;
    if (const std::int64_t further = fields.further_blocks(); further > 0) {
      warnings = leave_further_blocks_out("blk.", fields.blocks(), further, tensors);
    }
    restore_shapes(architecture.heads, tensors);
    if (architecture.per_layer_in_part) leave_padding_out(tensors);
    split_stacked(gguf.path(), architecture, tensors);
    if (architecture.activation == Activation::xielu) add_xielu(gguf, fields.blocks(), tensors);
    ModelWeights weights = ModelWeights::from_tensors(architecture, std::move(tensors), names);
    check_sizes(gguf, family, fields, weights);
    note_ids_outside(gguf, weights);
    for (const std::string& warning : warnings) weights.add_warning(warning);
    if (const std::string caveat = architecture.caveat(); !caveat.empty()) {
      weights.add_warning(caveat);
    }
    if (!family.fixed.empty()) weights.refuse_changes(std::string(family.fixed));
    return weights;
  });
}

}  // namespace azimuth
