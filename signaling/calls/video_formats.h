/// Which pictures the relay itself understands, as a content's payload types tell it.
/// Spec: XEP-0167 §4.4, XEP-0293 (feedback); RFC 7741 §6.1 (max-fs), RFC 9628 §7.1 (profile-id, max-fs), RFC 6184 §8.1
/// (packetization-mode, profile-level-id); ITU-T H.264 table A-1 (levels).
/// Not here: whether anything is decoded (transcoding.h).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "relay/api/program.h"
#include "signaling/jingle/jingle.h"
#include "signaling/xml/element.h"

namespace carillon::calls {

using relay::api::VideoFormat;

/// The relay's name of the codec; nothing when it does not speak it like that. `spoken`: encoding names.
/// `answers`: it is what the relay itself has offered, however little of it is said again.
std::optional<std::string> relay_video_codec(const jingle::PayloadType& type, const std::vector<std::string>& spoken,
                                             bool answers = false);

/// How pictures travel when the first codec of the content that the relay speaks is used. Nothing when there is none.
std::optional<VideoFormat> relay_video(const jingle::Content& content, const std::vector<std::string>& spoken,
                                       bool answers = false);

/// What the relay offers of its own, best first, of those spoken; their numbers are still to be found.
std::vector<jingle::PayloadType> offered_video(const std::vector<std::string>& spoken);

/// Tells in `description` that pictures are of that format, and nothing else; `types` are what the numbers stand for.
void write_video(xml::Element& description, const VideoFormat& format, const std::vector<jingle::PayloadType>& types);
/// One <payload-type/> with parameters and the feedback that the relay takes.
void add_video_type(xml::Element& description, const jingle::PayloadType& type);

/// Takes out of an offer what would not hold if the relay came between: congestion control over the whole transport,
/// the senders' own SSRCs, and for pictures how a camera is held.
void forget_end_to_end(xml::Element& description);

}  // namespace carillon::calls
