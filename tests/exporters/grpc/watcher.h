#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "azimuth/grpc_exporter.h"
#include "azimuth/v1/monitor_service.grpc.pb.h"
#include "support/sample_observation.h"

namespace azimuth::testing {

/// Long enough for a busy machine; reached only where a test fails.
inline constexpr std::chrono::seconds kPatience{60};

inline MonitorStatus sample_status() {
  MonitorStatus status;
  status.run = "sample-run";
  return status;
}

inline std::shared_ptr<GrpcExporter> serving(GrpcExporterOptions options = {}) {
  auto exporter = GrpcExporter::listen("127.0.0.1:0", options);
  exporter->open(sample_status);
  return exporter;
}

inline Record sample_record(std::int64_t sequence) {
  return {sample_observation(sequence), TrackerState(), nullptr};
}

/// A connection of its own, so that one that is not read does not hold up others.
inline std::shared_ptr<grpc::Channel> connect(const GrpcExporter& exporter) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(exporter.port()),
                                   grpc::InsecureChannelCredentials(), arguments);
}

/// Connecting is tried again if it fails: the client of gRPC 1.51 at times takes a connection that
/// is still being made for a failed one, because it looks at errno too late.
inline void be_patient(grpc::ClientContext& context) {
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
}

/// One subscriber.
class Watcher {
 public:
  explicit Watcher(const GrpcExporter& exporter, std::int64_t after_sequence = 0,
                   const std::string& run = "")
      : stub_(v1::MonitorService::NewStub(connect(exporter))) {
    be_patient(context_);
    v1::WatchRequest request;
    request.set_after_sequence(after_sequence);
    request.set_run(run);
    reader_ = stub_->Watch(&context_, request);
  }

  /// Waits for the next observation. Nothing: the stream has ended.
  std::optional<v1::Observation> next() {
    v1::WatchResponse response;
    if (!reader_->Read(&response)) return std::nullopt;
    return response.observation();
  }

  /// Sequence of the next observation; -1: the stream has ended.
  std::int64_t next_sequence() {
    const auto observation = next();
    return observation ? observation->sequence() : -1;
  }

  std::vector<std::int64_t> rest() {
    std::vector<std::int64_t> sequences;
    for (std::int64_t s = next_sequence(); s >= 0; s = next_sequence()) sequences.push_back(s);
    return sequences;
  }

  /// Waits until the server has begun to answer, without reading.
  void wait_until_subscribed() { reader_->WaitForInitialMetadata(); }

  /// After the stream has ended.
  grpc::Status status() { return reader_->Finish(); }

  ~Watcher() { context_.TryCancel(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  std::unique_ptr<v1::MonitorService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
};

}  // namespace azimuth::testing
