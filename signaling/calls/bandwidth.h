/// Sides whose line is narrow: they are spoken to in Opus at a rate that fits, whatever the other side speaks.
/// Spec: docs/transcoding.md; XEP-0167 §4.4 (bandwidth), RFC 3556 §2 (AS: kbit/s with all heads), RFC 7587 §6.1
/// (maxaveragebitrate).
/// Not here: codecs that the ends do not share (transcoding.h), making the sound (relay/media).
#pragma once
#include "signaling/calls/call.h"

namespace carillon::calls {

/// What a codec needs each way with heads, at 20 ms a packet; 0: it fits everywhere (Opus), or is not known.
unsigned kilobits_of(const jingle::PayloadType& type);

/// Whether the offer has sound that does not fit the line of a side. `limits`: kbit/s by side; 0: wide.
bool needs_narrow_leg(const jingle::Jingle& offer, const std::array<unsigned, 2>& limits);
/// What the caller says of its own line; 0: nothing.
unsigned said_bandwidth(const jingle::Jingle& offer);

/// That side's line in kbit/s: of the call, or as it says itself; 0: wide.
unsigned narrow_line(unsigned limit, unsigned said);

/// What the relay would take of a content that has to fit: Opus where there is any.
std::optional<relay::api::AudioFormat> fitting_format(const jingle::Content& content, unsigned line);

/// Whether the codec that an answer has chosen is too wide for the offerer, which has Opus as well.
bool too_wide(const Stream& stream, const jingle::PayloadType& chosen);

/// Bits a second that Opus may have on such a line.
unsigned opus_bitrate_on(unsigned line);

/// For a side with such a line, who hears of the other's: Opus first, with what it may have on both, for it may pass as
/// it is; and the width of the side's own.
void describe_narrow(xml::Element& description, unsigned line, unsigned other_line);

}  // namespace carillon::calls
