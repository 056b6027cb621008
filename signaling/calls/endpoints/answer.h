/// The server's own answer to an offer: one codec of what the relay speaks, video as it came.
/// Spec: XEP-0167 §6 (negotiation), XEP-0293, XEP-0294, XEP-0338; RFC 3264 §6.
/// Not here: transports and keys (bridging.h).
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "relay/api/program.h"
#include "signaling/jingle/jingle.h"

namespace carillon::calls {

struct Answer {
    xml::Element jingle;  ///< session-accept with empty transports
    std::string audio;    ///< the content with the sound
    relay::api::AudioFormat format;
    struct Video {
        std::string content;
        std::vector<std::uint8_t> payload_types;
    };
    std::vector<Video> video;
};

/// `offer` is the <jingle/> that `parsed` was read from. The error: why it cannot be answered.
std::expected<Answer, jingle::Reason> make_answer(const xml::Element& offer, const jingle::Jingle& parsed,
                                                  bool returns_video);

}  // namespace carillon::calls
