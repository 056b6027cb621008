/// carillond: the signaling process. Command line, signals, and nothing else.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>

#include <boost/asio/signal_set.hpp>

#include "config/base/log.h"
#include "config/loader.h"
#include "signaling/daemon/daemon.h"
#include "signaling/daemon/doap.h"

namespace {

using namespace carillon;

struct CommandLine {
    std::vector<std::string> domains;
    std::string data;
    std::string config;
    bool no_relay = false;
    bool check_config = false;
    bool print_reference = false;
    bool print_doap = false;
};

/// The settings that the file and the command line say together; problems are printed.
std::optional<config::Settings> settings_of(const CommandLine& line) {
    auto settings = config::defaults(line.domains.empty() ? "localhost" : line.domains.front());
    if (!line.config.empty()) {
        auto loaded = config::load_file(line.config);
        if (!loaded) {
            std::cerr << config::to_text(loaded.error(), line.config);
            return std::nullopt;
        }
        settings = std::move(*loaded);
    } else {
        for (std::size_t i = 1; i < line.domains.size(); ++i) {
            config::HostSettings host;
            host.domain = line.domains[i];
            settings.hosts.push_back(std::move(host));
        }
    }
    if (!line.data.empty()) settings.data.dir = line.data;
    if (line.no_relay) settings.relay.enabled = false;
    return settings;
}

int serve(const CommandLine& line, config::Settings settings) {
    daemon::Daemon server{std::move(settings)};
    if (auto started = server.start(); !started) {
        std::cerr << "carillond: " << started.error() << '\n';
        return 1;
    }
    std::cout << server.welcome() << std::flush;

    boost::asio::signal_set ends{server.io(), SIGTERM, SIGINT};
    boost::asio::signal_set hangups{server.io(), SIGHUP};
    ends.async_wait([&](auto error, int) {
        if (error) return;
        log::info("stopping");
        server.io().stop();
    });
    std::function<void()> watch = [&] {
        hangups.async_wait([&](auto error, int) {
            if (error) return;
            if (auto again = settings_of(line)) (void)server.reload(std::move(*again));
            watch();
        });
    };
    watch();
    const auto work = boost::asio::make_work_guard(server.io());
    server.io().run();
    server.stop();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "carillond serves XMPP clients and their calls.\n\n"
        "Without options it serves the domain localhost on this machine alone, and keeps its data in ./var.\n"
        "Then:  carillonctl user add alice@localhost   and log in with any XMPP client.\n\n"
        "Signals: SIGTERM ends it in order; SIGHUP reads certificates, log level and modules again."};
    CommandLine line;
    auto* domain = app.add_option("--domain", line.domains,
                                  "Domain to serve, on all addresses of this machine (may be given several times)");
    app.add_option("--data", line.data, "Folder for database, certificates and control socket; default ./var");
    app.add_option("--config", line.config, "Configuration file (TOML); see --print-reference-config")
        ->check(CLI::ExistingFile)
        ->excludes(domain);
    app.add_flag("--no-relay", line.no_relay, "Start no relay worker: calls go directly or not at all");
    app.add_flag("--check-config", line.check_config, "Say what is wrong with the configuration, and end");
    app.add_flag("--print-reference-config", line.print_reference, "Print every setting with its default and meaning");
    app.add_flag("--print-doap", line.print_doap, "Print what protocols this program speaks, for directories of XMPP");
    CLI11_PARSE(app, argc, argv);

    if (line.print_reference) {
        std::cout << config::reference_text();
        return 0;
    }
    if (line.print_doap) {
        std::cout << daemon::project_description();
        return 0;
    }
    auto settings = settings_of(line);
    if (!settings) return 2;
    if (line.check_config) {
        std::cout << "The configuration is good.\n";
        return 0;
    }
    return serve(line, std::move(*settings));
}
