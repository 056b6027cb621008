#include "relay/media/media_link.h"

#include <random>

#include "relay/media/media_outlet.h"
#include "relay/media/turn_back.h"

namespace carillon::relay {
namespace {

std::uint32_t random_mask() {
    std::random_device device;
    return device() | 1u;  // never 0
}

void add(std::bitset<128>& types, const api::AudioFormat& format) {
    if (format.codec.empty()) return;
    types.set(format.payload_type & 0x7F);
    if (format.telephone_event) types.set(*format.telephone_event & 0x7F);
    if (format.comfort_noise) types.set(*format.comfort_noise & 0x7F);
}

}  // namespace

MediaLink::MediaLink(const api::Program& program, std::shared_ptr<MediaChannel> channel, MediaOutlet& outlet)
    : kind_{program.kind}, channel_{std::move(channel)}, outlet_{outlet}, mask_{random_mask()} {
    set(program);
}

MediaLink::~MediaLink() {
    channel_->closed.store(true, std::memory_order_release);
    if (attached_) outlet_.remove(*attached_);
}

void MediaLink::attach(Stream& stream) {
    attached_ = &stream;
    outlet_.add(stream);
}

void MediaLink::set(const api::Program& program) {
    heard_ = {};
    returned_.reset();
    add(heard_[0], program.a);
    if (kind_ == api::Program::Kind::transcode) add(heard_[1], program.b);
    for (const auto type : program.returned) returned_.set(type & 0x7F);
}

MediaLink::Way MediaLink::take(std::size_t leg, std::span<std::byte> packet, bool rtcp, SteadyTime now) noexcept {
    const bool endpoint = one_legged();
    if (!endpoint && heard_[0].none()) return Way::pass;  // it waits to be needed
    if (channel_->ended.load(std::memory_order_acquire)) return endpoint ? Way::drop : Way::pass;
    if (rtcp) {
        channel_->in[leg].push(packet, true, now);
        if (!endpoint) return returned_.any() ? Way::both : Way::job;  // reports are made anew
        return returned_.any() && turn_back_rtcp(packet, mask_) ? Way::back : Way::job;
    }
    if (packet.size() < 2) return Way::drop;
    const auto type = std::to_integer<std::size_t>(packet[1]) & 0x7F;
    if (heard_[leg].test(type)) return channel_->in[leg].push(packet, false, now) ? Way::job : Way::drop;
    if (!endpoint) return Way::pass;
    return returned_.test(type) && turn_back_rtp(packet, mask_) ? Way::back : Way::drop;
}

}  // namespace carillon::relay
