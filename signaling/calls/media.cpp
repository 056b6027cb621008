#include "signaling/calls/media.h"

#include <algorithm>

#include "signaling/calls/bandwidth.h"
#include "signaling/calls/bridging.h"
#include "signaling/calls/tcp_candidates.h"
#include "signaling/calls/transcoding.h"
#include "signaling/jingle/leg.h"
#include "signaling/jingle/rewrite.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using jingle::Content;
using jingle::TransportKind;

constexpr std::size_t kGenerations = 3;  // of ICE credentials that may still be in use; the worker takes four

bool offers_content(Action action) { return action == Action::session_initiate || action == Action::content_add; }

bool offers_transport(Action action) { return offers_content(action) || action == Action::transport_replace; }

bool answers(Action action) { return action == Action::session_accept || action == Action::content_accept; }

bool about_replacement(Action action) {
    return action == Action::transport_replace || action == Action::transport_accept ||
           action == Action::transport_reject;
}

/// Says nothing but how the sender is reached and keyed: where the relay is the other end, nobody else's business.
bool about_transport(Action action) {
    return action == Action::transport_info || action == Action::security_info || about_replacement(action);
}

bool relayable(RelayMode mode, TransportKind kind) {
    return mode != RelayMode::never && (kind == TransportKind::ice_udp || kind == TransportKind::raw_udp);
}

std::vector<RemoteAddress> remotes_of(const std::vector<jingle::Candidate>& candidates) {
    std::vector<RemoteAddress> remotes;
    for (const auto& candidate : candidates) {
        if (candidate.component > 2 || candidate.is_mdns() || candidate.port == 0) continue;
        const bool known = std::ranges::find(remotes, candidate.component, &RemoteAddress::component) != remotes.end();
        if (!known) remotes.push_back({candidate.component, candidate.ip, candidate.port});
    }
    return remotes;
}

/// A later content with the credentials of a running stream rides on that stream's transport (BUNDLE).
bool rides_along(const Call& call, Side side, const Content& content) {
    return content.transport.ice.complete() && std::ranges::any_of(call.streams, [&](const Stream& stream) {
               return stream.open && stream.name != content.name &&
                      stream.leg(side).said.current() == content.transport.ice;
           });
}

struct Change {
    bool changed = false;
    bool restarted = false;  ///< ICE: other credentials than before
};

/// Which transport `side` speaks in that stream.
bool speaks_ice(const Stream& stream, Side side) {
    const auto& bridge = stream.leg(side).said.bridge;
    return bridge ? bridge->manner.ice : stream.ice;
}

bool fits(const Stream& stream, Side side, const Content& content) {
    return content.transport.kind == (speaks_ice(stream, side) ? TransportKind::ice_udp : TransportKind::raw_udp);
}

Change take_signalled(Stream& stream, Side side, const Content& content) {
    auto& leg = stream.leg(side);
    if (speaks_ice(stream, side)) {
        const auto& ice = content.transport.ice;
        if (!ice.complete() || ice == leg.said.current()) return {};
        const bool restarted = !leg.said.ice.empty();
        if (restarted) ++leg.restarts;
        leg.said.ice.push_back(ice);
        if (leg.said.ice.size() > kGenerations) leg.said.ice.erase(leg.said.ice.begin());
        return {true, restarted};
    }
    auto remotes = remotes_of(content.transport.candidates);
    if (remotes.empty() || remotes == leg.said.remotes) return {};
    leg.said.remotes = std::move(remotes);
    return {true, false};
}

Stream& add_stream(Call& call, const Content& content, bool replacement) {
    auto& stream = call.streams.emplace_back();
    stream.id = "s" + std::to_string(call.next_stream++);
    stream.creator = content.creator;
    stream.name = content.name;
    stream.ice = content.transport.kind == TransportKind::ice_udp;
    stream.rtp = content.is_rtp;
    stream.replacement = replacement;
    return stream;
}

/// Bit mask of the components that `content`'s sender may use.
unsigned components(const Stream& stream, const Content& content) {
    if (!stream.rtp || stream.muxed) return 1;
    const bool apart = content.has_description ? !content.rtcp_mux : false;
    return apart || content.transport.has_component(2) ? 3 : 1;
}

void offer_ice(Stream& stream, Side side, const Content& content, xml::Element& transport) {
    auto& leg = stream.leg(side);
    if (!content.transport.ice.complete()) return;  // XEP-0176 §5.3: candidates only along with ufrag and pwd
    if (leg.offered_ufrag != leg.said.current().ufrag) leg.offered = leg.offered_tcp = 0;
    const auto all = components(stream, content);
    const auto missing = all & ~leg.offered;
    std::vector<jingle::RelayAddress> addresses;
    for (const auto& address : stream.ports.told[index(other(side))])
        if (address.component <= 2 && (missing & (1u << (address.component - 1))) != 0) addresses.push_back(address);
    const auto over_tcp = tcp_addresses(stream, other(side), all & ~leg.offered_tcp);
    addresses.insert(addresses.end(), over_tcp.begin(), over_tcp.end());
    const auto& candidates = content.transport.candidates;
    leg.generation = candidates.empty() ? std::to_string(leg.restarts) : candidates.front().generation;
    jingle::add_relay_candidates(transport, addresses, leg.generation);
    leg.offered |= missing;
    if (!over_tcp.empty()) leg.offered_tcp |= all;
    leg.offered_ufrag = leg.said.current().ufrag;
}

void close_ports(Stream& stream, std::vector<std::string>& closed) {
    if (stream.open) closed.push_back(stream.id);
    stream.open = false;
}

/// The contents of one BUNDLE use the transport of the first; the others' ports go free.
void settle_bundle(Call& call, const jingle::Jingle& jingle, std::vector<std::string>& closed) {
    const auto* bundle = jingle.bundle();
    if (!bundle) return;
    Stream* first = nullptr;
    for (const auto& name : bundle->contents) {
        auto* stream = call.find({}, name);
        if (!stream || !stream->ice) continue;
        if (!first) {
            first = stream;
            continue;
        }
        stream->bundled = true;
        stream->carrier = first->id;
        close_ports(*stream, closed);
    }
}

/// Without BUNDLE's word: equal credentials of the answering side say the same.
void settle_shared_credentials(Call& call, std::vector<std::string>& closed) {
    for (std::size_t i = 1; i < call.streams.size(); ++i) {
        auto& stream = call.streams[i];
        if (stream.bundled || stream.replacement || stream.bridged() || stream.leg(Side::callee).said.ice.empty())
            continue;
        for (std::size_t k = 0; k < i; ++k) {
            const auto& earlier = call.streams[k];
            if (earlier.bundled || !earlier.open || earlier.legs[0].said.current() != stream.legs[0].said.current() ||
                earlier.legs[1].said.current() != stream.legs[1].said.current())
                continue;
            stream.bundled = true;
            close_ports(stream, closed);
            break;
        }
    }
}

void settle_accept(Call& call, const jingle::Jingle& jingle, std::vector<std::string>& closed) {
    if (jingle.action == Action::session_accept) {
        // XEP-0166 §7.2.9: a content that the answer leaves out is not taken.
        std::vector<std::string> taken;
        for (const auto& content : jingle.contents)
            if (const auto* stream = call.find(content.creator, content.name)) taken.push_back(stream->id);
        std::erase_if(call.streams, [&](Stream& stream) {
            if (std::ranges::find(taken, stream.id) != taken.end()) return false;
            close_ports(stream, closed);
            return true;
        });
    }
    for (const auto& content : jingle.contents)
        if (auto* stream = call.find(content.creator, content.name)) stream->muxed = content.rtcp_mux;
    settle_bundle(call, jingle, closed);
    settle_shared_credentials(call, closed);
}

void settle_removed(Call& call, const Content& content, std::vector<std::string>& closed) {
    auto* gone = call.find(content.creator, content.name);
    if (!gone) return;
    if (gone->open) {
        // RFC 8843 §7.5.3: when the first of a bundle goes, the next one keeps the transport.
        for (auto& heir : call.streams) {
            const bool shares = heir.carrier == gone->id ||
                                heir.leg(Side::caller).said.current() == gone->leg(Side::caller).said.current();
            if (!heir.bundled || !shares) continue;
            std::swap(heir.name, gone->name);
            std::swap(heir.creator, gone->creator);
            gone = &heir;
            break;
        }
    }
    close_ports(*gone, closed);
    std::erase_if(call.streams, [id = gone->id](const Stream& stream) { return stream.id == id; });
}

void settle_replacement(Call& call, const Content& content, bool accepted, std::vector<std::string>& closed) {
    auto* fresh = call.find(content.creator, content.name, true);
    if (!fresh) return;
    const auto fresh_id = fresh->id;
    auto* leaving = accepted ? call.find(content.creator, content.name) : fresh;
    if (leaving) {
        close_ports(*leaving, closed);
        const auto leaving_id = leaving->id;
        std::erase_if(call.streams, [&](const Stream& stream) { return stream.id == leaving_id; });
    }
    if (auto* kept = call.find_id(fresh_id)) kept->replacement = false;
}

using Tasks = std::vector<RelayTask>;

/// A new content whose legs the relay ends.
std::expected<void, PlanFault> plan_bridged_offer(Call& call, Side side, const jingle::Jingle& jingle,
                                                  const Content& content, const jingle::Limits& limits, Tasks& tasks) {
    if (call.streams.size() >= 2 * limits.contents) return std::unexpected{PlanFault::too_many};
    auto& stream = add_stream(call, content, false);
    if (!take_offer(stream, side, content, (*call.bridge)[index(other(side))]))
        return std::unexpected{PlanFault::security};
    stream.line = call.line;
    stream.line[index(side)] = narrow_line(stream.line[index(side)], content.bandwidth);
    if (call.transcodes) extend_offer(stream, side, content, jingle, call.streams, call.video_codecs);
    // A place for sound is kept; one for pictures costs too much to be kept for what may not be needed.
    if (call.reserves && stream.offered_format && !stream.added.empty())
        stream.program.kind = relay::api::Program::Kind::transcode;
    take_signalled(stream, side, content);
    tasks.push_back({RelayTask::Kind::open, stream.id, side});
    return {};
}

/// Which stream's transport carries a content: in a bundle, the first one's.
Stream* carrier_in(Call& call, const jingle::Jingle& answer, Stream& stream) {
    const auto* bundle = answer.bundle();
    const bool rides = bundle && std::ranges::find(bundle->contents, stream.name) != bundle->contents.end();
    auto* carrier = rides ? call.find({}, bundle->contents.front()) : &stream;
    return carrier && carrier->bridged() ? carrier : &stream;
}

/// The carrier's program is for all of its contents.
void lend_program(const Stream& stream, Stream& carrier) {
    carrier.program.kind = relay::api::Program::Kind::transcode;
    if (&stream == &carrier) return;
    if (stream.offered_video) {
        carrier.program.video_a = stream.program.video_a;
        carrier.program.video_b = stream.program.video_b;
    } else {
        carrier.program.a = stream.program.a;
        carrier.program.b = stream.program.b;
    }
}

/// What passes as it is, of a transport that has a program.
std::vector<std::uint8_t> passing(Call& call, const jingle::Jingle& answer, const Stream& carrier) {
    std::vector<std::uint8_t> out;
    for (const auto& content : answer.contents) {
        auto* stream = call.find(content.creator, content.name);
        if (!stream || stream->recoded || carrier_in(call, answer, *stream) != &carrier) continue;
        for (const auto& type : content.payload_types) out.push_back(static_cast<std::uint8_t>(type.id));
    }
    return out;
}

void give_programs(Call& call, const jingle::Jingle& answer, Tasks& tasks) {
    std::vector<Stream*> carriers;
    for (const auto& content : answer.contents) {
        auto* stream = call.find(content.creator, content.name);
        if (!stream || !stream->recoded) continue;
        auto* carrier = carrier_in(call, answer, *stream);
        lend_program(*stream, *carrier);
        if (std::ranges::find(carriers, carrier) == carriers.end()) carriers.push_back(carrier);
    }
    for (auto* carrier : carriers) {
        carrier->program.returned = passing(call, answer, *carrier);
        tasks.push_back({RelayTask::Kind::program, carrier->id, Side::caller});
    }
}

/// What a side says of a content that is bridged already.
std::expected<void, PlanFault> plan_bridged(Call& call, Stream& stream, Side side, const jingle::Jingle& jingle,
                                            const Content& content, Tasks& tasks) {
    const bool answer = answers(jingle.action);
    if (answer && !fits(stream, side, content)) return std::unexpected{PlanFault::transport};
    if (about_replacement(jingle.action) || !fits(stream, side, content)) return {};
    if (answer && !take_answer(stream, side, content)) return std::unexpected{PlanFault::security};
    if (answer) take_codecs(stream, side, content, call.video_codecs);
    const auto change = take_signalled(stream, side, content);
    if (change.restarted && !answer) restart_leg(stream, side);
    if (!stream.open || (!answer && !change.changed)) return {};
    tasks.push_back({RelayTask::Kind::update, stream.id, side});
    if (answer) tasks.push_back({RelayTask::Kind::update, stream.id, other(side)});
    return {};
}

/// Payload types of a bundle are told apart on its one transport: the first content's leg maps them all.
void gather_payload_types(Call& call, const jingle::Jingle& jingle) {
    const auto* bundle = jingle.bundle();
    Stream* carrier = bundle && answers(jingle.action) ? call.find({}, bundle->contents.front()) : nullptr;
    if (!carrier || !carrier->bridged()) return;
    for (const auto& name : bundle->contents) {
        auto* stream = call.find({}, name);
        if (!stream || stream == carrier || !stream->bridged()) continue;
        for (const auto side : {Side::caller, Side::callee})
            carrier->leg(side).said.bridge->payload_types.insert(stream->leg(side).said.bridge->payload_types.begin(),
                                                                 stream->leg(side).said.bridge->payload_types.end());
    }
}

/// Bridged contents: an offer or an answer is told anew, of anything else the transport is the relay's business alone.
void rewrite_bridged(Call& call, Side side, const jingle::Jingle& jingle, xml::Element& element) {
    for (const auto& content : jingle.contents) {
        auto* stream = call.find(content.creator, content.name);
        auto* said =
            stream && stream->bridged() ? jingle::find_content(element, content.creator, content.name) : nullptr;
        if (!said || content.transport.kind == TransportKind::none) continue;
        auto* carrier = stream->bundled ? call.find_id(stream->carrier) : stream;
        if (carrier && (offers_content(jingle.action) || answers(jingle.action))) {
            describe_leg(*stream, *carrier, other(side), *said);
            auto& told = carrier->leg(other(side));
            told.told_ufrag = told.said.bridge->own.ufrag;
            told.told_tcp = told.tcp;
        } else {
            said->remove_children_if([](const xml::Element& child) { return child.name() == "transport"; });
        }
    }
}

/// One transport for several contents is for those who both speak ICE. A bundle of one is nobody's business but the
/// offerer's, and some ends (bundlePolicy max-bundle) take no answer without.
void rewrite_bundle(Call& call, const jingle::Jingle& jingle, xml::Element& element) {
    if (jingle.action == Action::session_initiate) call.bundle_offered = jingle.bundle() != nullptr;
    const bool one_is_raw =
        std::ranges::any_of(call.streams, [](const Stream& each) { return each.bridged() && !each.ice; });
    if (jingle.bundle() && one_is_raw)
        element.remove_children_if([](const xml::Element& child) { return child.name() == "group"; });
    const bool bundled = jingle.bundle() && !one_is_raw;
    if (jingle.action == Action::session_accept && call.bundle_offered && !bundled && jingle.contents.size() == 1)
        jingle::add_bundle(element, jingle.contents.front().name);
}

}  // namespace

std::expected<std::vector<RelayTask>, PlanFault> plan_media(Call& call, Side side, const jingle::Jingle& jingle,
                                                            const jingle::Limits& limits) {
    std::vector<RelayTask> tasks;
    for (const auto& content : jingle.contents) {
        auto* bridged = call.find(content.creator, content.name);
        if (bridged && bridged->bridged()) {
            if (const auto done = plan_bridged(call, *bridged, side, jingle, content, tasks); !done)
                return std::unexpected{done.error()};
            continue;
        }
        if (!relayable(call.mode, content.transport.kind)) continue;
        if (call.bridge && content.is_rtp && offers_content(jingle.action) && !bridged) {
            if (const auto done = plan_bridged_offer(call, side, jingle, content, limits, tasks); !done)
                return std::unexpected{done.error()};
            continue;
        }
        const bool replacement = about_replacement(jingle.action);
        auto* stream = call.find(content.creator, content.name, replacement);
        const bool fresh = !stream && offers_transport(jingle.action);
        if (fresh) {
            if (call.streams.size() >= 2 * limits.contents) return std::unexpected{PlanFault::too_many};
            const bool rides = jingle.action == Action::content_add && rides_along(call, side, content);
            stream = &add_stream(call, content, replacement);
            stream->bundled = rides;
        }
        if (!stream || stream->ice != (content.transport.kind == TransportKind::ice_udp)) continue;
        const auto change = take_signalled(*stream, side, content);
        if (stream->bundled) continue;
        if (stream->open) {
            if (change.changed) tasks.push_back({RelayTask::Kind::update, stream->id, side});
        } else if (fresh || change.restarted) {
            tasks.push_back({RelayTask::Kind::open, stream->id, side});
        }
    }
    note_tcp(call, side, jingle);
    if (call.bridge) gather_payload_types(call, jingle);
    if (call.bridge && answers(jingle.action)) give_programs(call, jingle, tasks);
    return tasks;
}

std::vector<std::string> settle_media(Call& call, const jingle::Jingle& jingle) {
    std::vector<std::string> closed;
    switch (jingle.action) {
        case Action::session_accept:
        case Action::content_accept:
            settle_accept(call, jingle, closed);
            break;
        case Action::content_reject:
        case Action::content_remove:
            for (const auto& content : jingle.contents) settle_removed(call, content, closed);
            break;
        case Action::transport_accept:
        case Action::transport_reject:
            for (const auto& content : jingle.contents)
                settle_replacement(call, content, jingle.action == Action::transport_accept, closed);
            break;
        default:
            break;
    }
    return closed;
}

bool rewrite_media(Call& call, Side side, const jingle::Jingle& jingle, xml::Element& element) {
    if (call.mode == RelayMode::always) jingle::remove_candidates(element);
    if (call.bridge) {
        const bool of_others = std::ranges::any_of(jingle.contents, [&](const Content& content) {
            const auto* stream = call.find(content.creator, content.name);
            return !stream || !stream->bridged();
        });
        if (about_transport(jingle.action) && !of_others) return false;
        rewrite_bridged(call, side, jingle, element);
        rewrite_bundle(call, jingle, element);
    }
    for (const auto& content : jingle.contents) {
        auto* stream = call.find(content.creator, content.name, jingle.action == Action::transport_replace);
        if (!stream || !stream->open || stream->bundled || stream->bridged()) continue;
        if (stream->ice != (content.transport.kind == TransportKind::ice_udp)) continue;
        auto* transport = jingle::find_transport(element, content.creator, content.name);
        if (!transport) continue;
        if (stream->ice) {
            offer_ice(*stream, side, content, *transport);
        } else if (content.transport.kind == TransportKind::raw_udp) {
            jingle::replace_raw_candidates(*transport, content.transport.candidates,
                                           stream->ports.told[index(other(side))]);
        }
    }
    return true;
}

StreamSetup setup_of(const Stream& stream) {
    return {.stream = stream.id,
            .ice = stream.ice,
            .rtcp = stream.rtp,
            .legs = {stream.leg(Side::caller).said, stream.leg(Side::callee).said},
            .program = stream.program};
}

}  // namespace carillon::calls
