/// Where a program's streams stood in a worker that died: its successor numbers on from there, so that each end sees
/// one stream and no index is used twice under a key. What was in the codecs is gone. Spec: RFC 3550 §5.1, RFC 3711
/// §3.3.1; docs/relay-journal.md. Not here: where it is kept (journal/), the streams that are joined of two (splice.h).
#pragma once
#include <array>
#include <optional>
#include <string>

#include "media/rtp/rtp_stream.h"
#include "relay/engine/leg_statistics.h"

namespace carillon::relay {

/// By the leg whose end hears and sees it.
struct Continuation {
    std::array<std::optional<StreamPoint>, 2> sound{}, pictures{};
};

/// A stream that goes on behind `before`, its clock as far ahead as time has passed; without one a stream that begins.
rtp::RtpSender sender_after(const std::optional<StreamPoint>& before, unsigned clock_rate);

}  // namespace carillon::relay
