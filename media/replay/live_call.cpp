#include "media/replay/live_call.h"

#include <optional>

#include "media/phone/endpoint.h"

namespace carillon::replay {
namespace {

using phone::Account;
using phone::CallOptions;
using phone::Endpoint;
using phone::PacketRecorder;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPoll{2};
constexpr milliseconds kTail{1500};    // from the last packet to hanging up
constexpr milliseconds kLeadIn{300};   // silence of the phone before the first packet
constexpr milliseconds kSetUp{60000};  // ringing, accepting, connecting

CallOptions common(const Options& options) {
    CallOptions out;
    out.relay_only = options.relay_only;
    out.bind_address = options.bind_address;
    out.playout = options.playout;
    return out;
}

std::shared_ptr<const phone::PacketSource> source_of(const std::vector<CapturedPacket>& planned, std::uint8_t type) {
    auto source = std::make_shared<phone::PacketSource>();
    source->payload_type = type;
    for (const auto& packet : planned) source->packets.push_back({packet.time, packet.data});
    return source;
}

std::vector<CapturedPacket> packets_of(PacketRecorder& recorder, std::vector<Time>* pacing = nullptr) {
    std::vector<CapturedPacket> out;
    for (auto& entry : recorder.take()) {
        out.push_back({entry.time, std::move(entry.packet)});
        if (pacing) pacing->push_back(entry.off);
    }
    return out;
}

/// One of the two users, signed in.
struct End {
    End(const phone::AccountOptions& account_options, CallOptions call_options)
        : account{account_options}, options{std::move(call_options)} {}
    std::expected<void, std::string> sign_in(bool answering) {
        if (const auto connected = account.connect(); !connected) {
            return std::unexpected{account.options().jid + ": " + connected.error()};
        }
        endpoint.emplace(account, events, options);
        endpoint->answer_calls(answering);
        endpoint->go_online();
        return {};
    }

    Account account;
    phone::EventQueue events;
    CallOptions options;
    std::optional<Endpoint> endpoint;
};

}  // namespace

std::expected<CallTrace, std::string> through_call(const Options& options, const std::vector<CapturedPacket>& planned,
                                                   std::uint8_t payload_type, codecs::AudioCodec codec) {
    const auto sent = std::make_shared<PacketRecorder>(), heard = std::make_shared<PacketRecorder>();
    const bool answering = !options.answerer.jid.empty();
    auto calling = common(options), taking = common(options);
    calling.codecs = {codec};
    calling.transport = options.raw_udp ? phone::TransportKind::raw_udp : phone::TransportKind::ice_udp;
    calling.jmi = options.peer.find('/') == std::string::npos;
    calling.packets = source_of(planned, payload_type);
    calling.talk = std::chrono::duration_cast<milliseconds>(planned.back().time) + kLeadIn + kTail;
    calling.sent = sent;
    taking.codecs = {options.answer_codec.empty() ? codec : *codecs::codec_named(options.answer_codec)};
    taking.talk = milliseconds{0};
    taking.heard = heard;
    if (!answering) calling.heard = heard;

    std::optional<End> answerer;
    if (answering) {
        answerer.emplace(options.answerer, taking);
        if (const auto signed_in = answerer->sign_in(true); !signed_in) return std::unexpected{signed_in.error()};
    }
    End caller{options.caller, calling};
    if (const auto signed_in = caller.sign_in(false); !signed_in) return std::unexpected{signed_in.error()};
    if (const auto placed = caller.endpoint->place(options.peer); !placed) return std::unexpected{placed.error()};
    const auto latest = Clock::now() + kSetUp + calling.talk;
    while (!caller.endpoint->call()->done() && Clock::now() < latest) {
        caller.endpoint->poll(kPoll);
        if (answerer) answerer->endpoint->poll(kPoll);
    }
    const auto summary = caller.endpoint->call()->summary();
    for (const auto until = Clock::now() + milliseconds{300}; Clock::now() < until;) {  // the last stanzas go out
        caller.endpoint->poll(kPoll);
        if (answerer) answerer->endpoint->poll(kPoll);
    }
    CallTrace trace;
    trace.sent = packets_of(*sent, &trace.pacing);
    trace.received = packets_of(*heard);
    trace.summary = phone::to_text(summary);
    if (trace.sent.empty()) return std::unexpected{"the call did not come about: " + trace.summary};
    return trace;
}

}  // namespace carillon::replay
