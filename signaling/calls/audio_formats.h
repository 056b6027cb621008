/// Which sound the relay itself understands, as a content's payload types tell it.
/// Spec: XEP-0167 §4.4, RFC 3551 §6 (static types), RFC 3389, RFC 4733, RFC 7587, RFC 6464 (XEP-0294).
/// Not here: writing an answer or an offer (endpoints/answer.h).
#pragma once
#include <optional>

#include "relay/api/program.h"
#include "signaling/jingle/jingle.h"
#include "signaling/xml/element.h"

namespace carillon::calls {

using relay::api::AudioFormat;

/// With its name, where a static type comes without one.
jingle::PayloadType named(jingle::PayloadType type);
/// The relay's name of the codec; nothing when it does not speak it.
std::optional<std::string> relay_codec(const jingle::PayloadType& type);

/// Not a sound of its own: telephone events, comfort noise, redundancy.
bool goes_along(const jingle::PayloadType& type);
/// Travels in the stream of the sound itself, under its SSRC: not what repeats or repairs it.
bool sound_along(const jingle::PayloadType& type);
bool same_codec(const jingle::PayloadType& a, const jingle::PayloadType& b);

/// How sound travels when the first codec of the content that the relay speaks is used, with what goes along:
/// telephone events, comfort noise, audio levels. Nothing when there is none.
std::optional<AudioFormat> relay_format(const jingle::Content& content);

/// Tells in `description` that the sound is of that format, and nothing else; `types` are what the numbers stand for.
void write_format(xml::Element& description, const AudioFormat& format, const std::vector<jingle::PayloadType>& types);
/// One <payload-type/>, without parameters.
xml::Element& add_payload_type(xml::Element& description, const jingle::PayloadType& type);

inline constexpr std::string_view kAudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

}  // namespace carillon::calls
