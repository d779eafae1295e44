#pragma once

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <string>

#include "azimuth/mutex.h"
#include "azimuth/observation.h"
#include "azimuth/v1/monitor_service.grpc.pb.h"
#include "observation_feed.h"

namespace azimuth {

/// MonitorService over a feed. Each observation is serialised once, for all subscribers. Outlives
/// the server that it is registered with.
class WatchService final
    : public v1::MonitorService::WithRawCallbackMethod_Watch<v1::MonitorService::Service> {
 public:
  using Feed = ObservationFeed<grpc::ByteBuffer>;

  explicit WatchService(std::size_t history) : feed_(history) {}

  /// Requests for a run of another name are refused from now on.
  void serve(std::string run);

  /// Throws std::invalid_argument unless sequences rise.
  void publish(const Observation& observation);

  Feed& feed() { return feed_; }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;

 private:
  grpc::Status check(const v1::WatchRequest& request);

  Feed feed_;
  Mutex mutex_;
  std::string run_ AZIMUTH_GUARDED_BY(mutex_);
};

}  // namespace azimuth
