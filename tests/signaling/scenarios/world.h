/// A whole signaling process for a test: host, streams, certificate, users, on loopback ports of the system's choice.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "signaling/host/host.h"
#include "signaling/stream/stream_server.h"
#include "tests/signaling/scenarios/client.h"
#include "tests/signaling/scenarios/memory_storage.h"

namespace carillon::scenarios {

struct WorldOptions {
    std::vector<runtime::ModuleDescriptor> modules;
    std::vector<std::string> plugins;
    std::vector<std::string> domains{"localhost"};
    runtime::ModuleSelection selection;  ///< settings of modules, and which are off; for every domain
    std::size_t shards = 2;
    session::SessionLimits sessions;
    stream::StreamOptions streams;
    std::filesystem::path journal;  ///< empty: none
};

/// Users alice, bob, carol and dave of the first domain; the password is "secret".
class World {
  public:
    explicit World(WorldOptions options = {});
    ~World();

    std::uint16_t port() const { return streams->local_port(0); }
    std::uint16_t tls_port() const { return streams->local_port(1); }
    /// A client with that resource bound; no presence sent yet.
    std::unique_ptr<Client> log_in(const std::string& user, const std::string& resource);

    const std::string domain;
    MemoryStorage storage;
    std::unique_ptr<host::Host> host;
    std::unique_ptr<stream::StreamServer> streams;

  private:
    std::filesystem::path folder_;
    std::unique_ptr<net::TlsContext> tls_;
};

}  // namespace carillon::scenarios
