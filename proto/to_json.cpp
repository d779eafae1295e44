#include <google/protobuf/util/json_util.h>

#include <stdexcept>
#include <string>

#include "azimuth/proto_conversion.h"

namespace azimuth {

std::string to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) throw std::runtime_error("JSON: " + std::string(status.message()));
  return json;
}

std::string to_json(const Observation& observation) { return to_json(to_proto(observation)); }
std::string to_json(const Signature& signature) { return to_json(to_proto(signature)); }
std::string to_json(const Comparison& comparison) { return to_json(to_proto(comparison)); }
std::string to_json(const Audit& audit) { return to_json(to_proto(audit)); }
std::string to_json(const Lineage& lineage) { return to_json(to_proto(lineage)); }
std::string to_json(std::span<const Audit> audits) { return to_json(to_proto(audits)); }

}  // namespace azimuth
