#include "azimuth/history_proto.h"

#include <google/protobuf/util/time_util.h>

#include <cmath>

namespace azimuth {
namespace {

constexpr double kYear10000 = 253402300800;  // seconds since 1970

google::protobuf::Timestamp timestamp(double unix_seconds) {
  if (!(unix_seconds >= 0 && unix_seconds < kYear10000)) return {};
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
      std::llround(std::floor(unix_seconds * 1e6)));
}

}  // namespace

v1::RunHistory to_proto(const HistoryReader::Run& run) {
  v1::RunHistory message;
  message.set_run(run.run);
  message.set_attempts(run.attempts);
  message.set_observation_count(run.observations);
  message.set_last_step(run.last_step);
  *message.mutable_first_time() = timestamp(run.first_time);
  *message.mutable_last_time() = timestamp(run.last_time);
  message.set_ended(!std::isnan(run.ended_at));
  message.set_failed_snapshot_count(run.failed_snapshots);
  for (const ExporterLoss& loss : run.losses) {
    v1::ExporterLoss& added = *message.add_losses();
    added.set_exporter(loss.exporter);
    added.set_records(loss.records);
  }
  return message;
}

v1::FailedSnapshot to_proto(const FailedSnapshot& failed) {
  v1::FailedSnapshot message;
  message.set_attempt(failed.attempt);
  message.set_step(failed.step);
  *message.mutable_time() = timestamp(failed.time);
  message.set_reason(failed.reason);
  return message;
}

v1::RunChain to_proto(const HistoryChain& chain) {
  v1::RunChain message;
  message.set_run(chain.run);
  message.set_link_count(chain.links);
  message.set_earlier_record_count(chain.earlier_records);
  message.set_base_digest(chain.base_digest);
  message.set_head(chain.head);
  message.set_fits(chain.fits());
  const HistoryChain::Fault fault = chain.fault.value_or(HistoryChain::Fault());
  v1::ChainFault& out = *message.mutable_fault();
  out.set_link(fault.link);
  out.set_kind(fault.kind);
  out.set_attempt(fault.attempt);
  out.set_sequence(fault.sequence);
  out.set_step(fault.step);
  out.set_message(fault.message);
  return message;
}

}  // namespace azimuth
