/// ICE of a leg that ends at the relay: answers the endpoint's checks with the leg's own credentials, settles roles,
/// and nominates where the endpoint waits for it.
/// Spec: RFC 8445 §2.5 (lite), §7.3 (answering), §7.3.1.1 (role conflict), §8.1.1 (nomination); RFC 7675 (consent).
///
/// Jingle has no word for ice-lite, so an answering endpoint takes the offer's side for a full, controlling agent and
/// waits to be nominated. Such a leg is made controlling: each check that proves its source is followed by one of ours
/// with USE-CANDIDATE to that very source. Nothing is ever sent to an address that proved nothing.
/// Not here: which address media goes to (learning/ice_learner.h), sockets.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "relay/learning/ice_learner.h"

namespace carillon::relay {

/// One component of a terminated leg. Threading: its shard. Allocates nothing for a datagram.
class IceLite {
  public:
    static constexpr std::size_t kRoom = 512;            ///< octets that on_stun() writes into
    static constexpr std::chrono::seconds kConsent{30};  ///< RFC 7675 §5.1
    static constexpr std::size_t kMaxGenerations = 4;
    /// How long a connection waits to be nominated: UDP may prove itself meanwhile.
    static constexpr std::chrono::milliseconds kUdpFirst{750};

    struct Outcome {
        Drop drop = Drop::none;
        Bytes reply;  ///< to the source; empty: none
        Bytes check;  ///< of ours, to the source, after the reply; empty: none
    };

    IceLite(IceCredentials own, bool controlling, std::uint64_t tie_breaker);

    /// Every generation the endpoint has signalled and may still use, newest last.
    void remote(std::vector<IceCredentials> credentials);
    /// A restart of ours (RFC 8445 §9): checks under the new credentials are answered too, those before still.
    void restart(IceCredentials own);

    /// A STUN message from `from`. What is to be sent lies in `room` (kRoom octets).
    Outcome on_stun(const stun::Message& message, const Path& from, SteadyTime now, std::span<std::byte> room);
    /// A check of ours to an address whose own check has come: who answers it gets what is sent there. Written to
    /// `room` (kRoom octets); empty: nothing is known of the endpoint yet.
    Bytes ask(const Path& to, std::span<std::byte> room);
    /// A nomination that has waited for its time, to in_use(). Written to `room`; empty: none is due.
    Bytes late_nomination(SteadyTime now, std::span<std::byte> room);
    /// A connection that has ended. Wherever the endpoint is found next has to be nominated anew.
    void forget(const Path& path);
    /// Whether anything else from there may be looked at.
    bool on_other(const Path& from, SteadyTime now) { return learner_.on_other(from, now); }
    const Path& in_use() const { return learner_.in_use(); }

    bool controlling() const { return controlling_; }
    bool confirmed() const { return confirmed_; }  ///< our own check has been answered
    /// Whether media may go there: false once an endpoint that used to repeat its checks has not for kConsent.
    bool consented(SteadyTime now) const;
    const IceCredentials& own() const { return own_.back(); }
    /// Generations of ours that are still answered besides own(), oldest first.
    std::vector<IceCredentials> own_before() const { return {own_.begin(), own_.end() - 1}; }
    IceLearner& learner() { return learner_; }
    /// Goes on where a predecessor stood; learner() is restored by itself.
    void restore(std::vector<IceCredentials> own_before, bool controlling, bool confirmed, SteadyTime now);
    /// Whether the role or the nomination has changed, or where the endpoint is, since this was asked last.
    bool take_changed() {
        const bool state = std::exchange(known_controlling_, controlling_) != controlling_ ||
                           std::exchange(known_confirmed_, confirmed_) != confirmed_;
        return learner_.take_changed() || state;
    }

  private:
    Outcome on_request(const stun::Message& check, const Path& from, SteadyTime now, std::span<std::byte> room);
    Drop on_answer(const stun::Message& answer, const Path& from, SteadyTime now);
    bool conflicts(const stun::Message& check);
    const IceCredentials& own_of(const stun::Message& check) const;
    bool may_nominate(const Path& path, SteadyTime now);
    Bytes make_check(std::span<std::byte> out);

    std::vector<IceCredentials> own_;     // newest last
    std::vector<IceCredentials> remote_;  // newest last
    bool controlling_;
    std::uint64_t tie_breaker_;
    IceLearner learner_;
    stun::TransactionId asked_{};
    Path asked_at_;
    SteadyTime tcp_since_{};  // a connection has waited since then to be nominated
    SteadyTime asked_late_{};
    bool confirmed_ = false;
    bool known_controlling_ = false;
    bool known_confirmed_ = false;
    SteadyTime last_check_{};
    unsigned spaced_checks_ = 0;  // checks that came more than a second after the one before: RFC 7675's
};

}  // namespace carillon::relay
