#pragma once

#include <memory>
#include <string>

#include "azimuth/mutex.h"
#include "watch_service.h"

namespace azimuth {

/// The gRPC server of one address, for all its runs. Thread-safe.
class GrpcRunsServer {
 public:
  explicit GrpcRunsServer(std::string address) : address_(std::move(address)) {}
  /// Waits a moment for subscribers to take what is theirs.
  ~GrpcRunsServer();
  GrpcRunsServer(const GrpcRunsServer&) = delete;
  GrpcRunsServer& operator=(const GrpcRunsServer&) = delete;

  WatchService& service() { return service_; }

  /// Gives the port. Throws std::runtime_error if the port is taken or cannot be bound; does
  /// nothing once it is.
  int listen();

 private:
  const std::string address_;
  WatchService service_;
  Mutex mutex_;
  int port_ AZIMUTH_GUARDED_BY(mutex_) = 0;
  /// Last, since it calls the service until it is destroyed.
  std::unique_ptr<grpc::Server> server_ AZIMUTH_GUARDED_BY(mutex_);
};

}  // namespace azimuth
