/// The two sides of a managed stream: what was sent and is not acknowledged yet, and how much has been handled. It
/// outlives the connection when the stream is resumed on another.
/// Spec: XEP-0198 §4 (acks), §5 (resumption).
/// Not here: the elements on the wire (connection_management.cpp), waiting for the client (hibernation.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/clock.h"
#include "config/base/fifo.h"
#include "signaling/journal/journal.h"
#include "signaling/session/local_session.h"
#include "signaling/xmpp/custody.h"

namespace carillon::stream {

inline constexpr std::string_view kManagement = "urn:xmpp:sm:3";

/// An 'h' attribute: nothing unless it is a whole unsignedInt.
std::optional<std::uint32_t> parse_count(std::string_view text);

/// What custody knows a stream by: the same after a restart.
std::uint64_t stream_tag(std::string_view sm_id);

/// Threading: its session's shard.
class StreamManagement {
  public:
    // As much is sent at most, and for so long, without being asked for.
    static constexpr std::size_t kUnasked = 32;
    static constexpr std::size_t kUnaskedOctets = 32 * 1024;
    static constexpr std::chrono::seconds kPace{2};

    /// `id`: the SM-ID, empty when the stream cannot be resumed. `patience`: how long it waits for that.
    StreamManagement(std::string id, std::chrono::seconds patience);

    const std::string& id() const { return id_; }
    bool resumable() const { return !id_.empty(); }
    std::chrono::seconds patience() const { return patience_; }
    void not_resumable() { id_.clear(); }

    // What we send.
    /// A stanza goes out (or waits, while nobody is connected). `message`: it finds another way if need be.
    void sent(std::string_view text, bool message, xmpp::CustodyPtr custody, WallTime now);
    /// The client has `h` stanzas of ours. False: more than it was sent, nothing changes.
    [[nodiscard]] bool acknowledge(std::uint32_t h);
    std::uint32_t sent_count() const { return sent_; }
    std::size_t unacknowledged() const { return waiting_.size(); }
    std::size_t octets() const { return octets_; }
    /// What was sent last is worth asking for at once. The rest is asked for now and then: a room's presences, each
    /// with a request of its own, would cost twice.
    void press() { pressing_ = true; }
    /// Something waits for an <a/> that was not asked for: what an answer left out is not asked for again, else a
    /// client that counts wrongly would be asked without end.
    bool should_ask(SteadyTime now) const {
        if (waiting_.empty() || asked_ || asked_up_to_ == sent_) return false;
        return pressing_ || waiting_.size() >= kUnasked || octets_ >= kUnaskedOctets || now - last_asked_ >= kPace;
    }
    void asked(SteadyTime now) {
        asked_ = last_asked_ = now;
        asked_up_to_ = sent_;
        pressing_ = false;
    }
    void answered() { asked_.reset(); }
    /// What was asked on a stream that is lost counts no more.
    void ask_anew() {
        asked_.reset();
        asked_up_to_.reset();
        pressing_ = true;
    }
    std::optional<SteadyTime> asked_since() const { return asked_; }
    /// The texts of everything unacknowledged, in order, to be sent again.
    template <class F>
    void replay(F send) const {
        for (const auto& stanza : waiting_) send(stanza.text);
    }
    /// The unacknowledged messages, in order.
    void for_each_message(const std::function<void(const xml::Element&)>& call) const;
    /// The session is over: the messages that no acknowledgement covers, in order. The rest is forgotten.
    std::vector<session::Undelivered> take_messages();
    /// As take_messages(), but the process ends: what is written down stays so, and only the rest is answered.
    std::vector<session::Undelivered> leave_messages();

    // What the client sends.
    void handled() {
        ++handled_;
        if (mark_) mark_->handled(handled_);
    }
    /// Where the count outlives the process.
    void remember_in(std::unique_ptr<journal::StreamMark> mark) { mark_ = std::move(mark); }
    std::uint32_t handled_count() const { return handled_; }

  private:
    struct Sent {
        std::string text;
        WallTime when;
        xmpp::CustodyPtr custody;
        bool message;
    };

    std::string id_;
    std::uint64_t tag_;  // what custody knows the stream by
    std::chrono::seconds patience_;
    Fifo<Sent> waiting_;  // of which the last is number sent_
    std::size_t octets_ = 0;
    std::uint32_t sent_ = 0;
    std::uint32_t handled_ = 0;
    std::optional<SteadyTime> asked_;  // and not answered
    std::optional<std::uint32_t> asked_up_to_;
    SteadyTime last_asked_{SteadyTime::duration::min() / 2};
    bool pressing_ = false;
    std::unique_ptr<journal::StreamMark> mark_;
};

}  // namespace carillon::stream
