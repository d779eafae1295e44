#include "azimuth/grpc_exporter.h"

#include <stdexcept>
#include <utility>

#include "azimuth/listen_address.h"
#include "azimuth/shared_by_address.h"
#include "runs_server.h"

namespace azimuth {

struct GrpcExporter::Served {
  explicit Served(std::size_t history) : feed(std::make_shared<WatchService::Feed>(history)) {}

  const std::shared_ptr<WatchService::Feed> feed;
  std::string run;
  std::shared_ptr<GrpcRunsServer> server;  ///< null before `claim`
};

std::shared_ptr<GrpcExporter> GrpcExporter::listen(std::string address,
                                                   GrpcExporterOptions options) {
  ListenAddress::parse(address);
  if (options.history < 1) throw std::invalid_argument("history must be at least 1");
  return std::shared_ptr<GrpcExporter>(new GrpcExporter(std::move(address), options));
}

GrpcExporter::GrpcExporter(std::string address, GrpcExporterOptions options)
    : address_(std::move(address)), served_(std::make_unique<Served>(options.history)) {}

GrpcExporter::~GrpcExporter() {
  if (served_->server) served_->server->service().remove(served_->run);
  served_->feed->close();
}

void GrpcExporter::claim(std::string_view run) {
  if (served_->server) return;
  auto server = shared_by_address<GrpcRunsServer>(address_);
  served_->run = run;
  server->service().add(served_->run, served_->feed);
  served_->server = std::move(server);
}

void GrpcExporter::open(StatusSource status) {
  claim(status().run);
  port_ = served_->server->listen();
}

void GrpcExporter::write(const Record& record) { publish(*served_->feed, record.observation); }

void GrpcExporter::end_run(std::chrono::steady_clock::time_point deadline) {
  served_->feed->end_run();
  served_->feed->wait_until_idle(deadline);
}

}  // namespace azimuth
