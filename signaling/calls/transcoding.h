/// Codecs of a bridged stream: what the relay adds to an offer, and what an answer that takes it means.
/// Spec: docs/transcoding.md; RFC 3264 §5.1 (order is preference), §6.1; RFC 3551 §6.
/// Not here: whether to bridge (flow.cpp), sound and pictures (relay/media).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/calls/call.h"

namespace carillon::calls {

/// Whether `reason` says that the other end found nothing in the offer that it speaks.
bool lacks_codec(std::string_view reason);

/// Notes what `offerer` speaks and which codecs the relay can offer beyond. `offer`, `others`: numbers that are taken;
/// `video`: the relay's video codecs.
void extend_offer(Stream& stream, Side offerer, const jingle::Content& content, const jingle::Jingle& offer,
                  const std::vector<Stream>& others, const std::vector<std::string>& video);
/// True: the answer takes what the relay has added, and the stream has a program for it.
bool take_codecs(Stream& stream, Side answerer, const jingle::Content& content, const std::vector<std::string>& video);
/// "opus | PCMU" of a content that is transcoded.
std::string codecs_of(const Stream& stream);

/// What the relay makes for each end is at most `most` bits a second; 0: as the ends say.
void limit_bitrate(relay::api::Program& program, std::size_t most);

/// Tells in a description for `to` what extend_offer() and take_codecs() have found.
void describe_codecs(const Stream& stream, Side to, xml::Element& description);

}  // namespace carillon::calls
