/// What one call was like, as one line of JSON.
/// Not here: measuring (media_session.h).
#pragma once
#include <optional>
#include <string>

#include "media/phone/media_session.h"
#include "media/phone/transport.h"

namespace carillon::phone {

struct CallSummary {
    std::string direction;  ///< "outgoing", "incoming"
    std::string peer;
    std::string sid;
    std::string transport;  ///< "ice-udp", "raw-udp"; empty when it did not come that far
    std::string codec;
    std::string reason;              ///< of the end, as in XEP-0166 §7.4, or a stanza error's condition
    bool by_peer = false;            ///< who ended it
    bool media = false;              ///< sound came from the peer
    bool ok = false;                 ///< there was a call and it ended as it should
    std::optional<double> ring_ms;   ///< from the start until the far end rang
    std::optional<double> setup_ms;  ///< from the start until sound could flow both ways
    double talk_seconds = 0;
    unsigned restarts = 0;  ///< ICE restarts
    Path path;
    MediaReport report;
};

std::string to_json(const CallSummary& summary);
std::string to_text(const CallSummary& summary);  ///< one line for people

}  // namespace carillon::phone
