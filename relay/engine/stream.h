/// Two legs and what passes between them: the decision about one datagram.
/// Spec: docs/relay.md.  Not here: sockets' readiness and sending (shard.h).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "relay/api/client.h"
#include "relay/bridge/bridged_leg.h"
#include "relay/engine/held_checks.h"
#include "relay/engine/ice_seat.h"
#include "relay/engine/leg_statistics.h"
#include "relay/engine/rtcp_notes.h"
#include "relay/engine/stream_flows.h"
#include "relay/engine/tcp_link.h"
#include "relay/journal/reader.h"
#include "relay/learning/ice_learner.h"
#include "relay/learning/plain_learner.h"
#include "relay/media/announcement.h"
#include "relay/media/media_link.h"
#include "relay/ports/port_allocator.h"
#include "relay/tap/stream_taps.h"

namespace carillon::relay {

class IceTcpPort;
class IceTcpSeat;
class ShardService;
class Stream;

/// Where a socket belongs: what epoll hands back.
struct Port {
    Stream* stream = nullptr;
    int fd = -1;
    std::uint8_t leg = 0;
    std::uint8_t component = 0;
    std::uint8_t socket = 0;
    ShardService* service = nullptr;  ///< whose it is, when it is no stream's
    std::uint32_t kernel_drops = 0;   ///< as the kernel last told
    std::uint32_t last_round = 0;     ///< of its shard, in which it had something
    std::uint8_t alone = 0;           ///< reads in a row that found a single datagram
    bool shared = false;              ///< the socket is its shard's ICE port, which reads it
    TcpLink* link = nullptr;          ///< not a socket's but a connection's
};

/// What to do with a datagram.
struct Decision {
    Drop drop = Drop::none;
    int fd = -1;  ///< the socket to send from
    Address to;
    std::size_t size = 0;     ///< of what stands in the buffer now; 0: as it came
    std::uint8_t leg = 0;     ///< whose endpoint it goes to
    TcpLink* link = nullptr;  ///< the connection that it goes by; `fd` is what mirrors know the leg by then
};

/// False: the kernel did not take it, or too much waits for the connection already.
bool send(const Decision& decision, Bytes packet);

/// Threading: its shard, from the moment it is handed over.  Owns: its sockets.
class Stream {
  public:
    using Ports = std::array<std::vector<BoundPort>, 2>;  // by leg: RTP, and RTCP where asked for

    Stream(std::string session, const api::StreamSetup& setup, Ports ports, SteadyTime now,
           std::shared_ptr<const dtls::Identity> identity = {});
    ~Stream();
    Stream(const Stream&) = delete;

    /// The packet path: no lock, no allocation, no log, no exception.
    Decision on_datagram(const Port& port, Bytes datagram, const Address& from, SteadyTime now) noexcept;
    /// The same for a bridged stream: `buffer` begins with the datagram and is written to.
    Decision on_bridged(const Port& port, std::span<std::byte> buffer, std::size_t size, const Address& from,
                        SteadyTime now) noexcept;
    /// A media program takes part in a bridged stream from now on. Before the stream is its shard's, or there.
    void carry(std::unique_ptr<MediaLink> program);
    MediaLink* program() { return media_.get(); }
    /// What the program has made: `send(decision)` for each that may go, sealed in `buffer`.
    template <class Send>
    void pass_made(std::span<std::byte> buffer, SteadyTime now, Send send) {
        for (std::size_t leg = 0; leg < 2; ++leg) {
            const auto one = [&](Bytes packet, bool rtcp, SteadyTime) {
                const auto decision = leave_made(leg, buffer, packet, rtcp, now);
                if (decision.drop == Drop::none) send(decision);
            };
            media_->pop_made(leg, one);
        }
    }
    void tick(SteadyTime now = std::chrono::steady_clock::now());  ///< a few times a second
    /// Its legs on the shard's ICE port are found there from now on.
    void take_seats(IcePort& at);
    /// Its ICE legs are reached over TCP as well from now on.
    void take_seats(IceTcpPort& at);
    // Of connections (stream_links.cpp).
    /// By which ufrags a check for that leg begins its USERNAME, and whether it is signed with the password of one.
    std::vector<std::string> check_names(std::size_t leg) const;
    bool signs(std::size_t leg, const stun::Message& check) const;
    std::size_t components(std::size_t leg) const { return legs_[leg].components.size(); }
    /// Finds a place for a connection; another one gives way where there is none. What it brings comes by that port.
    Port tie(std::size_t leg, std::size_t component, TcpLink& link, bool v6);
    void untie(const Port& port, const Address& remote);
    void cut_links(std::size_t leg);
    /// Whether something has changed since, so that checks which came too early may pass now.
    bool has_due() const { return due_; }
    /// Gives each held check another chance: `send(decision, check)` for those that pass now.
    template <class Send>
    void pass_due(SteadyTime now, Send send) {
        due_ = false;
        for (auto& port : ports_) {
            if (port.socket != 0) continue;  // one slot for all sockets of a component
            const auto held = held_->take(port.leg, port.component);
            if (!held) continue;
            const Bytes check{held->data.data(), held->size};
            const auto* from = port_of(port.leg, port.component, held->socket);
            if (!from) continue;
            const auto decision = on_datagram(*from, check, held->from, now);
            if (decision.drop == Drop::none) send(decision, check);
        }
    }
    /// Replaces what signaling said of a leg; what was learned stays.
    void update(std::size_t leg, const api::LegSetup& setup, SteadyTime now);

    /// From now on a successor finds what this stream comes to. Before the stream is handed over.
    void keep_in(std::unique_ptr<journal::Record> record);
    /// A program is the stream's from now on, or another one; for the successor.
    void save_program(const api::Program& program) {
        if (record_) record_->save_program(program);
    }
    /// Goes on where a predecessor stood, before keep_in().
    void restore(const journal::ReadStream& left, SteadyTime now);

    const std::string& session() const { return session_; }
    const std::string& id() const { return id_; }
    api::Mode mode() const { return mode_; }
    std::vector<Port>& ports() { return ports_; }
    api::StreamCounters counters(SteadyTime now) const;
    void count_drop(std::size_t leg, Drop drop, std::uint64_t by = 1) {
        legs_[leg].statistics.drops[static_cast<std::size_t>(drop)] += by;
    }

    /// How long the leg's endpoint has sent no media, since the stream was opened or last signalled at most.
    std::chrono::nanoseconds silence(std::size_t leg, SteadyTime now) const;
    bool expired(SteadyTime now) const { return expires_ != SteadyTime{} && now >= expires_; }

    /// Settled flows of media may go through the kernel from now on.
    void forward_in_kernel(std::shared_ptr<KernelPath> path);
    /// Takes over what the kernel has counted; for who asks for counters or silence next.
    void gather(SteadyTime now);
    /// Packets that the kernel has forwarded, since this was asked last.
    std::uint64_t take_forwarded() { return flows_ ? flows_->take_forwarded() : 0; }
    SteadyTime gathered() const { return flows_ ? flows_->gathered : SteadyTime{}; }

    /// Null unless it is asked for what the ends report.
    RtcpNotes* rtcp_notes() { return notes_.get(); }
    /// Null while nobody mirrors the stream.
    StreamTaps* taps() { return taps_.get(); }
    /// Mirrors what passes from now on; `index` is the stream's number in the tap's session.
    void attach(std::shared_ptr<Tap> tap, std::uint8_t index);
    void detach(const Tap& tap);
    /// Bridged: asks that leg's endpoint for a key frame of the video with that SSRC.
    void ask_key_frame(std::size_t leg, std::uint32_t ssrc, SteadyTime now);

    /// Bridged: both ends hear it in the place of one another. Null: no more of the one that runs.
    void announce(std::unique_ptr<Announcement> announcement) {
        announcement_ = std::move(announcement);
        allow_kernel();
    }

    // The shard's book-keeping.
    std::array<bool, 2> told_silent{};
    SteadyTime reported{};

  private:
    /// By which socket or connection a packet goes there.
    Decision towards(std::size_t leg, std::size_t component, const Path& to) const {
        if (to.over_tcp()) [[unlikely]]
            return over_link(leg, component, to);
        return {.fd = legs_[leg].components[component].sockets[to.socket].fd(),
                .to = to.address,
                .leg = static_cast<std::uint8_t>(leg)};
    }
    Decision over_link(std::size_t leg, std::size_t component, const Path& to) const;
    /// The leg's own learner of ICE, or nullptr.
    IceLearner* ice_learner(std::size_t leg, std::size_t component);
    void renew_tcp_names();
    /// Seals for that leg's end and says where to.
    Decision leave(std::size_t leg, std::span<std::byte> buffer, std::size_t size, bool rtcp, SteadyTime now);
    Decision leave_made(std::size_t leg, std::span<std::byte> buffer, Bytes packet, bool rtcp, SteadyTime now);
    bool one_legged() const { return media_ && media_->one_legged(); }
    void make_bridged(std::size_t leg, const api::LegSetup& setup,
                      const std::shared_ptr<const dtls::Identity>& identity);

    // The kernel's part (stream_kernel.cpp).
    std::optional<StreamFlows::Way> way_of(const Port& port, SteadyTime now) const;
    std::optional<StreamFlows::Way> bridged_way_of(const Port& port, SteadyTime now) const;
    void allow_kernel();
    void take_back_what_moved(SteadyTime now);
    void before_datagram(SteadyTime now);
    void after_datagram(const Port& port, bool media, const Address& from, const Decision& decision, SteadyTime now);
    Decision decide(const Port& port, Bytes datagram, const Address& from, SteadyTime now) noexcept;
    Decision decide_bridged(const Port& port, std::span<std::byte> buffer, std::size_t size, const Address& from,
                            SteadyTime now) noexcept;

    // The journal (stream_journal.cpp).
    void save_leg(std::size_t leg, const api::LegSetup* setup);
    void save_paths(std::size_t leg, std::size_t component);
    bool paths_changed(std::size_t leg, std::size_t component);
    /// What a datagram on that port may have changed.
    void save_after(const Port& port) {
        if (!record_) return;
        if (paths_changed(port.leg, port.component)) save_paths(port.leg, port.component);
        if (bridged_[port.leg] && bridged_[port.leg]->keys_changed()) save_leg(port.leg, nullptr);
    }
    void save_counters();

    using Learner = std::variant<IceLearner, PlainLearner>;
    struct Component {
        std::vector<UdpSocket> sockets;
        std::vector<bool> v6;  // by socket
        bool shared = false;   // the sockets are the shard's ICE port
        std::array<TcpLink*, TcpLink::kMost> links{};
        Learner learner{PlainLearner{1}};
    };
    struct Leg {
        std::vector<Component> components;
        std::vector<IceCredentials> ice;
        LegStatistics statistics;
        SteadyTime signalled{};
    };

    /// Checks the source and finds where the datagram goes; `to` stays empty when the far side is not known.
    Drop pass_ice(Leg& near, Leg& far, std::size_t component, Bytes datagram, const Path& from, Path& to,
                  SteadyTime now);
    const Port* port_of(std::size_t leg, std::size_t component, std::size_t socket) const;
    Drop pass_plain(Leg& near, Leg& far, std::size_t component, Bytes datagram, const Path& from, Path& to);

    std::string session_;
    std::string id_;
    api::Mode mode_;
    std::array<Leg, 2> legs_;
    std::vector<Port> ports_;
    std::array<std::unique_ptr<BridgedLeg>, 2> bridged_;  // bridge only
    std::unique_ptr<MediaLink> media_;                    // a bridged stream with a program
    std::unique_ptr<Announcement> announcement_;          // bridge only
    std::array<std::unique_ptr<IceSeat>, 2> seats_;       // of legs on the shard's ICE port
    std::unique_ptr<HeldChecks> held_;                    // ice only
    std::unique_ptr<StreamTaps> taps_;
    std::unique_ptr<RtcpNotes> notes_;
    std::unique_ptr<journal::Record> record_;  // none: nobody takes it up
    std::unique_ptr<StreamFlows> flows_;       // none: all packets pass here
    bool due_ = false;
    std::array<journal::SavedCounters, 2> before_{};  // of a predecessor, by leg
    SteadyTime begun_;                                // opened_, or when it was taken up
    SteadyTime opened_;
    SteadyTime expires_{};
    std::array<std::unique_ptr<IceTcpSeat>, 2> tcp_seats_;  // last: their connections look at all the rest as they go
};

}  // namespace carillon::relay
