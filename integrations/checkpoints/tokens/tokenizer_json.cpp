#include "tokens/tokenizer_json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>
#include <variant>

#include "azimuth/file_error.h"
#include "files/strict_json.h"
#include "tokens/spelling.h"

namespace azimuth {
namespace {

// Gemma's, the largest in use, has 33 MB and two million values, most of them merges.
constexpr std::size_t kMostTokenizerBytes = 128 << 20;
constexpr std::size_t kMostTokenizerValues = 4'000'000;

struct AddedToken {
  std::optional<std::int64_t> id;
  std::optional<std::string> content;
  bool special = false;
};

struct TokenizerFields {
  std::string type;  ///< of the model
  bool byte_fallback = false;
  std::string continuing_prefix;
  bool byte_level = false;  ///< a step before or after the model is ByteLevel
  bool has_vocabulary = false;
  bool scored = false;  ///< the vocabulary is a list, as Unigram has it
  std::vector<std::pair<std::string, std::int64_t>> vocabulary;
  std::vector<AddedToken> added;
  std::string beginning;  ///< the special token in front of the template of one text
};

/// Takes what is wanted out of the values as they come. What else is there, such as a million
/// merges, is never kept.
class TokenizerReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TokenizerReader(const std::filesystem::path& file) : file_(file) {}

  TokenizerFields fields;

  bool null() override { return value(std::monostate()); }
  bool boolean(bool flag) override { return value(flag); }
  bool number_integer(number_integer_t number) override { return value(std::int64_t{number}); }
  bool number_unsigned(number_unsigned_t number) override {
    constexpr auto kMost = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return value(static_cast<std::int64_t>(std::min(number, kMost)));
  }
  bool number_float(number_float_t, const string_t&) override { return value(std::monostate()); }
  bool string(string_t& text) override {
    return place() == Place::elsewhere ? ended() : value(std::move(text));
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    enter(false);
    if (open_.size() == 3 && in("added_tokens")) fields.added.emplace_back();
    return true;
  }
  bool end_object() override {
    if (open_.size() == 3 && in("added_tokens")) check_added();
    open_.pop_back();
    return ended();
  }
  bool start_array(std::size_t) override {
    enter(true);
    return true;
  }
  bool end_array() override {
    if (open_.size() == 4 && in_vocabulary() && open_.back().elements < 2) {
      fail("vocabulary",
           "number " + std::to_string(open_[2].elements) + " is no pair of a string and a score");
    }
    open_.pop_back();
    return ended();
  }
  bool key(string_t& name) override {
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;  // thrown before it comes here
  }

 private:
  struct Open {
    bool array = false;
    std::string key = {};      ///< of the member that is read
    std::size_t elements = 0;  ///< of an array, those that have been read
  };
  using Value = std::variant<std::monostate, bool, std::int64_t, std::string>;

  enum class Place {
    elsewhere,
    type,
    byte_fallback,
    continuing_prefix,
    id,         ///< of the vocabulary, whose key is the token
    scored,     ///< an element of a pair of token and score
    added,      ///< a member of an added token
    step_type,  ///< of what is done before or behind the model
    beginning   ///< the first of a template of one text
  };

  [[noreturn]] void fail(const std::string& what, const std::string& why) const {
    throw FileError(file_, what, why);
  }

  bool in(std::string_view top) const { return !open_[0].array && open_[0].key == top; }
  bool in_vocabulary() const {
    return open_.size() > 2 && in("model") && !open_[1].array && open_[1].key == "vocab";
  }

  Place place() const {
    const std::size_t depth = open_.size();
    if (depth < 2 || open_[0].array) return Place::elsewhere;
    if (in_vocabulary()) {
      if (depth == 3) return open_[2].array ? Place::scored : Place::id;
      return depth == 4 && open_[2].array ? Place::scored : Place::elsewhere;
    }
    if (open_.back().array) return Place::elsewhere;
    const std::string& name = open_.back().key;
    if (in("model") && depth == 2) {
      if (name == "type") return Place::type;
      if (name == "byte_fallback") return Place::byte_fallback;
      if (name == "continuing_subword_prefix") return Place::continuing_prefix;
    }
    if (in("added_tokens") && depth == 3) return Place::added;
    if (in("post_processor") && depth >= 5 && name == "id" && begins_template()) {
      return Place::beginning;
    }
    const bool step = in("normalizer") || in("pre_tokenizer") || in("decoder");
    return step && name == "type" ? Place::step_type : Place::elsewhere;
  }

  // "single": [{"SpecialToken": {"id": ...}}, ...
  bool begins_template() const {
    const Open* const token = &open_[open_.size() - 2];
    const Open* const list = token - 1;
    const Open* const owner = list - 1;
    return !token->array && token->key == "SpecialToken" && list->array && list->elements == 0 &&
           !owner->array && owner->key == "single";
  }

  void enter(bool array) {
    if (open_.size() == 2 && in("model") && !open_[1].array && open_[1].key == "vocab") {
      fields.has_vocabulary = true;
      fields.scored = array;
    }
    const Place at = place();
    if (at == Place::id || (at == Place::scored && (open_.size() == 4 || !array))) {
      value(std::monostate());  // refused
    }
    open_.push_back({array});
  }

  bool ended() {
    if (!open_.empty() && open_.back().array) ++open_.back().elements;
    return true;
  }

  bool value(Value value) {
    auto* const text = std::get_if<std::string>(&value);
    const auto* const flag = std::get_if<bool>(&value);
    const auto* const number = std::get_if<std::int64_t>(&value);
    switch (place()) {
      case Place::type:
        if (text) fields.type = std::move(*text);
        break;
      case Place::byte_fallback:
        fields.byte_fallback = flag && *flag;
        break;
      case Place::continuing_prefix:
        if (text) fields.continuing_prefix = std::move(*text);
        break;
      case Place::id:
        if (!number) fail("token " + open_.back().key, "its id is not an integer");
        put(open_.back().key, *number);
        break;
      case Place::scored:
        put_scored(text);
        break;
      case Place::added:
        put_added(text, flag, number);
        break;
      case Place::step_type:
        fields.byte_level = fields.byte_level || (text && *text == "ByteLevel");
        break;
      case Place::beginning:
        if (text) fields.beginning = std::move(*text);
        break;
      case Place::elsewhere:
        break;
    }
    return ended();
  }

  void put(std::string token, std::int64_t id) {
    fields.vocabulary.emplace_back(std::move(token), id);
    TokenTable::check_count(file_, "vocabulary", std::ssize(fields.vocabulary));
  }

  void put_scored(std::string* text) {
    const auto id = static_cast<std::int64_t>(open_[2].elements);
    if (open_.size() == 3 || (open_.back().elements == 0 && !text)) {
      fail("vocabulary", "number " + std::to_string(id) + " is no pair of a string and a score");
    }
    if (open_.back().elements == 0) put(std::move(*text), id);
  }

  void put_added(std::string* text, const bool* flag, const std::int64_t* number) {
    AddedToken& token = fields.added.back();
    const std::string& name = open_.back().key;
    if (name == "id" && number) token.id = *number;
    if (name == "content" && text) token.content = std::move(*text);
    if (name == "special" && flag) token.special = *flag;
  }

  void check_added() const {
    const std::string what = "added token number " + std::to_string(fields.added.size());
    if (!fields.added.back().content) fail(what, "has no content");
    if (!fields.added.back().id) fail(what, "has no id");
  }

  const std::filesystem::path& file_;
  std::vector<Open> open_;
};

// How the model spells tokens; nothing of a kind that is not known.
using Respell = std::string (*)(const TokenizerFields&, std::string_view);

Respell respelling_of(const TokenizerFields& fields) {
  if (fields.type == "WordPiece") {
    return [](const TokenizerFields& of, std::string_view token) {
      if (of.continuing_prefix.empty() || !token.starts_with(of.continuing_prefix)) {
        return " " + std::string(token);
      }
      return std::string(token.substr(of.continuing_prefix.size()));
    };
  }
  // Old files do not name the kind.
  if (fields.type != "BPE" && fields.type != "Unigram" && !fields.type.empty()) return nullptr;
  if (fields.byte_level) {
    return [](const TokenizerFields&, std::string_view token) { return from_byte_level(token); };
  }
  return [](const TokenizerFields& of, std::string_view token) {
    std::string byte = of.byte_fallback ? from_byte_piece(token) : std::string();
    return byte.empty() ? from_sentencepiece(token) : byte;
  };
}

void refuse_twice(const std::filesystem::path& file, std::unordered_set<std::int64_t>& ids,
                  const std::string& token, std::int64_t id) {
  if (ids.insert(id).second) return;
  throw FileError(file, "token " + token,
                  "has the id " + std::to_string(id) + ", as another one has");
}

}  // namespace

std::string read_template_beginning(const std::filesystem::path& file) {
  TokenizerReader reader(file);
  read_json_file(file, kMostTokenizerBytes, kMostTokenizerValues, reader);
  return reader.fields.beginning;
}

std::vector<std::string> read_tokenizer_json(const std::filesystem::path& file, TokenForm form) {
  TokenizerReader reader(file);
  read_json_file(file, kMostTokenizerBytes, kMostTokenizerValues, reader);
  const TokenizerFields& fields = reader.fields;
  if (!fields.has_vocabulary) throw FileError(file, "key model.vocab", "is missing");
  const Respell respelled = respelling_of(fields);
  if (respelled == nullptr) return {};
  TokenTable table(file, form);
  std::unordered_set<std::int64_t> ids;
  for (const auto& [token, id] : fields.vocabulary) {
    refuse_twice(file, ids, token, id);
    table.put(id, token, respelled(fields, token));
  }
  // They are found in the text before the model sees it, and stand for what they say. Most are in
  // the vocabulary too.
  ids.clear();
  for (const AddedToken& token : fields.added) {
    refuse_twice(file, ids, *token.content, *token.id);
    std::string text = fields.byte_level ? *token.content : from_sentencepiece(*token.content);
    table.put(*token.id, *token.content, token.special ? std::string() : std::move(text));
  }
  return table.take();
}

}  // namespace azimuth
