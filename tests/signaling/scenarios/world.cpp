#include "tests/signaling/scenarios/world.h"

#include <unistd.h>

#include <stdexcept>

namespace carillon::scenarios {

World::World(WorldOptions options) : domain{options.domains.front()} {
    for (const auto* user : {"alice", "bob", "carol", "dave"})
        storage.add_user(std::string{user} + '@' + domain, "secret");
    folder_ = std::filesystem::temp_directory_path() / ("carillon-scenario-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    const net::CertificateFiles files{domain, folder_ / "cert.pem", folder_ / "key.pem"};
    tls_ = std::make_unique<net::TlsContext>(net::TlsOptions{});
    if (auto made = net::make_self_signed(files); !made) throw std::runtime_error{made.error()};
    if (auto loaded = tls_->load({files}); !loaded) throw std::runtime_error{loaded.error()};

    host::HostConfig config;
    config.shards = options.shards;
    config.plugins = options.plugins;
    config.sessions = options.sessions;
    config.journal = options.journal;
    for (const auto& name : options.domains) config.domains.push_back({name, options.selection});
    host = std::make_unique<host::Host>(std::move(config), storage);
    options.streams.decoy_secret = Secret{"a secret of this test"};
    streams = std::make_unique<stream::StreamServer>(*host, options.streams, *tls_);
    if (auto started = host->start(std::move(options.modules)); !started) throw std::runtime_error{started.error()};
    for (const bool direct_tls : {false, true}) {
        if (auto open = streams->listen("127.0.0.1", 0, direct_tls); !open) throw std::runtime_error{open.error()};
    }
}

World::~World() {
    streams->shutdown("system-shutdown", std::chrono::seconds{2});
    host->stop();
    streams.reset();
    host.reset();
    std::filesystem::remove_all(folder_);
}

std::unique_ptr<Client> World::log_in(const std::string& user, const std::string& resource) {
    auto client = std::make_unique<Client>();
    client->log_in(port(), user, domain, resource, "secret");
    return client;
}

}  // namespace carillon::scenarios
