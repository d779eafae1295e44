#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>

#include "azimuth/mutex.h"
#include "azimuth/observation.h"
#include "azimuth/v1/monitor_service.grpc.pb.h"
#include "observation_feed.h"

namespace azimuth {

/// MonitorService over the feeds of the runs of one address. Outlives the server that it is
/// registered with. Thread-safe.
class WatchService final
    : public v1::MonitorService::WithRawCallbackMethod_Watch<v1::MonitorService::Service> {
 public:
  using Feed = ObservationFeed<grpc::ByteBuffer>;

  /// Throws std::invalid_argument if a run of that name is here.
  void add(const std::string& run, std::shared_ptr<Feed> feed);
  /// Whoever watches goes on; requests for it are refused from now on.
  void remove(const std::string& run);

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;

 private:
  /// Null, with the reason in `status`: it is refused.
  std::shared_ptr<Feed> feed_for(const v1::WatchRequest& request, grpc::Status& status);

  Mutex mutex_;
  std::map<std::string, std::shared_ptr<Feed>> feeds_ AZIMUTH_GUARDED_BY(mutex_);  ///< by run
};

/// Serialised once, for all subscribers. Throws std::invalid_argument unless sequences rise.
void publish(WatchService::Feed& feed, const Observation& observation);

}  // namespace azimuth
