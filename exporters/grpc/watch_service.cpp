#include "watch_service.h"

#include <stdexcept>
#include <utility>

#include "azimuth/proto_conversion.h"

namespace azimuth {
namespace {

/// One subscriber's call. Deletes itself when gRPC is done with it.
class Stream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                     public WatchService::Feed::Subscriber {
 public:
  explicit Stream(std::shared_ptr<WatchService::Feed> feed) : feed_(std::move(feed)) {}

  void send(const grpc::ByteBuffer& message) override {
    message_ = message;
    StartWrite(&message_);
  }

  void finish(WatchService::Feed::End end) override {
    switch (end) {
      case WatchService::Feed::End::cancelled:
        return Finish(grpc::Status::CANCELLED);
      case WatchService::Feed::End::run_ended:
        return Finish(grpc::Status::OK);
      case WatchService::Feed::End::closed:
        return Finish({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
    }
  }

  void OnWriteDone(bool ok) override { feed_->sent(*this, ok); }
  void OnCancel() override { feed_->cancel(*this); }
  void OnDone() override {
    feed_->remove(*this);
    delete this;
  }

 private:
  const std::shared_ptr<WatchService::Feed> feed_;  ///< which its exporter may have left
  grpc::ByteBuffer message_;
};

class Refusal final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Refusal(const grpc::Status& why) { Finish(why); }
  void OnDone() override { delete this; }
};

}  // namespace

void WatchService::add(const std::string& run, std::shared_ptr<Feed> feed) {
  Lock lock(mutex_);
  if (!feeds_.emplace(run, std::move(feed)).second) {
    throw std::invalid_argument("gRPC exporter: this address already serves a run " + run +
                                ": give this one another name or another port");
  }
}

void WatchService::remove(const std::string& run) {
  Lock lock(mutex_);
  feeds_.erase(run);
}

void publish(WatchService::Feed& feed, const Observation& observation) {
  v1::WatchResponse response;
  *response.mutable_observation() = to_proto(observation);
  grpc::ByteBuffer message;
  bool owned = false;
  const grpc::Status status =
      grpc::SerializationTraits<v1::WatchResponse>::Serialize(response, &message, &owned);
  if (!status.ok()) throw std::runtime_error("cannot serialise: " + status.error_message());
  feed.publish(observation.sequence, std::move(message));
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchService::Watch(grpc::CallbackServerContext*,
                                                                const grpc::ByteBuffer* bytes) {
  v1::WatchRequest request;
  grpc::ByteBuffer copy = *bytes;
  grpc::Status status = grpc::SerializationTraits<v1::WatchRequest>::Deserialize(&copy, &request);
  const std::shared_ptr<Feed> feed = status.ok() ? feed_for(request, status) : nullptr;
  if (feed == nullptr) return new Refusal(status);
  auto* stream = new Stream(feed);
  feed->add(*stream, request.after_sequence());
  return stream;
}

std::shared_ptr<WatchService::Feed> WatchService::feed_for(const v1::WatchRequest& request,
                                                           grpc::Status& status) {
  const auto refuse = [&](grpc::StatusCode code, const std::string& why) {
    status = {code, why};
    return nullptr;
  };
  if (request.after_sequence() < 0) {
    return refuse(grpc::StatusCode::INVALID_ARGUMENT, "after_sequence is negative");
  }
  Lock lock(mutex_);
  std::string names;
  for (const auto& [run, feed] : feeds_) names += (names.empty() ? "\"" : ", \"") + run + "\"";
  if (request.run().empty()) {
    if (feeds_.size() == 1) return feeds_.begin()->second;
    return refuse(grpc::StatusCode::INVALID_ARGUMENT,
                  "this server serves several runs: ask for one of " + names);
  }
  const auto found = feeds_.find(request.run());
  if (found != feeds_.end()) return found->second;
  return refuse(grpc::StatusCode::NOT_FOUND, (feeds_.size() == 1 ? "this server serves the run "
                                                                 : "this server serves the runs ") +
                                                 names);
}

}  // namespace azimuth
