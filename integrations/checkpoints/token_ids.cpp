#include "azimuth/token_ids.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>

#include "azimuth/hexadecimal.h"
#include "azimuth/sha256.h"
#include "azimuth/token_strings.h"
#include "files/mapped_file.h"

namespace azimuth {
namespace {

static_assert(std::endian::native == std::endian::little, "what is read below is little-endian");

constexpr std::string_view kMagic = "AZTOKENS";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kMostIds = 100'000'000;

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t id_bytes;
  std::uint64_t vocab_size;
  std::uint64_t count;
  char tokenizer_digest[32];
};
static_assert(sizeof(Header) == 64);

template <class Id>
void append(std::span<const std::byte> bytes, std::vector<std::int64_t>& ids) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Id)) {
    Id id;
    std::memcpy(&id, bytes.data() + at, sizeof(Id));
    ids.push_back(static_cast<std::int64_t>(id));
  }
}

void add_number(Sha256& sum, std::size_t number) {
  const auto word = static_cast<std::uint32_t>(number);
  sum.add(&word, sizeof(word));
}

std::string digest_of(std::vector<std::int64_t> ids, const std::vector<std::string>& spellings) {
  std::ranges::sort(ids);
  const auto [first, last] = std::ranges::unique(ids);
  ids.erase(first, last);
  Sha256 sum;
  for (const std::int64_t id : ids) {
    const auto at = static_cast<std::size_t>(id);
    const std::string spelling = at < spellings.size() ? spellings[at] : std::string();
    add_number(sum, at);
    add_number(sum, spelling.size());
    sum.add(spelling);
  }
  return sum.hexadecimal();
}

}  // namespace

TokenIds read_token_ids(const std::filesystem::path& file) {
  const MappedFile mapping(file);
  const auto bytes = mapping.bytes();
  const auto fail = [&](const std::string& why) { throw FileError(file, "token ids", why); };
  Header header;
  if (bytes.size() < sizeof(header) ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    fail("is not a file of token ids; scripts/tokenize makes one of a text");
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.version != kVersion) {
    fail("has version " + std::to_string(header.version) + "; " + std::to_string(kVersion) +
         " is read");
  }
  if (header.id_bytes != 2 && header.id_bytes != 4) {
    fail("has ids of " + std::to_string(header.id_bytes) + " bytes; they have 2 or 4");
  }
  if (header.count == 0) fail("has no ids");
  if (header.count > kMostIds) {
    fail("has " + std::to_string(header.count) + " ids; at most " + std::to_string(kMostIds) +
         " are read");
  }
  const auto body = bytes.subspan(sizeof(header));
  if (body.size() != header.count * header.id_bytes) {
    fail("has " + std::to_string(body.size()) + " bytes of ids, where " +
         std::to_string(header.count) + " ids have " +
         std::to_string(header.count * header.id_bytes));
  }
  Sha256 sum;
  sum.add(bytes.data(), bytes.size());
  TokenIds out = {.file = file,
                  .digest = sum.hexadecimal(),
                  .vocab_size = static_cast<std::int64_t>(header.vocab_size),
                  .tokenizer_digest = hexadecimal({header.tokenizer_digest, 32}),
                  .ids = {}};
  out.ids.reserve(header.count);
  header.id_bytes == 2 ? append<std::uint16_t>(body, out.ids)
                       : append<std::uint32_t>(body, out.ids);
  const std::int64_t largest = std::ranges::max(out.ids);
  if (out.vocab_size <= largest) {
    fail("has the id " + std::to_string(largest) + " in a vocabulary of " +
         std::to_string(header.vocab_size));
  }
  return out;
}

void refuse_tokens_of_another(const TokenIds& tokens, const std::filesystem::path& checkpoint,
                              std::int64_t vocab_size) {
  const auto fail = [&](const std::string& why) { throw FileError(tokens.file, "token ids", why); };
  const std::int64_t largest = std::ranges::max(tokens.ids);
  if (largest >= vocab_size) {
    fail("has the id " + std::to_string(largest) + ", beyond the model's vocabulary of " +
         std::to_string(vocab_size));
  }
  const std::vector<std::string> spellings = read_token_spellings(checkpoint);
  if (spellings.empty() || digest_of(tokens.ids, spellings) == tokens.tokenizer_digest) return;
  fail("was made with another tokenizer than that of " + checkpoint.string());
}

}  // namespace azimuth
