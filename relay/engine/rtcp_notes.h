/// What each end of a stream reports by RTCP, kept until the shard's next tick tells it: of each end the last.
/// Spec: RFC 3550 §6.4 (SR, RR), RFC 3611 (XR).
/// Not here: what is made of it (signaling/calls/hep).
#pragma once
#include <array>
#include <cstring>

#include "config/base/bytes.h"
#include "relay/learning/address.h"

namespace carillon::relay {

/// Threading: its shard. Allocates nothing.
class RtcpNotes {
  public:
    static constexpr std::size_t kMost = 1200;  ///< octets of a compound packet; a longer one is passed over

    /// A compound packet in the clear. Feedback alone is no report.
    void note(std::size_t leg, Bytes compound, const Address& from) noexcept {
        if (compound.size() < 8 || compound.size() > kMost) return;
        const auto type = std::to_integer<unsigned>(compound[1]);
        if (type != kSenderReport && type != kReceiverReport && type != kExtendedReport) return;
        auto& note = notes_[leg];
        std::memcpy(note.octets.data(), compound.data(), compound.size());
        note.size = compound.size();
        note.from = from;
    }
    /// `tell(leg, compound, from)` for each that is new.
    template <class Tell>
    void take(Tell tell) {
        for (std::size_t leg = 0; leg < 2; ++leg) {
            auto& note = notes_[leg];
            if (note.size > 0) tell(leg, Bytes{note.octets}.first(note.size), note.from);
            note.size = 0;
        }
    }

  private:
    static constexpr unsigned kSenderReport = 200, kReceiverReport = 201, kExtendedReport = 207;
    struct Note {
        std::size_t size = 0;
        Address from;
        std::array<std::byte, kMost> octets;
    };
    std::array<Note, 2> notes_;
};

}  // namespace carillon::relay
