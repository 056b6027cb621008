#include "relay/learning/plain_learner.h"

#include "media/rtp/packet.h"

namespace carillon::relay {

void PlainLearner::signalled(const Path& path) {
    if (path == signalled_) return;
    signalled_ = path;
    learned_ = {};
    changed_ = true;
    candidate_run_ = 0;
}

Drop PlainLearner::on_media(Bytes datagram, const Path& from) {
    if (from == learned_) return Drop::none;
    if (from == signalled_) {
        learned_ = from;
        changed_ = true;
        return Drop::none;
    }
    if (!learned_.empty()) return Drop::unproven;

    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;
    bool next = true;
    if (rtp::is_rtcp(datagram)) {
        ssrc = load_u32(datagram.data() + 4);  // sender's SSRC, in every RTCP packet type (RFC 3550 §6)
    } else {
        const auto header = rtp::Header::parse(datagram);
        if (!header) return Drop::not_media;
        ssrc = header->ssrc;
        sequence = header->sequence.value;
        next = sequence == static_cast<std::uint16_t>(candidate_sequence_ + 1);
    }
    const bool goes_on = candidate_run_ > 0 && from == candidate_ && ssrc == candidate_ssrc_ && next;
    candidate_run_ = goes_on ? candidate_run_ + 1 : 1;
    candidate_ = from;
    candidate_ssrc_ = ssrc;
    candidate_sequence_ = sequence;
    if (candidate_run_ < probation_) return Drop::unproven;
    learned_ = from;
    changed_ = true;
    return Drop::none;
}

}  // namespace carillon::relay
