#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "azimuth/listen_address.h"
#include "azimuth/mutex.h"

namespace azimuth {

/// The one `Server` of this process at `address`, so that several who name one address share it:
/// made of the address, unless somebody holds it already; it goes with the last who does. Port 0
/// stands for a free port: there each has his own. Thread-safe. Throws std::invalid_argument if the
/// address is malformed.
template <class Server>
std::shared_ptr<Server> shared_by_address(const std::string& address) {
  struct Registry {
    Mutex mutex;
    std::map<std::pair<std::string, int>, std::weak_ptr<Server>> servers AZIMUTH_GUARDED_BY(mutex);
  };
  static auto* const registry = new Registry;  // never destroyed: monitors live until the exit

  const ListenAddress parsed = ListenAddress::parse(address);
  if (parsed.port == 0) return std::make_shared<Server>(address);
  Lock lock(registry->mutex);
  std::weak_ptr<Server>& known = registry->servers[{parsed.host, parsed.port}];
  std::shared_ptr<Server> server = known.lock();
  if (server == nullptr) known = server = std::make_shared<Server>(address);
  return server;
}

}  // namespace azimuth
