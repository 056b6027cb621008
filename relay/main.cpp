/// carillon-relay: one media relay worker.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>

#include "codecs/h264/gst_element.h"
#include "config/base/log.h"
#include "relay/control/binding_tcp.h"
#include "relay/control/orphan_watch.h"
#include "relay/control/server.h"
#include "relay/control/turn_handover.h"

using namespace carillon;

namespace {

/// The lines of a file that only its owner should read; throws with the remedy.
std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file{path};
    if (!file) throw std::runtime_error{path + ": cannot be read"};
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        if (!line.empty() && line.front() != '#') lines.push_back(line);
    return lines;
}

void read_turn_files(relay::TurnOptions& turn, const std::string& secrets, const std::string& users) {
    if (!secrets.empty())
        for (auto& line : lines_of(secrets)) turn.secrets.emplace_back(std::move(line));
    if (users.empty()) return;
    for (const auto& line : lines_of(users)) {
        const auto colon = line.find(':');
        if (colon == line.npos || colon == 0) throw std::runtime_error{users + ": each line is name:password"};
        turn.users.emplace(line.substr(0, colon), Secret{line.substr(colon + 1)});
    }
}

bool parse_ports(const std::string& text, std::uint16_t& first, std::uint16_t& last) {
    unsigned low = 0;
    unsigned high = 0;
    if (std::sscanf(text.c_str(), "%u-%u", &low, &high) != 2 || low < 1024 || high > 65535 || high <= low) return false;
    first = static_cast<std::uint16_t>(low);
    last = static_cast<std::uint16_t>(high);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    codecs::h264::settle_environment();
    relay::WorkerOptions options;
    std::string control;
    std::string control_tls;
    relay::api::TlsFiles tls;
    std::string range = "30000-39999";
    std::string level = "info";
    std::string turn_secrets;
    std::string turn_users;
    std::string turn_ports;
    std::string turn_handover;
    std::string journal;
    unsigned orphan_time = 0;
    unsigned media_timeout = 60;
    unsigned report = 5;
    auto coalesce = static_cast<unsigned>(options.coalesce.count());
    CLI::App app{
        "carillon-relay forwards the media of calls between pairs of UDP ports.\n\n"
        "carillond starts it by itself; start one by hand to give a call server another worker:\n"
        "  carillon-relay --control /run/carillon/relay2.sock --bind 192.0.2.10 --ports 40000-49999\n"
        "and name its socket under [relay] external in carillond's configuration. On another machine, with files of\n"
        "scripts/relay-certificates, and tls://relay2.example.org:7443 in the configuration:\n"
        "  carillon-relay --control-tls 192.0.2.10:7443 --tls-authority ca.crt --tls-certificate "
        "relay2.example.org.crt \\\n"
        "    --tls-key relay2.example.org.key --bind 192.0.2.10\n"
        "Behind a NAT that maps the ports one to one, "
        "tell\n"
        "endpoints the public address: --bind 10.0.0.5 --advertise 203.0.113.7\n"
        "Without --journal it holds no secrets on disk. SIGTERM ends it at once; `carillonctl relay drain` lets its "
        "calls end first."};
    auto* local = app.add_option("--control", control, "Unix socket on which carillond gives orders");
    auto* remote = app.add_option("--control-tls", control_tls,
                                  "Numeric address and port on which a carillond of another machine gives orders, "
                                  "192.0.2.10:7443 or [2001:db8::1]:7443");
    app.add_option("--tls-authority", tls.authority,
                   "Certificate of the authority that has signed carillond's certificate, and signs nobody else's")
        ->needs(remote);
    app.add_option("--tls-certificate", tls.certificate, "This worker's certificate, signed by the authority")
        ->needs(remote);
    app.add_option("--tls-key", tls.key, "Its key. SIGHUP has all three read again")->needs(remote);
    app.add_option("--bind", options.ports.bind,
                   "Numeric address to take ports on; repeat for IPv4 and IPv6 [127.0.0.1]");
    app.add_option("--advertise", options.advertise, "What endpoints are told instead of the --bind at the same place");
    app.add_option("--ports", range, "First and last UDP port [30000-39999]");
    app.add_option("--ice-port", options.ice_port,
                   "UDP port that ICE legs which end at the worker share, the next one for each further shard; outside "
                   "of --ports [0: each has ports of its own]");
    app.add_option("--ice-tcp-port", options.ice_tcp_port,
                   "TCP port where ICE legs are reached by who gets no UDP through, the next one for each further "
                   "shard [0: none]");
    app.add_option("--receive-buffer", options.ports.receive_buffer,
                   "Octets of kernel buffer per port [the kernel's default]");
    app.add_option("--journal", journal,
                   "File in which a worker that is started again after a crash finds its streams, with their keys; "
                   "best on a tmpfs [none]");
    app.add_option("--orphan-time", orphan_time,
                   "End by itself after so many seconds without anybody on the control socket and without sessions "
                   "[0: never]");
    app.add_option("--shards", options.shards, "Data threads [1]")->check(CLI::Range(1, 256));
    app.add_option("--media-threads", options.media.sound.threads,
                   "Threads that decode and encode sound [one a processor]")
        ->check(CLI::Range(1, 256));
    app.add_option("--video-threads", options.media.video.threads,
                   "Threads that decode and encode pictures [one a processor]")
        ->check(CLI::Range(1, 256));
    app.add_option("--video-jobs", options.media.video.jobs_per_thread,
                   "Streams whose pictures one of them may work for; 0: none [16]")
        ->check(CLI::Range(0, 1'000));
    app.add_option("--media-jobs", options.media.sound.jobs_per_thread, "Streams that one of them may work for [500]")
        ->check(CLI::Range(0, 100'000));
    app.add_flag("--pin", options.pin, "Pin data thread n to processor n");
    app.add_option("--media-timeout", media_timeout, "Seconds without media after which signaling is told [60]")
        ->check(CLI::Range(1, 86400));
    app.add_option("--report-interval", report, "Seconds between reports on a running stream [5]")
        ->check(CLI::Range(1, 3600));
    app.add_option("--coalesce", coalesce,
                   "Microseconds to wait between looks while several ports are busy, so that more packets share each "
                   "[150]")
        ->check(CLI::Range(0, 10'000));
    app.add_option("--kernel-path", options.kernel_path,
                   "Network device at which the kernel forwards settled flows of media by itself; repeatable; needs "
                   "CAP_BPF and CAP_NET_ADMIN [none]");
    app.add_option("--max-sessions", options.max_sessions, "Sessions at the same time [100000]");
    app.add_option("--stun-bind", options.stun_bind, "Answer STUN binding requests on this address; repeatable [none]");
    app.add_option("--stun-port", options.stun_port, "Port of the STUN binding server [3478]");
    auto& turn = options.turn;
    app.add_option("--turn-secret-file", turn_secrets,
                   "Serve TURN to who has a time-limited user name made with a secret of this file, one a line");
    app.add_option("--turn-users-file", turn_users, "Serve TURN to the users of this file, name:password a line");
    app.add_option("--turn-realm", turn.realm, "Realm of TURN's users [carillon]");
    app.add_option("--turn-allow", turn.allow, "Prefix of peers to allow although they are not public; repeatable");
    app.add_option("--turn-deny", turn.deny, "Prefix of peers to refuse; repeatable");
    app.add_option("--turn-peer-ports", turn_ports,
                   "Relay ports of all workers of this host, which clients may reach [as --ports]");
    app.add_option("--turn-allocations", turn.allocations_per_user, "Allocations of one user at the same time [50]");
    app.add_option("--turn-tls-port", turn.tls_port, "Port for TURN over TLS and DTLS beside the STUN port [none]");
    app.add_option("--turn-certificates-file", turn.certificates_file,
                   "Certificates for TLS and DTLS: domain, certificate and key a line, separated by tabs; SIGHUP reads "
                   "them again");
    app.add_option("--turn-handover", turn_handover,
                   "Unix socket on which carillond hands over connections that it accepted");
    app.add_option("--turn-tcp", turn.tcp, "Serve clients over TCP and TLS, too [true]");
    app.add_option("--turn-tcp-relay", turn.server.tcp_relay, "Relay TCP connections (RFC 6062) [true]");
    app.add_option("--stun-alternate-address", turn.alternate_address,
                   "Second address of NAT discovery (RFC 5780), of this host [none]");
    app.add_option("--stun-alternate-port", turn.alternate_port, "Second port of NAT discovery [none]");
    app.add_option("--turn-connections", turn.connections, "Clients over TCP, TLS and DTLS at the same time [20000]");
    app.add_option("--turn-connections-per-address", turn.connections_per_address, "Of one address [200]");
    app.add_option("--turn-bandwidth", turn.octets_per_second_per_user, "Octets a second of one user [0: no cap]");
    app.add_option("--log-level", level, "trace, debug, info, warning, error [info]");
    CLI11_PARSE(app, argc, argv);

    if (local->empty() && remote->empty()) {
        std::fprintf(stderr, "carillon-relay: nobody could give orders: --control or --control-tls is needed\n");
        return 2;
    }
    const auto doorstep = parse_worker_address("tls://" + control_tls);
    if (!remote->empty() && (!doorstep || !tls.complete())) {
        std::fprintf(
            stderr,
            "carillon-relay: --control-tls %s: write ADDRESS:PORT, and give --tls-authority, --tls-certificate "
            "and --tls-key; scripts/relay-certificates makes them\n",
            control_tls.c_str());
        return 2;
    }

    if (!parse_ports(range, options.ports.first, options.ports.last)) {
        std::fprintf(stderr, "carillon-relay: --ports %s: write FIRST-LAST, within 1024-65535, say 30000-39999\n",
                     range.c_str());
        return 2;
    }
    if (!turn_ports.empty() && !parse_ports(turn_ports, turn.peer_port_first, turn.peer_port_last)) {
        std::fprintf(stderr, "carillon-relay: --turn-peer-ports %s: write FIRST-LAST, say 30000-39999\n",
                     turn_ports.c_str());
        return 2;
    }
    options.journal = journal;
    options.media_timeout = std::chrono::seconds{media_timeout};
    options.report_interval = std::chrono::seconds{report};
    options.coalesce = std::chrono::microseconds{coalesce};
    log::set_level_by_name(level);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        read_turn_files(turn, turn_secrets, turn_users);
        boost::asio::io_context io;
        relay::Worker worker{io, options};
        std::unique_ptr<relay::TurnHandover> handover;
        if (!turn_handover.empty() && worker.serves_streams())
            handover = std::make_unique<relay::TurnHandover>(io, turn_handover, worker.turn());
        std::vector<std::unique_ptr<relay::BindingTcpServer>> binding;
        for (const auto& address : worker.serves_streams() ? std::vector<std::string>{} : options.stun_bind) {
            binding.push_back(std::make_unique<relay::BindingTcpServer>(io, address, options.stun_port));
        }
        relay::ControlServer server{io, worker};
        if (!control.empty()) server.listen(control);
        if (doorstep) server.listen(doorstep->host, doorstep->port, tls);
        relay::OrphanWatch orphan{io, worker, server, std::chrono::seconds{orphan_time}, [&io] { io.stop(); }};
        boost::asio::signal_set signals{io, SIGTERM, SIGINT};
        signals.async_wait([&](boost::system::error_code, int) { io.stop(); });
        boost::asio::signal_set hang_up{io, SIGHUP};
        const std::function<void()> await_hang_up = [&] {
            hang_up.async_wait([&](boost::system::error_code error, int) {
                if (error) return;
                for (const auto& done : {worker.reload_certificates(), server.reload_certificates()})
                    if (!done) log::error("certificates stay as they are", {{"why", done.error()}});
                await_hang_up();
            });
        };
        await_hang_up();
        log::info("relay worker ready",
                  {{"control", control.empty() ? control_tls : control}, {"ports", range}, {"shards", options.shards}});
        io.run();
        log::info("relay worker ends", {{"sessions", worker.sessions()}});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "carillon-relay: %s\n", error.what());
        return 1;
    }
    return 0;
}
