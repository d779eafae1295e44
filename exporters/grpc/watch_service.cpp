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
  explicit Stream(WatchService::Feed& feed) : feed_(feed) {}

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

  void OnWriteDone(bool ok) override { feed_.sent(*this, ok); }
  void OnCancel() override { feed_.cancel(*this); }
  void OnDone() override {
    feed_.remove(*this);
    delete this;
  }

 private:
  WatchService::Feed& feed_;
  grpc::ByteBuffer message_;
};

class Refusal final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Refusal(const grpc::Status& why) { Finish(why); }
  void OnDone() override { delete this; }
};

}  // namespace

void WatchService::serve(std::string run) {
  Lock lock(mutex_);
  run_ = std::move(run);
}

void WatchService::publish(const Observation& observation) {
  v1::WatchResponse response;
  *response.mutable_observation() = to_proto(observation);
  grpc::ByteBuffer message;
  bool owned = false;
  const grpc::Status status =
      grpc::SerializationTraits<v1::WatchResponse>::Serialize(response, &message, &owned);
  if (!status.ok()) throw std::runtime_error("cannot serialise: " + status.error_message());
  feed_.publish(observation.sequence, std::move(message));
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchService::Watch(grpc::CallbackServerContext*,
                                                                const grpc::ByteBuffer* bytes) {
  v1::WatchRequest request;
  grpc::ByteBuffer copy = *bytes;
  grpc::Status status = grpc::SerializationTraits<v1::WatchRequest>::Deserialize(&copy, &request);
  if (status.ok()) status = check(request);
  if (!status.ok()) return new Refusal(status);
  auto* stream = new Stream(feed_);
  feed_.add(*stream, request.after_sequence());
  return stream;
}

grpc::Status WatchService::check(const v1::WatchRequest& request) {
  if (request.after_sequence() < 0)
    return {grpc::StatusCode::INVALID_ARGUMENT, "after_sequence is negative"};
  Lock lock(mutex_);
  if (!request.run().empty() && request.run() != run_)
    return {grpc::StatusCode::NOT_FOUND, "this server serves the run \"" + run_ + "\""};
  return grpc::Status::OK;
}

}  // namespace azimuth
