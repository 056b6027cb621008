#include "media/replay/commands.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "media/replay/live_call.h"

namespace carillon::replay {
namespace {

constexpr int kPassed = 0, kFailed = 1, kWrong = 2;

int complain(const std::string& what) {
    std::cerr << "carillon-replay: " << what << '\n';
    return kWrong;
}

/// One stream of the list, opened where there is a key.
struct Listed {
    std::size_t number = 0;
    capture::CapturedStream stream;
    bool opened = false;
    std::size_t rejected = 0;
};

std::vector<Listed> open_streams(capture::CaptureContents& contents, const Options& options) {
    std::vector<Listed> out;
    for (auto& stream : contents.streams) {
        Listed listed{.number = out.size() + 1, .stream = std::move(stream)};
        for (const auto& secret : options.secrets) {
            auto opened = capture::unprotect(listed.stream, secret);
            if (!opened) continue;
            listed.stream = std::move(opened->stream);
            listed.opened = true;
            listed.rejected = opened->rejected;
            break;
        }
        out.push_back(std::move(listed));
    }
    return out;
}

std::string name_of(const Listed& listed) {
    const auto& key = listed.stream.key;
    auto name = fmt::format("{} > {} ssrc 0x{:08X}", key.source.to_string(), key.destination.to_string(), key.ssrc);
    if (key.channel != 0) name += fmt::format(" TURN channel 0x{:04X}", key.channel);
    return name;
}

std::string types_of(const capture::CapturedStream& stream, const capture::PayloadMap& map) {
    std::string out;
    for (const auto& [type, count] : stream.payload_types)
        out += fmt::format("{}{} {} ({})", out.empty() ? "" : ", ", type, map.meaning(type).name, count);
    return out;
}

void print_list(const capture::CaptureContents& contents, const std::vector<Listed>& streams, const Options& options) {
    for (const auto& listed : streams) {
        const auto figures = capture::figures_of(listed.stream.packets, options.map, {.target = options.playout});
        std::cout << fmt::format(
            "{:3} {}\n    payload types {}\n    {} packets in {:.1f} s, lost {} ({:.2f} %), duplicates {}, reordered "
            "{}, "
            "jitter {:.1f} ms, longest gap {:.0f} ms{}{}{}\n",
            listed.number, name_of(listed), types_of(listed.stream, options.map), figures.packets, figures.seconds,
            figures.lost, figures.loss * 100, figures.duplicates, figures.reordered, figures.jitter_ms,
            figures.longest_gap_ms, figures.digits.empty() ? "" : ", digits " + figures.digits,
            listed.opened ? fmt::format(", opened, MOS {:.2f}", figures.mos) : "",
            listed.rejected ? fmt::format(", {} not authentic", listed.rejected) : "");
    }
    std::cout << fmt::format(
        "{} datagrams: {} STUN, {} DTLS, {} RTCP, {} in TURN channels, {} in TURN indications, {} other; "
        "frames left out: {} malformed, {} cut short, {} not UDP, {} not IP\n",
        contents.datagrams, contents.stun, contents.dtls, contents.rtcp, contents.turn_channel,
        contents.turn_indication, contents.other, contents.leftover.malformed, contents.leftover.cut_short,
        contents.leftover.not_udp, contents.leftover.not_ip);
    if (!contents.truncated.empty()) std::cout << "the capture ends early: " << contents.truncated << '\n';
}

std::expected<std::vector<const Listed*>, std::string> choose(const std::vector<Listed>& streams,
                                                              const Options& options) {
    std::vector<const Listed*> chosen;
    for (const auto& wanted : options.streams) {
        const auto before = chosen.size();
        for (const auto& listed : streams) {
            const auto ssrc = fmt::format("0x{:08X}", listed.stream.key.ssrc);
            const bool same_ssrc = std::ranges::equal(
                wanted, ssrc, [](unsigned char a, unsigned char b) { return std::toupper(a) == std::toupper(b); });
            if (wanted == "all" || wanted == std::to_string(listed.number) || same_ssrc) chosen.push_back(&listed);
        }
        if (chosen.size() == before) return std::unexpected{"there is no stream " + wanted};
    }
    if (options.streams.empty() && !streams.empty()) {
        chosen.push_back(
            &*std::ranges::max_element(streams, {}, [](const auto& listed) { return listed.stream.packets.size(); }));
    }
    if (chosen.empty()) return std::unexpected{"there is no RTP in this capture"};
    return chosen;
}

std::expected<Outcome, std::string> replay(const Listed& listed, const Options& options) {
    const auto type = listed.stream.payload_type();
    const auto meaning = options.map.meaning(type);
    auto planned = plan(listed.stream.packets, options.speed);
    CallTrace trace;
    if (options.way == Way::simulate) {
        trace.sent = planned;
        trace.received = impair(planned, options.impairments);
    } else {
        if (!meaning.audio) {
            return std::unexpected{
                fmt::format("stream {}: a call carries audio, and payload type {} is not known as such; "
                            "say what it is with --map {}=NAME/RATE",
                            listed.number, type, type)};
        }
        auto live = through_call(options, impair(planned, options.impairments), type, *meaning.audio);
        if (!live) return std::unexpected{live.error()};
        trace = std::move(*live);
    }
    auto outcome = judge(name_of(listed), {listed.stream.packets, trace.sent, trace.received, trace.pacing},
                         options.map, {.target = options.playout});
    outcome.codec = meaning.name;
    return outcome;
}

bool write(const std::string& path, const std::string& text) {
    if (path.empty()) return true;
    std::ofstream file{path, std::ios::binary};
    file << text;
    return static_cast<bool>(file.flush());
}

}  // namespace

int run(const Options& options) {
    auto contents = capture::read_capture(options.file);
    if (!contents) return complain(contents.error());
    const auto streams = open_streams(*contents, options);
    if (options.way == Way::list) {
        print_list(*contents, streams, options);
        return streams.empty() ? kFailed : kPassed;
    }
    const auto chosen = choose(streams, options);
    if (!chosen) return complain(chosen.error());
    Report report{.capture = std::filesystem::path{options.file}.filename().string(),
                  .way = options.way == Way::simulate ? "simulated" : "call to " + options.peer,
                  .thresholds = options.thresholds};
    for (const auto* listed : *chosen) {
        auto outcome = replay(*listed, options);
        if (!outcome) {
            std::cerr << "carillon-replay: " << outcome.error() << '\n';
            return kFailed;
        }
        report.outcomes.push_back(std::move(*outcome));
    }
    std::cout << (options.json ? to_json(report) : to_text(report));
    if (!write(options.junit, to_junit(report))) return complain(options.junit + ": could not be written");
    if (!write(options.html, to_html(report))) return complain(options.html + ": could not be written");
    return report.passed() ? kPassed : kFailed;
}

}  // namespace carillon::replay
