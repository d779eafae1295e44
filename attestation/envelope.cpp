#include "envelope.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "azimuth/file_error.h"
#include "base64.h"
#include "integrations/checkpoints/files/strict_json.h"

namespace azimuth {
namespace {

using nlohmann::json;

constexpr std::string_view kPayloadType = "application/vnd.in-toto+json";
constexpr std::size_t kMaxEnvelopeBytes = 16 << 20;
constexpr std::size_t kMaxSignatures = 100;
constexpr std::size_t kMaxEnvelopeValues = 1000;

/// DSSE's pre-authentication encoding: what is signed.
std::string pre_authentication_encoding(std::string_view payload) {
  return "DSSEv1 " + std::to_string(kPayloadType.size()) + " " + std::string(kPayloadType) + " " +
         std::to_string(payload.size()) + " " + std::string(payload);
}

/// An object with these members of strings and no others; `optional` may be missing.
struct Members {
  const std::filesystem::path& file;
  std::string what;
  const json& object;

  const std::string& text(const char* name) const {
    const auto member = object.find(name);
    if (member == object.end() || !member->is_string()) {
      throw FileError(file, what, std::string("has no ") + name + " that is a string");
    }
    return member->get_ref<const std::string&>();
  }

  void allow_only(std::initializer_list<std::string_view> names) const {
    for (const auto& [name, value] : object.items()) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      throw FileError(file, what, "has the member '" + name + "', which nobody signs");
    }
  }

  std::string decoded(const char* name) const {
    if (std::optional<std::string> bytes = from_base64(text(name))) return *std::move(bytes);
    throw FileError(file, what, std::string(name) + " is not base64 in its one standard spelling");
  }
};

}  // namespace

std::string sealed(std::string_view statement, const SigningKey& key) {
  const std::string signature = key.sign(pre_authentication_encoding(statement));
  const nlohmann::ordered_json envelope = {
      {"payload", base64(statement)},
      {"payloadType", kPayloadType},
      {"signatures", json::array({{{"keyid", key.id()}, {"sig", base64(signature)}}})}};
  return envelope.dump() + "\n";
}

std::string opened(const std::filesystem::path& file, const VerifyingKey& key) {
  const json envelope = parse_json_file<json>(file, kMaxEnvelopeBytes, kMaxEnvelopeValues);
  if (!envelope.is_object()) throw FileError(file, "envelope", "is not an object");
  const Members members{file, "envelope", envelope};
  members.allow_only({"payload", "payloadType", "signatures"});
  if (const std::string& type = members.text("payloadType"); type != kPayloadType) {
    throw FileError(file, "envelope",
                    "its payloadType is '" + type + "', and not " + std::string(kPayloadType));
  }
  std::string payload = members.decoded("payload");
  const std::string message = pre_authentication_encoding(payload);
  const auto signatures = envelope.find("signatures");
  if (signatures == envelope.end() || !signatures->is_array() || signatures->empty() ||
      signatures->size() > kMaxSignatures) {
    throw FileError(file, "envelope",
                    "has no list of 1 to " + std::to_string(kMaxSignatures) + " signatures");
  }
  bool good = false;
  for (std::size_t i = 0; i < signatures->size(); ++i) {
    const json& signature = (*signatures)[i];
    const std::string what = "signature " + std::to_string(i + 1);
    if (!signature.is_object()) throw FileError(file, what, "is not an object");
    const Members parts{file, what, signature};
    parts.allow_only({"keyid", "sig"});
    const std::string bytes = parts.decoded("sig");
    const std::string id = signature.contains("keyid") ? parts.text("keyid") : "";
    good = good || (key.is_named(id) && key.verifies(message, bytes));
  }
  if (!good) {
    throw FileError(file, "signature",
                    "none is of this payload by the key " + key.id() +
                        ": it was changed, or another key signed it");
  }
  return payload;
}

}  // namespace azimuth
