#include "media/replay/options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "config/base/log.h"

namespace carillon::replay {
namespace {

constexpr const char* kAbout =
    "Lists the RTP and SRTP streams of a capture (pcap, pcapng), and replays them through a network that is made up "
    "or\n"
    "through a real call, with the capture's own timing. Says of each stream what was lost, late, changed, and how it\n"
    "sounds.\n"
    "\n"
    "  carillon-replay call.pcapng                                     what is in it\n"
    "  carillon-replay call.pcapng --simulate --loss 2 --jitter 40     by a clock made up: the same report every time\n"
    "  carillon-replay call.pcapng --call bob@example.org --jid alice@example.org --password A \\\n"
    "                  --answer bob@example.org --answer-password B --max-loss 1 --identical --junit out.xml\n"
    "\n"
    "Passwords may stand in CARILLON_REPLAY_PASSWORD and CARILLON_REPLAY_ANSWER_PASSWORD instead, out of sight of "
    "others.\n"
    "Exit status: 0 all that was asked for was reached, 1 it was not, 2 a wrong option or no such capture.";

constexpr double kMaxMs = 10000;

struct Raw {
    std::vector<std::string> keys, map;
    double loss = 0, duplicate = 0, reorder = 0, delay = 0, jitter = 0;
    double max_loss = -1, max_delay = -1, max_pacing = -1, min_mos = -1, min_alike = -2;
    unsigned playout = 80;
    bool simulate = false;
    std::string password, answer_password;
    double timeout = 15;
};

Time from_ms(double value) { return Time{static_cast<std::int64_t>(value * 1e6)}; }

void add_streams(CLI::App& app, Options& out, Raw& raw) {
    constexpr const char* kGroup = "Which streams";
    app.add_option("capture", out.file, "The capture")->required()->check(CLI::ExistingFile);
    app.add_option("--stream", out.streams,
                   "Number in the list, or SSRC as 0x20C23467; several times, or all. Default: the longest")
        ->group(kGroup);
    app.add_option("--key", raw.keys,
                   "[SSRC=]KEY[:SUITE]: opens SRTP; KEY is base64 of master key and salt, as in a=crypto")
        ->group(kGroup);
    app.add_option("--map", raw.map, "111=opus/48000: what a payload type is")->group(kGroup);
}

void add_network(CLI::App& app, Options& out, Raw& raw) {
    constexpr const char* kGroup = "Network";
    app.add_flag("--simulate", raw.simulate, "Through a network that is made up, by a clock that is made up")
        ->group(kGroup);
    app.add_option("--speed", out.speed, "Times faster than captured")->check(CLI::Range(0.1, 100.0))->group(kGroup);
    app.add_option("--loss", raw.loss, "Per cent of packets that are lost on the way")
        ->check(CLI::Range(0.0, 100.0))
        ->group(kGroup);
    app.add_option("--duplicate", raw.duplicate, "Per cent that come twice")
        ->check(CLI::Range(0.0, 100.0))
        ->group(kGroup);
    app.add_option("--reorder", raw.reorder, "Per cent that fall behind the next")
        ->check(CLI::Range(0.0, 100.0))
        ->group(kGroup);
    app.add_option("--delay", raw.delay, "Milliseconds that each takes")->check(CLI::Range(0.0, kMaxMs))->group(kGroup);
    app.add_option("--jitter", raw.jitter, "Up to so many milliseconds more")
        ->check(CLI::Range(0.0, kMaxMs))
        ->group(kGroup);
    app.add_option("--seed", out.impairments.seed, "Other losses than with seed 1")->group(kGroup);
    app.add_option("--playout", raw.playout, "Milliseconds of the listener's jitter buffer")
        ->check(CLI::Range(0, 400))
        ->group(kGroup);
}

void add_call(CLI::App& app, Options& out, Raw& raw) {
    constexpr const char* kGroup = "Real call";
    auto* call =
        app.add_option("--call", out.peer, "Whom to call: user@domain, or one device of theirs")->group(kGroup);
    auto* jid = app.add_option("--jid", out.caller.jid, "Sign in as")->group(kGroup);
    call->needs(jid);
    app.add_option("--password", raw.password, "Seen by other users of this machine: for tests")->group(kGroup);
    app.add_option("--answer", out.answerer.jid, "Sign in as this user as well and answer; says what arrived")
        ->group(kGroup);
    app.add_option("--answer-password", raw.answer_password)->group(kGroup);
    app.add_option("--answer-codec", out.answer_codec, "The answering end takes only this: pcmu, pcma, g722, opus")
        ->group(kGroup);
    app.add_option("--host", out.caller.host, "Server to connect to; default: what DNS says")->group(kGroup);
    app.add_option("--port", out.caller.port, "Its port; default 5222")->group(kGroup);
    app.add_option("--trust", out.caller.trust, "Trust this certificate (PEM) as well")
        ->check(CLI::ExistingFile)
        ->group(kGroup);
    app.add_flag("--insecure", out.caller.insecure, "Take any certificate: anybody in between can listen")
        ->group(kGroup);
    app.add_flag("--raw-udp", out.raw_udp, "Plain RTP (XEP-0177); default ICE with DTLS-SRTP")->group(kGroup);
    app.add_flag("--relay-only", out.relay_only, "ICE: only relayed candidates, so that the relay is what is tried")
        ->group(kGroup);
    app.add_option("--bind", out.bind_address, "Local address for media")->group(kGroup);
    app.add_option("--timeout", raw.timeout, "Seconds for logging in")->check(CLI::Range(1.0, 600.0))->group(kGroup);
}

void add_output(CLI::App& app, Options& out, Raw& raw) {
    constexpr const char* kGroup = "Report";
    app.add_flag("--json", out.json, "JSON instead of text")->group(kGroup);
    app.add_option("--junit", out.junit, "Write JUnit XML there")->group(kGroup);
    app.add_option("--html", out.html, "Write a page there")->group(kGroup);
    app.add_option("--max-loss", raw.max_loss, "Per cent lost that are still good")
        ->check(CLI::Range(0.0, 100.0))
        ->group(kGroup);
    app.add_option("--max-delay", raw.max_delay, "Milliseconds, 99 of 100 packets")
        ->check(CLI::Range(0.0, kMaxMs))
        ->group(kGroup);
    app.add_option("--max-pacing", raw.max_pacing, "Milliseconds off the capture's times, 99 of 100 packets")
        ->check(CLI::Range(0.0, kMaxMs))
        ->group(kGroup);
    app.add_option("--min-mos", raw.min_mos, "MOS of what arrived, 1 to 4.5")
        ->check(CLI::Range(1.0, 4.5))
        ->group(kGroup);
    app.add_option("--min-alike", raw.min_alike, "Correlation of the sound where payloads changed")
        ->check(CLI::Range(-1.0, 1.0))
        ->group(kGroup);
    app.add_flag("--identical", out.thresholds.identical, "Payloads must arrive as they were sent")->group(kGroup);
}

std::string secret_or_environment(const std::string& said, const char* variable) {
    if (!said.empty()) return said;
    const char* value = std::getenv(variable);
    return value ? value : "";
}

std::expected<void, std::string> settle(Options& out, const Raw& raw) {
    for (const auto& text : raw.keys) {
        auto secret = capture::StreamSecret::parse(text);
        if (!secret) return std::unexpected{"--key: " + secret.error()};
        out.secrets.push_back(std::move(*secret));
    }
    for (const auto& rule : raw.map) {
        if (const auto added = out.map.add(rule); !added) return std::unexpected{"--map: " + added.error()};
    }
    out.impairments.loss = raw.loss / 100;
    out.impairments.duplicate = raw.duplicate / 100;
    out.impairments.reorder = raw.reorder / 100;
    out.impairments.delay = from_ms(raw.delay);
    out.impairments.jitter = from_ms(raw.jitter);
    out.playout = std::chrono::milliseconds{raw.playout};
    if (raw.max_loss >= 0) out.thresholds.max_loss = raw.max_loss / 100;
    if (raw.max_delay >= 0) out.thresholds.max_delay_p99_ms = raw.max_delay;
    if (raw.max_pacing >= 0) out.thresholds.max_pacing_p99_ms = raw.max_pacing;
    if (raw.min_mos >= 0) out.thresholds.min_mos = raw.min_mos;
    if (raw.min_alike >= -1) out.thresholds.min_alike = raw.min_alike;
    out.way = !out.peer.empty() ? Way::call : raw.simulate ? Way::simulate : Way::list;
    if (out.way == Way::call && raw.simulate) return std::unexpected{"--simulate and --call exclude each other"};
    if (!out.answer_codec.empty() && !codecs::codec_named(out.answer_codec))
        return std::unexpected{"--answer-codec: " + out.answer_codec + " is not spoken here"};
    out.caller.password = Secret{secret_or_environment(raw.password, "CARILLON_REPLAY_PASSWORD")};
    out.caller.timeout = std::chrono::milliseconds{static_cast<long long>(raw.timeout * 1000)};
    const auto jid = out.answerer.jid;
    out.answerer = out.caller;
    out.answerer.jid = jid;
    out.answerer.password = Secret{secret_or_environment(raw.answer_password, "CARILLON_REPLAY_ANSWER_PASSWORD")};
    return {};
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
    Options out;
    Raw raw;
    log::set_level(log::Level::warning);
    CLI::App app{kAbout, "carillon-replay"};
    add_streams(app, out, raw);
    add_network(app, out, raw);
    add_call(app, out, raw);
    add_output(app, out, raw);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (const auto settled = settle(out, raw); !settled) {
        std::cerr << "carillon-replay: " << settled.error() << '\n';
        return 2;
    }
    return out;
}

}  // namespace carillon::replay
