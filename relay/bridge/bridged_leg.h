/// One side of a bridged stream: its ICE, its keys, and what a datagram becomes when it is opened or sealed for it.
/// Spec: RFC 7983 §7 (telling datagrams apart), RFC 5764 (DTLS-SRTP), RFC 4568 (SDES keys), RFC 5761 (rtcp-mux).
/// Not here: the other side, sockets and counters (engine/stream.h, bridged_stream.cpp).
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "media/dtls/dtls_srtp.h"
#include "media/srtp/srtp_session.h"
#include "relay/api/client.h"
#include "relay/bridge/ice_lite.h"
#include "relay/journal/reader.h"
#include "relay/kernel/srtp.h"
#include "relay/learning/plain_learner.h"

namespace carillon::relay {

/// Threading: its shard. Once keys are there a datagram allocates nothing.
class BridgedLeg {
  public:
    using Send = std::function<void(std::size_t component, const Path& to, Bytes datagram)>;

    struct Opened {
        Drop drop = Drop::none;  ///< consumed: it was for this leg itself
        std::size_t size = 0;    ///< of what stands in the buffer now
        bool answer = false;     ///< it goes back to where the datagram came from
        bool rtcp = false;
    };

    BridgedLeg(std::size_t components, std::shared_ptr<const dtls::Identity> identity, Send send)
        : components_{components}, identity_{std::move(identity)}, send_{std::move(send)} {}

    void update(const api::LegSetup& setup);
    /// Opens in place. `learner` knows the address of an endpoint without ICE.
    Opened open(std::size_t component, std::span<std::byte> buffer, std::size_t size, const Path& from,
                PlainLearner* learner, SteadyTime now);
    /// Seals in place; answers the new size.
    std::expected<std::size_t, Drop> seal(std::span<std::byte> buffer, std::size_t size, bool rtcp);
    /// Resends what of a handshake got lost.
    void tick(SteadyTime now);

    bool ice() const { return !ice_.empty(); }
    const Path& in_use(std::size_t component) const { return ice_[component].in_use(); }
    bool consented(std::size_t component, SteadyTime now) const { return ice_[component].consented(now); }
    /// Which component RTP or RTCP leaves by.
    std::size_t component_for(bool rtcp) const { return rtcp && !mux_ && components_ > 1 ? 1 : 0; }
    bool secured() const { return inbound_.has_value(); }

    // For the kernel (kernel_lending.cpp, engine/sealed_flow.h).
    /// Of what it opens or seals with; nullopt: no keys yet, or such as the kernel's program cannot work with.
    std::optional<carillon_srtp_keys> kernel_keys(srtp::Direction direction) const;
    srtp::Session* session(srtp::Direction direction) {
        auto& session = direction == srtp::Direction::inbound ? inbound_ : outbound_;
        return session ? &*session : nullptr;
    }
    /// By payload type of what it sends; null: they stay.
    const std::array<std::uint8_t, 128>* payload_types() const { return maps_ ? &payload_types_ : nullptr; }

    // For the journal (relay/journal).
    /// Whether keys have come or gone since take_state() was asked last.
    bool keys_changed() const { return fresh_inbound_ || fresh_outbound_ || keys_gone_; }
    /// What it has come to. Good until the next datagram.
    journal::LegState take_state();
    IceLite* ice_of(std::size_t component) { return component < ice_.size() ? &ice_[component] : nullptr; }
    /// Goes on where a predecessor stood: after update(), before the first datagram.
    void restore(const journal::ReadLeg& left, SteadyTime now);

  private:
    Opened on_stun(std::size_t component, std::span<std::byte> buffer, std::size_t size, const Path& from,
                   SteadyTime now);
    void on_dtls(Bytes datagram);
    void secure(const api::LegSecurity& wanted);
    void start_dtls();
    void take_keys();
    void use_sdes();
    void use_keys(srtp::Profile profile, std::span<const std::byte> local, std::span<const std::byte> remote);
    Drop unprotect(std::span<std::byte> buffer, std::size_t& size, bool rtcp);
    void map_payload_type(std::span<std::byte> packet) const;

    static constexpr unsigned kMaxHandshakes = 8;  // until signalled anew

    std::size_t components_;
    std::shared_ptr<const dtls::Identity> identity_;
    Send send_;
    std::vector<IceLite> ice_;  // by component; empty: no ICE
    bool mux_ = false;
    api::LegSecurity security_;
    std::array<std::uint8_t, 128> payload_types_{};
    bool maps_ = false;
    std::unique_ptr<dtls::DtlsSrtp> dtls_;
    bool confirmed_ = false;  // something has come in that opens
    unsigned handshakes_ = 0;
    std::optional<srtp::Session> inbound_, outbound_;
    std::optional<journal::AgreedKeys> agreed_;  // by DTLS
    bool fresh_inbound_ = false;                 // keys that the journal does not know yet
    bool fresh_outbound_ = false;
    bool keys_gone_ = false;
    std::array<std::byte, IceLite::kRoom> room_{};
};

}  // namespace carillon::relay
