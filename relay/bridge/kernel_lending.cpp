/// What of a leg's keys the kernel may work with. Spec: docs/kernel-path.md.
#include "relay/bridge/bridged_leg.h"
#include "relay/kernel/srtp_keys.h"

namespace carillon::relay {

std::optional<carillon_srtp_keys> BridgedLeg::kernel_keys(srtp::Direction direction) const {
    const bool inbound = direction == srtp::Direction::inbound;
    if (security_.protection == api::Protection::none) return carillon_srtp_keys{};
    if (!(inbound ? inbound_ : outbound_)) return std::nullopt;
    const auto of = [](srtp::Profile profile, Bytes master) -> std::optional<carillon_srtp_keys> {
        const auto derived = srtp::derive_keys(profile, master);
        return derived ? relay::kernel_keys(profile, derived->rtp) : std::nullopt;
    };
    if (agreed_) return of(agreed_->profile, inbound ? agreed_->remote : agreed_->local);
    const auto& keys = inbound ? security_.remote : security_.local;
    const auto profile = srtp::profile_named(security_.suite);
    if (!profile || keys.size() != 1 || !keys.front().mki.empty()) return std::nullopt;  // which one, a packet says
    return of(*profile, keys.front().key_and_salt);
}

}  // namespace carillon::relay
