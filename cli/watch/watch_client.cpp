#include "watch/watch_client.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

constexpr std::chrono::milliseconds kFirstPause{250};
constexpr std::chrono::milliseconds kLongestPause{8000};
constexpr std::chrono::milliseconds kStopNoticed{100};

auto time_of(const v1::Observation& observation) {
  return std::tuple(observation.time().seconds(), observation.time().nanos());
}

/// Trying again would give the same.
bool is_final(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return true;
    default:
      return false;
  }
}

}  // namespace

WatchClient::WatchClient(Options options) : options_(std::move(options)) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstPause.count());
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstPause.count());
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestPause.count());
  channel_ =
      grpc::CreateCustomChannel(options_.address, grpc::InsecureChannelCredentials(), arguments);
  stub_ = v1::MonitorService::NewStub(channel_);
}

WatchClient::End WatchClient::follow(const Callbacks& callbacks) {
  if (!wait_until_connected()) {
    if (stopped()) return End::stopped;
    throw std::runtime_error(options_.address +
                             ": watch: no answer: is a run active there, with a GrpcExporter?");
  }
  callbacks.connected();
  std::chrono::milliseconds pause_time = kFirstPause;
  while (!stopped()) {
    // After a break the newest is asked for first: a run that began anew counts from 1 again, and
    // what comes after the sequence seen last would be silence.
    const std::int64_t after = std::exchange(gap_, false) ? last_.sequence() : 0;
    const grpc::Status status = stream(callbacks, after);
    if (stopped()) break;
    if (gap_) continue;
    if (status.ok()) return End::run_ended;
    const std::string why = printable(status.error_message());
    if (is_final(status.error_code()))
      throw std::runtime_error(options_.address + ": watch: " + why);
    callbacks.broken(why);
    if (received_) pause_time = kFirstPause;
    if (!pause(pause_time)) break;
    pause_time = std::min(2 * pause_time, kLongestPause);
  }
  return End::stopped;
}

void WatchClient::stop() {
  Lock lock(mutex_);
  stopped_ = true;
  if (context_ != nullptr) context_->TryCancel();
  stop_.notify_all();
}

grpc::Status WatchClient::stream(const Callbacks& callbacks, std::int64_t after_sequence) {
  v1::WatchRequest request;
  request.set_run(options_.run);
  request.set_after_sequence(after_sequence);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);  // the channel connects again, as often as it needs
  if (!set_context(&context)) {
    set_context(nullptr);
    return grpc::Status::CANCELLED;
  }
  const auto reader = stub_->Watch(&context, request);
  try {
    read(*reader, context, callbacks, after_sequence);
  } catch (...) {
    context.TryCancel();
    reader->Finish();
    set_context(nullptr);
    throw;
  }
  const grpc::Status status = reader->Finish();
  set_context(nullptr);
  return status;
}

void WatchClient::read(grpc::ClientReader<v1::WatchResponse>& reader, grpc::ClientContext& context,
                       const Callbacks& callbacks, std::int64_t after_sequence) {
  received_ = false;
  for (v1::WatchResponse response; reader.Read(&response);) {
    const v1::Observation& observation = response.observation();
    if (after_sequence == 0 && !received_ && leaves_gap(observation)) {
      gap_ = true;
      context.TryCancel();
      return;
    }
    received_ = true;
    if (!is_new(observation)) continue;
    last_ = observation;
    callbacks.observed(observation);
  }
}

/// False if it is to stop.
bool WatchClient::set_context(grpc::ClientContext* context) {
  Lock lock(mutex_);
  context_ = context;
  return !stopped_;
}

bool WatchClient::is_new(const v1::Observation& observation) const {
  return observation.run() != last_.run() || observation.sequence() > last_.sequence() ||
         time_of(observation) > time_of(last_);
}

bool WatchClient::leaves_gap(const v1::Observation& observation) const {
  return last_.sequence() > 0 && observation.run() == last_.run() &&
         observation.sequence() > last_.sequence() + 1;
}

bool WatchClient::wait_until_connected() {
  const auto end = std::chrono::system_clock::now() +
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(options_.wait);
  while (!stopped()) {
    const auto now = std::chrono::system_clock::now();
    if (channel_->WaitForConnected(std::min(end, now + kStopNoticed))) return true;
    if (now >= end) return false;
  }
  return false;
}

bool WatchClient::pause(std::chrono::milliseconds time) {
  Lock lock(mutex_);
  return !stop_.wait_for(mutex_, time, [this]() AZIMUTH_REQUIRES(mutex_) { return stopped_; });
}

bool WatchClient::stopped() {
  Lock lock(mutex_);
  return stopped_;
}

}  // namespace azimuth::cli
