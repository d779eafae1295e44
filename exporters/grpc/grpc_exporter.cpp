#include "azimuth/grpc_exporter.h"

#include <grpc/grpc.h>
#include <grpc/health/v1/health.pb.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <mutex>
#include <stdexcept>
#include <utility>

#include "azimuth/listen_address.h"
#include "require_free.h"
#include "watch_service.h"

namespace azimuth {
namespace {

constexpr std::chrono::milliseconds kShutdownTime{500};

/// Whoever is gRPC's last user may wait ten seconds in its shutdown, for a poller of gRPC's own. So
/// that no destructor does, the process stays a user until it exits.
void keep_grpc() {
  static std::once_flag once;
  std::call_once(once, grpc_init);
}

}  // namespace

struct GrpcExporter::Server {
  explicit Server(std::size_t history) : service(history) {}

  WatchService service;
  std::unique_ptr<grpc::Server> server;  ///< last, since it calls the service until it is destroyed
};

std::shared_ptr<GrpcExporter> GrpcExporter::listen(std::string address,
                                                   GrpcExporterOptions options) {
  ListenAddress::parse(address);
  if (options.history < 1) throw std::invalid_argument("history must be at least 1");
  return std::shared_ptr<GrpcExporter>(new GrpcExporter(std::move(address), options));
}

GrpcExporter::GrpcExporter(std::string address, GrpcExporterOptions options)
    : address_(std::move(address)), server_(std::make_unique<Server>(options.history)) {}

GrpcExporter::~GrpcExporter() {
  server_->service.feed().close();
  if (server_->server) server_->server->Shutdown(std::chrono::system_clock::now() + kShutdownTime);
}

void GrpcExporter::open(StatusSource status) {
  if (status) server_->service.serve(status().run);
  const ListenAddress address = ListenAddress::parse(address_);
  try {
    require_free(address);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(address_ + ": listen: " + error.what());
  }

  keep_grpc();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Links the descriptor of the health service, which reflection shows.
  grpc::health::v1::HealthCheckRequest::descriptor();

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials(), &port);
  // Else two programs could share the port, each with half of the subscribers.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&server_->service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port <= 0) throw std::runtime_error(address_ + ": listen: the port was not bound");
  server->GetHealthCheckService()->SetServingStatus(v1::MonitorService::service_full_name(), true);
  server_->server = std::move(server);
  port_ = port;
}

void GrpcExporter::write(const Record& record) { server_->service.publish(record.observation); }

void GrpcExporter::end_run(std::chrono::steady_clock::time_point deadline) {
  server_->service.feed().end_run();
  server_->service.feed().wait_until_idle(deadline);
}

}  // namespace azimuth
