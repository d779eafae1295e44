#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "azimuth/exporter.h"

namespace azimuth {

struct GrpcExporterOptions {
  /// Newest observations held for subscribers that come late, come back or are slow. At least 1.
  std::size_t history = 256;
};

/// Serves azimuth.v1.MonitorService: `Watch` streams every observation as it is made, beginning
/// with the newest there is, or after the sequence that the subscriber saw last. Beside it run the
/// health service, which says SERVING for "" and "azimuth.v1.MonitorService", and reflection:
///
///     monitor.add(azimuth::GrpcExporter::listen("127.0.0.1:50051"));
///
///     grpcurl -plaintext 127.0.0.1:50051 azimuth.v1.MonitorService/Watch
///
/// Exporters of one process that name the same address share its server; `Watch` then has to name
/// the run. An address is the same if it is written in the same way.
///
/// There is no authentication and no encryption: an address other than a loopback one shows the run
/// to everybody who reaches it.
///
/// A subscriber never delays training, `write` or another subscriber. One that reads too slowly
/// falls behind; when the history has overtaken it, it goes on with the oldest observation still
/// held, and sees the gap in `sequence`.
///
/// gRPC keeps two switches for the whole process that `open` turns on: servers that the program
/// builds later have health and reflection services too.
class GrpcExporter final : public Exporter {
 public:
  /// `address` is HOST:PORT, or [IPV6]:PORT; port 0 takes a free one. Binds nothing yet. Throws
  /// std::invalid_argument if the address is malformed or an option out of range.
  static std::shared_ptr<GrpcExporter> listen(std::string address,
                                              GrpcExporterOptions options = {});

  /// Ends all streams, with UNAVAILABLE if the run has not ended. The last exporter of an address
  /// waits at most about a second for subscribers to take what is theirs.
  ~GrpcExporter() override;

  /// The port that is served; 0 before `open`. From any thread.
  int port() const { return port_; }

  std::string_view name() const override { return "grpc"; }

  /// Throws std::invalid_argument if another exporter serves a run of this name at this address.
  void claim(std::string_view run) override;

  /// Throws std::runtime_error if the port is taken or cannot be bound.
  void open(StatusSource status) override;

  /// Throws std::invalid_argument unless sequences rise.
  void write(const Record& record) override;

  /// Waits until every subscriber has been sent everything and its stream has been ended with OK.
  void end_run(std::chrono::steady_clock::time_point deadline) override;

 private:
  struct Served;

  GrpcExporter(std::string address, GrpcExporterOptions options);

  const std::string address_;
  const std::unique_ptr<Served> served_;
  std::atomic<int> port_ = 0;
};

}  // namespace azimuth
