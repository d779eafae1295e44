#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "azimuth/mutex.h"
#include "azimuth/v1/monitor_service.grpc.pb.h"

namespace azimuth::cli {

/// Follows a run over azimuth.v1.MonitorService, whatever happens to the connection.
class WatchClient {
 public:
  struct Options {
    std::string address;
    std::string run;                     ///< empty: whichever is served
    std::chrono::duration<double> wait;  ///< for the first answer
  };
  /// Called on the thread that follows.
  struct Callbacks {
    std::function<void()> connected;  ///< once, before all others
    std::function<void(const v1::Observation&)> observed;
    std::function<void(const std::string& why)> broken;  ///< and it tries again
  };
  enum class End { run_ended, stopped };

  explicit WatchClient(Options options);

  /// Gives every observation once, from the newest on, until the run ends. Throws
  /// std::runtime_error, "ADDRESS: what: why", where nothing answers at the start, or what answers
  /// does not serve the run; and what the callbacks throw.
  End follow(const Callbacks& callbacks);

  /// Ends `follow`. From any thread.
  void stop();

 private:
  grpc::Status stream(const Callbacks& callbacks, std::int64_t after_sequence);
  void read(grpc::ClientReader<v1::WatchResponse>& reader, grpc::ClientContext& context,
            const Callbacks& callbacks, std::int64_t after_sequence);
  bool set_context(grpc::ClientContext* context);
  bool is_new(const v1::Observation& observation) const;
  bool leaves_gap(const v1::Observation& observation) const;
  bool wait_until_connected();
  bool pause(std::chrono::milliseconds time);
  bool stopped();

  const Options options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MonitorService::Stub> stub_;
  v1::Observation last_;   ///< without a run: none yet
  bool gap_ = false;       ///< the stream was left to fetch what came between
  bool received_ = false;  ///< by the newest stream

  Mutex mutex_;
  Condition stop_;
  bool stopped_ AZIMUTH_GUARDED_BY(mutex_) = false;
  /// Of the stream that is open.
  grpc::ClientContext* context_ AZIMUTH_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace azimuth::cli
