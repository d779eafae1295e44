#include "runs_server.h"

#include <grpc/grpc.h>
#include <grpc/health/v1/health.pb.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "azimuth/listen_address.h"
#include "require_free.h"

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

GrpcRunsServer::~GrpcRunsServer() {
  Lock lock(mutex_);
  if (server_) server_->Shutdown(std::chrono::system_clock::now() + kShutdownTime);
}

int GrpcRunsServer::listen() {
  Lock lock(mutex_);
  if (server_) return port_;
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
  builder.RegisterService(&service_);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port <= 0) throw std::runtime_error(address_ + ": listen: the port was not bound");
  server->GetHealthCheckService()->SetServingStatus(v1::MonitorService::service_full_name(), true);
  server_ = std::move(server);
  port_ = port;
  return port_;
}

}  // namespace azimuth
