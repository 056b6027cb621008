/// The controller's music: what one side hears that the other has put on hold, where the relay stands between them.
/// Spec: XEP-0167 §8 (hold, unhold, active), XEP-0166 §7.2.3 (content-modify); docs/endpoints.md.
/// Not here: the sound (relay/media), who is held for the sake of quality (call.h).
#include <algorithm>

#include "config/base/log.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/endpoints/music.h"
#include "signaling/jingle/leg.h"

namespace carillon::calls {
namespace {

using Kind = relay::api::Program::Kind;

std::string_view role_of(Side side) { return side == Side::caller ? "initiator" : "responder"; }

/// Whether that side takes nothing from the other any more.
bool takes_nothing(std::string_view senders, Side side) { return senders == "none" || senders == role_of(side); }

bool has_sound(const Stream& stream) {
    return stream.transcoded() ||
           std::ranges::any_of(stream.sound_to, [](const SoundTo& to) { return to.format.has_value(); });
}

/// The stream that carries the sound; null: the relay does not end it.
Stream* sound_of(Call& call) {
    for (auto& stream : call.streams) {
        if (!stream.bridged() || !has_sound(stream)) continue;
        auto* carrier = stream.bundled ? call.find_id(stream.carrier) : &stream;
        if (!carrier || !carrier->open) continue;
        if (carrier != &stream && !carrier->transcoded()) carrier->sound_to = stream.sound_to;
        return carrier;
    }
    return nullptr;
}

/// A bridge that may speak to its ends.
void make_interlude(Stream& stream) {
    auto& program = stream.program;
    program.kind = Kind::interlude;
    program.a = stream.sound_to[0].format.value_or(relay::api::AudioFormat{});
    program.b = stream.sound_to[1].format.value_or(relay::api::AudioFormat{});
    for (std::size_t side = 0; side < 2; ++side) program.sound[side] = stream.sound_to[side].types;
}

}  // namespace

void Controller::take_hold(const CallPtr& call, const Arrival& arrival) {
    auto& hold = call->hold[index(arrival.side)];
    const bool before = hold.on();
    if (arrival.jingle.holds) hold.word = *arrival.jingle.holds;
    if (arrival.jingle.action == jingle::Action::content_modify)
        for (const auto& content : arrival.jingle.contents) {
            const auto* stream = call->find(content.creator, content.name);
            if (stream && has_sound(*stream)) hold.senders = takes_nothing(content.senders, arrival.side);
        }
    if (hold.on() != before) play_on_hold(call, other(arrival.side));
}

void Controller::play_on_hold(const CallPtr& call, Side waits) {
    const auto* env = environment(*call);
    if (!env || !relay_ || env->settings().hold_music.empty() || call->phase != Phase::active) return;
    auto* stream = sound_of(*call);
    if (!stream || stream->program.kind == Kind::endpoint) return;
    const bool plays = call->hold[index(other(waits))].on();
    if (!stream->transcoded()) {
        if (!stream->sound_to[index(waits)].format) return;
        make_interlude(*stream);
    }
    auto& instead = stream->program.instead[index(waits)];
    if (plays == instead.has_value()) return;
    instead.reset();
    if (plays) instead = play(env->settings().hold_music, true);
    log::debug(plays ? "a side hears music" : "a side hears the other one again",
               {{"call", call->record.id}, {"side", role_of(waits)}});
    relay_->set_program(call->record.id, stream->id, stream->program, [id = call->record.id](bool done) {
        if (!done) log::warning("there is no music for a side on hold", {{"call", id}});
    });
}

/// Where the relay speaks in a side's place, that side is still who sends: an end told that nobody does plays nothing.
void Controller::keep_way_open(const Call& call, const Arrival& arrival, xml::Element& element) {
    if (arrival.jingle.action != jingle::Action::content_modify) return;
    for (const auto& content : arrival.jingle.contents) {
        const auto stream = std::ranges::find_if(call.streams, [&](const Stream& each) {
            return each.name == content.name && each.bridged() && has_sound(each);
        });
        if (stream == call.streams.end() || content.senders != "none") continue;
        if (auto* said = jingle::find_content(element, content.creator, content.name))
            said->set("senders", role_of(arrival.side));
    }
}

}  // namespace carillon::calls
