#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "azimuth/grpc_exporter.h"
#include "exporters/grpc/watcher.h"

namespace azimuth {
namespace {

using testing::connect;
using ::testing::HasSubstr;
using testing::serving;

/// A message of a type that is known to the program by name only.
std::unique_ptr<google::protobuf::Message> message_of(const std::string& type) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (descriptor == nullptr) throw std::runtime_error("no descriptor of " + type);
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

struct Method {
  const char* path;
  const char* request;
  const char* response;
};

constexpr Method kCheck = {"/grpc.health.v1.Health/Check", "grpc.health.v1.HealthCheckRequest",
                           "grpc.health.v1.HealthCheckResponse"};
constexpr Method kReflection = {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                "grpc.reflection.v1alpha.ServerReflectionRequest",
                                "grpc.reflection.v1alpha.ServerReflectionResponse"};

/// Sends one message and gives the bytes of the first answer, as grpcurl would.
std::string ask(const GrpcExporter& exporter, const Method& method, const std::string& json) {
  const auto request = message_of(method.request);
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, request.get()).ok());
  const grpc::Slice slice(request->SerializeAsString());

  grpc::GenericStub stub(connect(exporter));
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  testing::be_patient(context);
  const auto finished = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream = stub.PrepareCall(&context, method.path, &queue);
  stream->StartCall(nullptr);
  EXPECT_TRUE(finished());
  stream->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  EXPECT_TRUE(finished());
  grpc::ByteBuffer answer;
  stream->Read(&answer, nullptr);
  const bool answered = finished();
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(finished());
  EXPECT_TRUE(status.ok()) << status.error_message();

  grpc::Slice bytes;
  if (!answered || !answer.DumpToSingleSlice(&bytes).ok()) return "";
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

std::string as_json(const Method& method, const std::string& bytes) {
  const auto response = message_of(method.response);
  EXPECT_TRUE(response->ParseFromString(bytes));
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(*response, &json).ok());
  return json;
}

TEST(GrpcServices, HealthIsServing) {
  const auto exporter = serving();
  for (const char* service : {R"({})", R"({"service": "azimuth.v1.MonitorService"})"})
    EXPECT_EQ(as_json(kCheck, ask(*exporter, kCheck, service)), R"({"status":"SERVING"})");
}

TEST(GrpcServices, ReflectionListsThem) {
  const auto exporter = serving();
  const std::string json =
      as_json(kReflection, ask(*exporter, kReflection, R"({"list_services": ""})"));
  EXPECT_THAT(json, HasSubstr(R"("name":"azimuth.v1.MonitorService")"));
  EXPECT_THAT(json, HasSubstr(R"("name":"grpc.health.v1.Health")"));
}

TEST(GrpcServices, ReflectionDescribesThem) {
  const auto exporter = serving();
  // The answer holds the descriptor's bytes, in which names stand as they are.
  const std::string health =
      ask(*exporter, kReflection, R"({"file_containing_symbol": "grpc.health.v1.Health"})");
  EXPECT_THAT(health, HasSubstr("grpc/health/v1/health.proto"));
  EXPECT_THAT(health, HasSubstr("HealthCheckResponse"));

  const std::string monitor =
      ask(*exporter, kReflection, R"({"file_containing_symbol": "azimuth.v1.MonitorService"})");
  EXPECT_THAT(monitor, HasSubstr("azimuth/v1/monitor_service.proto"));
  EXPECT_THAT(monitor, HasSubstr("azimuth/v1/observation.proto"));
  EXPECT_THAT(monitor, HasSubstr("WatchResponse"));
}

}  // namespace
}  // namespace azimuth
