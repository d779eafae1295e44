#pragma once

#include <google/protobuf/stubs/logging.h>

#include <string_view>

#include "azimuth/proto_conversion.h"
#include "database.h"

namespace azimuth {

/// A struct out of the bytes of its message. Throws std::runtime_error if they are damaged.
template <class Message>
auto from_stored(const Database& database, std::string_view bytes) {
  Message message;
  const google::protobuf::LogSilencer silence;  // the error below says it
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    database.fail("cannot read", "damaged " + message.GetTypeName());
  }
  try {
    return from_proto(message);
  } catch (const std::invalid_argument& error) {
    database.fail("cannot read", error.what());
  }
}

}  // namespace azimuth
