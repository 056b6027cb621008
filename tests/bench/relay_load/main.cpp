/// relay_load: opens calls through one running relay, sends RTP through it and prints one JSON line about it.
/// Not here: which relays, how often, medians (compare.py).
#include <sys/resource.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/bench/relay_load/flood.h"
#include "tests/bench/relay_load/load.h"
#include "tests/bench/relay_load/peer.h"

namespace {

using namespace carillon::bench;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr auto kUsage =
    "usage: relay_load --peer carillon|ports|rtpengine|turn --at SOCKET_OR_FILE_OR_PORT --load "
    "g711|video|max|max-video|half|flood|setup|soak|sdes-cm|sdes-gcm|dtls --calls N\n"
    "                  [--pid PID] [--core N] [--seconds S] [--warm-up S] [--spin 0|1] [--joined 0|1] [--together N]\n";

constexpr Shape kG711{.packet_bytes = 172, .burst = 1, .period = 20ms, .payload_type = 8, .clock_step = 160};
constexpr Shape kVideo{.packet_bytes = 1200, .burst = 10, .period = 33'333us, .payload_type = 96, .clock_step = 3000};

class Options {
  public:
    Options(int argc, char** argv) {
        for (int i = 1; i + 1 < argc; i += 2) values_[argv[i]] = argv[i + 1];
        if (argc % 2 == 0) throw std::invalid_argument{kUsage};
    }
    std::string text(const std::string& key) const {
        const auto found = values_.find(key);
        if (found == values_.end()) throw std::invalid_argument{"missing " + key + "\n" + kUsage};
        return found->second;
    }
    double number(const std::string& key, double otherwise) const {
        return values_.contains(key) ? std::stod(values_.at(key)) : otherwise;
    }

  private:
    std::map<std::string, std::string> values_;
};

/// G.711 with these names, over legs that differ or are sealed on both sides.
Legs legs_of(const std::string& load) {
    if (load == "sdes-cm") return Legs::sdes_cm;
    if (load == "sdes-gcm") return Legs::sdes_gcm;
    if (load == "soak") return Legs::mixed;
    return load == "dtls" ? Legs::dtls : Legs::plain;
}

std::unique_ptr<Peer> make_peer(const std::string& kind, const std::string& at, Legs legs) {
    if (kind == "carillon") return make_carillon_peer(at, legs);
    const bool bridges = kind == "rtpengine";
    if (legs != Legs::plain && !bridges) throw std::invalid_argument{kind + " only forwards\n"};
    if (kind == "ports") return make_ports_peer(at);
    const auto port = [&] { return static_cast<std::uint16_t>(std::stoul(at)); };
    if (kind == "rtpengine") return make_rtpengine_peer(port(), legs);
    if (kind == "turn") return make_turn_peer(port());
    throw std::invalid_argument{kUsage};
}

std::chrono::nanoseconds nanoseconds(double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds{seconds});
}

double microseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::micro>{time}.count(); }

double percentile_us(std::vector<std::uint32_t>& samples, double part) {
    if (samples.empty()) return 0;
    const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(samples.size() - 1));
    std::nth_element(samples.begin(), nth, samples.end());
    return *nth / 1000.0;
}

/// What a process holds of memory now, in KiB; 0 when it cannot be seen.
double resident_kib(int pid) {
    std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::stod(line.substr(6));
    return 0;
}

void print(Result& result, double kib_per_call) {
    const auto forwarded = static_cast<double>(std::max<std::uint64_t>(result.forwarded, 1));
    std::printf("{\"cpu_us_per_packet\": %.4f, \"packets_per_second\": %.0f, \"core_use\": %.3f, ",
                microseconds(result.cpu) / forwarded, forwarded / Seconds{result.elapsed}.count(),
                Seconds{result.cpu} / Seconds{result.elapsed});
    std::printf("\"forwarded\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64
                ", \"foreign\": %" PRIu64 ", \"generator_drops\": %" PRIu64 ", ",
                result.forwarded, result.sent, result.lost, result.duplicated, result.foreign, result.own_drops);
    std::printf("\"memory_kib_per_call\": %.1f, ", kib_per_call);
    std::printf("\"latency_p50_us\": %.1f, \"latency_p99_us\": %.1f, \"generator_worst_lag_us\": %.0f}\n",
                percentile_us(result.latencies_ns, 0.5), percentile_us(result.latencies_ns, 0.99),
                microseconds(result.worst_lag));
}

// Looks for the highest rate of packets without loss: grows by half until it fails, then bisects.
class RateSearch {
  public:
    RateSearch(Load& load, const Shape& shape, std::size_t streams, const CpuMeter* meter,
               std::chrono::nanoseconds trial)
        : load_{load},
          shape_{shape},
          bursts_{static_cast<double>(streams * shape.burst)},
          meter_{meter},
          trial_{trial} {}

    double run() {
        double good = 0;
        double bad = 20'000;
        while (bad < 4e6 && passes(bad)) good = std::exchange(bad, bad * 1.5);
        while (good > 0 && bad / good > 1.03) {
            const auto middle = (good + bad) / 2;
            (passes(middle) ? good : bad) = middle;
        }
        return good;
    }
    double core_use() const { return core_use_; }
    const char* limited_by() const { return relay_lost_ ? "relay" : "generator"; }
    Shape at(double rate) const {
        auto shape = shape_;
        shape.period = nanoseconds(bursts_ / rate);
        return shape;
    }

  private:
    // Two chances each: one lost time slice on a busy machine must not end the search.
    bool passes(double rate) { return attempt(rate) || attempt(rate); }

    bool attempt(double rate) {
        const auto result = load_.run(at(rate), trial_ / 4, trial_, meter_);
        const auto target = rate * Seconds{trial_}.count();
        const bool kept_up = static_cast<double>(result.sent) > 0.99 * target && result.own_drops == 0;
        if (result.lost == 0 && kept_up) {
            core_use_ = Seconds{result.cpu} / Seconds{result.elapsed};
            return true;
        }
        relay_lost_ = kept_up || result.lost > result.own_drops;
        return false;
    }

    Load& load_;
    Shape shape_;
    double bursts_;
    const CpuMeter* meter_;
    std::chrono::nanoseconds trial_;
    double core_use_ = 0;
    bool relay_lost_ = false;
};

void search(Load& load, const std::string& kind, std::size_t streams, const CpuMeter& meter,
            std::chrono::nanoseconds seconds, std::chrono::nanoseconds warm_up) {
    const auto& shape = kind == "max-video" ? kVideo : kG711;
    load.run(shape, warm_up, 100ms, nullptr);
    RateSearch search{load, shape, streams, &meter, seconds};
    const auto rate = search.run();
    if (kind == "half") {
        auto result = load.run(search.at(rate / 2), 500ms, 2 * seconds, &meter);
        print(result, 0);
        return;
    }
    std::printf("{\"max_packets_per_second\": %.0f, \"core_use\": %.3f, \"limited_by\": \"%s\"}\n", rate,
                search.core_use(), search.limited_by());
}

void print(const FloodResult& result) {
    const auto ms = [](std::chrono::nanoseconds time) {
        return std::chrono::duration<double, std::milli>{time}.count();
    };
    std::printf("{\"offered_per_second\": %.0f, \"delivered_per_second\": %.0f, \"least_share\": %.3f, ",
                result.offered_per_second, result.delivered_per_second, result.least_share);
    std::printf("\"control_answers\": %u, \"control_refused\": %u, \"control_worst_ms\": %.1f, ",
                result.control_answers, result.control_refused, ms(result.control_worst));
    std::printf("\"lost_before\": %" PRIu64 ", \"clean_after_ms\": %.0f, \"prompt_after_ms\": %.0f}\n",
                result.lost_before, ms(result.clean_after), ms(result.prompt_after));
}

std::size_t open_files(int pid) {
    std::error_code error;
    const std::filesystem::directory_iterator files{"/proc/" + std::to_string(pid) + "/fd", error};
    return error ? 0 : static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// Calls of every kind that go on, beside others that come and go; a line every ten seconds.
void soak(Load& load, Peer& peer, int pid, std::chrono::nanoseconds length, const CpuMeter& meter) {
    constexpr unsigned kComeAndGo = 40;
    const auto begin = std::chrono::steady_clock::now();
    for (auto now = begin; now < begin + length; now = std::chrono::steady_clock::now()) {
        auto result = load.run(kG711, 200ms, 10s, &meter);
        std::printf("{\"second\": %.0f, \"files\": %zu, \"load\": ", Seconds{now - begin}.count(), open_files(pid));
        print(result, resident_kib(pid));
        std::printf("}\n");
        std::fflush(stdout);
        peer.churn(kComeAndGo);
    }
}

int run(const Options& options) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    const auto kind = options.text("--load");
    const auto peer = make_peer(options.text("--peer"), options.text("--at"), legs_of(kind));
    Calls calls(static_cast<std::size_t>(options.number("--calls", 1)));
    const int pid = static_cast<int>(options.number("--pid", 0));
    peer->open(calls.front());  // what the first call alone needs (a certificate, pools) is nobody's share
    const auto before = resident_kib(pid);
    std::vector<int> pids;
    if (pid) pids.push_back(pid);
    const CpuMeter relay{pids};
    const auto cpu_before = relay.used();
    const auto began = std::chrono::steady_clock::now();
    peer->open_all(std::span{calls}.subspan(1), static_cast<unsigned>(options.number("--together", 1)));
    const Seconds opening = std::chrono::steady_clock::now() - began;
    const auto others = static_cast<double>(std::max<std::size_t>(calls.size(), 2) - 1);
    if (kind == "setup") {
        std::printf("{\"setups_per_second\": %.0f, \"cpu_us_per_setup\": %.1f, \"memory_kib_per_call\": %.1f}\n",
                    others / opening.count(), microseconds(relay.used() - cpu_before) / others,
                    (resident_kib(pid) - before) / others);
        return 0;
    }

    for (const auto& call : calls)
        for (const auto* end : {&call.a, &call.b}) end->drain();

    if (const int core = static_cast<int>(options.number("--core", -1)); core >= 0)
        if (const int softirq = ksoftirqd_of(core)) pids.push_back(softirq);
    const CpuMeter meter{pids};

    Load load{calls, options.number("--spin", 1) != 0, options.number("--joined", 0) != 0};
    const auto seconds = nanoseconds(options.number("--seconds", 5));
    const auto warm_up = nanoseconds(options.number("--warm-up", 3.5));
    if (kind == "max" || kind == "max-video" || kind == "half") {
        search(load, kind, calls.size() * 2, meter, seconds, warm_up);
        return 0;
    }
    if (kind == "soak") {
        load.run(kG711, warm_up, 100ms, nullptr);
        soak(load, *peer, pid, seconds, meter);
        return 0;
    }
    if (kind == "flood") {
        load.run(kG711, warm_up, 100ms, nullptr);  // addresses are learned
        const auto control = make_peer(options.text("--peer"), options.text("--at"), Legs::plain);
        std::vector<Call> extra;
        print(Flood{
            calls, [&] {
                // On the thread that asks; the calls stay until the relay has ended.
                control->open(extra.emplace_back());
            }}.run(nanoseconds(options.number("--flood", 2))));
        return 0;
    }
    if (kind != "g711" && kind != "video" && legs_of(kind) == Legs::plain) throw std::invalid_argument{kUsage};
    auto result = load.run(kind == "video" ? kVideo : kG711, warm_up, seconds, &meter);
    print(result, (resident_kib(pid) - before) / others);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(Options{argc, argv});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "relay_load: %s\n", error.what());
        return 1;
    }
}
