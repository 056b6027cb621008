#include "signaling/calls/media.h"

#include <algorithm>

#include "signaling/jingle/rewrite.h"

namespace carillon::calls {
namespace {

using jingle::Action;
using jingle::Content;
using jingle::TransportKind;

constexpr std::size_t kGenerations = 3;  // of ICE credentials that may still be in use; the worker takes four

bool offers_transport(Action action) {
    return action == Action::session_initiate || action == Action::content_add || action == Action::transport_replace;
}

bool about_replacement(Action action) {
    return action == Action::transport_replace || action == Action::transport_accept ||
           action == Action::transport_reject;
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

Change take_signalled(Stream& stream, Side side, const Content& content) {
    auto& leg = stream.leg(side);
    if (stream.ice) {
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
    if (leg.offered_ufrag != leg.said.current().ufrag) leg.offered = 0;
    const auto missing = components(stream, content) & ~leg.offered;
    std::vector<jingle::RelayAddress> addresses;
    for (const auto& address : stream.ports.told[index(other(side))])
        if (address.component <= 2 && (missing & (1u << (address.component - 1))) != 0) addresses.push_back(address);
    const auto& candidates = content.transport.candidates;
    const auto generation = candidates.empty() ? std::to_string(leg.restarts) : candidates.front().generation;
    jingle::add_relay_candidates(transport, addresses, generation);
    leg.offered |= missing;
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
        close_ports(*stream, closed);
    }
}

/// Without BUNDLE's word: equal credentials of the answering side say the same.
void settle_shared_credentials(Call& call, std::vector<std::string>& closed) {
    for (std::size_t i = 1; i < call.streams.size(); ++i) {
        auto& stream = call.streams[i];
        if (stream.bundled || stream.replacement || stream.leg(Side::callee).said.ice.empty()) continue;
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
            if (!heir.bundled || heir.leg(Side::caller).said.current() != gone->leg(Side::caller).said.current())
                continue;
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

}  // namespace

std::optional<std::vector<RelayTask>> plan_media(Call& call, Side side, const jingle::Jingle& jingle,
                                                 const jingle::Limits& limits) {
    std::vector<RelayTask> tasks;
    for (const auto& content : jingle.contents) {
        if (!relayable(call.mode, content.transport.kind)) continue;
        const bool replacement = about_replacement(jingle.action);
        auto* stream = call.find(content.creator, content.name, replacement);
        const bool fresh = !stream && offers_transport(jingle.action);
        if (fresh) {
            if (call.streams.size() >= 2 * limits.contents) return std::nullopt;
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

void rewrite_media(Call& call, Side side, const jingle::Jingle& jingle, xml::Element& element) {
    if (call.mode == RelayMode::always) jingle::remove_candidates(element);
    for (const auto& content : jingle.contents) {
        auto* stream = call.find(content.creator, content.name, jingle.action == Action::transport_replace);
        if (!stream || !stream->open || stream->bundled) continue;
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
}

StreamSetup setup_of(const Stream& stream) {
    return {.stream = stream.id,
            .ice = stream.ice,
            .rtcp = stream.rtp,
            .legs = {stream.leg(Side::caller).said, stream.leg(Side::callee).said}};
}

}  // namespace carillon::calls
