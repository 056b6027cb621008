/// The controller's second attempt: the callee's client has found no codec in the offer that it speaks. The relay goes
/// between, and offers what it can turn into what the caller speaks. Calls whose ends share a codec are never opened.
/// Spec: docs/transcoding.md; XEP-0166 §7.4.
#include <algorithm>
#include <utility>

#include "config/base/log.h"
#include "signaling/calls/audio_formats.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/random_id.h"
#include "signaling/calls/transcoding.h"
#include "signaling/calls/video_formats.h"

namespace carillon::calls {

/// What may have to be said again in other words: only where the relay could help.
void Controller::keep_offer(const CallPtr& call) {
    const auto& contents = call->current->jingle.contents;
    const auto video = relay_->video_codecs();
    const bool helps = std::ranges::any_of(contents, [&](const jingle::Content& content) {
        return content.is_rtp &&
               (content.media == "video" ? relay_video(content, video).has_value() : relay_format(content).has_value());
    });
    if (!helps) return;
    call->may_reoffer = true;
    call->offer = *call->current;
}

/// True: the terminate goes no further, the callee is asked anew.
bool Controller::reoffer(const CallPtr& call) {
    const auto& arrival = *call->current;
    if (!call->may_reoffer || !call->offer || call->bridge || arrival.side != Side::callee ||
        call->phase != Phase::initiated || !lacks_codec(arrival.jingle.reason.condition))
        return false;
    const auto offered = manner_of(call->offer->jingle);
    if (!offered) return false;
    acknowledge(*call, arrival.stanza);
    std::vector<std::string> open;
    for (auto& stream : call->streams)
        if (std::exchange(stream.open, false)) open.push_back(stream.id);
    close_streams(call, open);
    call->streams.clear();
    call->bridge = {*offered, *offered};
    call->transcodes = call->reserves = true;
    call->video_codecs = relay_->video_codecs();
    call->current = *call->offer;  // somebody may still have to answer it for the callee
    // The caller has its answer to the first one: this one is the server's.
    call->current->stanza.element().set("id", std::string{kOwnIqPrefix} + random_id());
    log::debug("call is offered again, to be transcoded", {{"call", call->record.id}});
    relay_then_route(call);
    return true;
}

/// The ends would not understand one another.
void Controller::transcoder_refused(const CallPtr& call) {
    const bool asked = call->current->jingle.action == jingle::Action::session_initiate;
    if (asked) call->current.reset();  // it was the server's own
    end(call, {.condition = "media-error", .text = "the ends share no codec, and no transcoder is free"},
        "transcode-refused", asked ? std::optional{Side::callee} : std::nullopt);
}

}  // namespace carillon::calls
