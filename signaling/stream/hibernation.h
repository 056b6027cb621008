/// Sessions whose streams are lost and may be resumed, and all managed streams of a shard by SM-ID.
/// Spec: XEP-0198 §5 (resumption).
/// Not here: the elements on the wire (connection_management.cpp), the counters (stream_management.h).
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "signaling/session/local_session.h"
#include "signaling/stream/client_state.h"
#include "signaling/stream/stream_management.h"

namespace carillon::stream {

class StreamStage;

/// A session with all that a new stream needs to go on with it.
struct Surrendered {
    session::LocalSession* session = nullptr;
    std::unique_ptr<StreamManagement> management;
    std::unique_ptr<ClientState> state;
};

/// Whoever carries a session that can be resumed: a connection that may be dead without knowing, or a Hibernation.
class Carrier {
  public:
    virtual ~Carrier() = default;
    virtual const session::LocalSession* carried() const = 0;
    virtual StreamManagement& management() = 0;
    /// Gives the session away and ends.
    virtual Surrendered surrender() = 0;
};

/// The carriers by SM-ID, and for a while what streams that are gone had handled.
/// Threading: its shard.
class Resumables {
  public:
    void put(const std::string& id, Carrier& carrier) { carriers_[id] = &carrier; }
    Carrier* find(const std::string& id) const {
        const auto at = carriers_.find(id);
        return at == carriers_.end() ? nullptr : at->second;
    }
    /// The session is over.
    void ended(const std::string& id, const xmpp::Jid& user, std::uint32_t handled);
    /// §5: how many stanzas the stream of `user` that is gone had handled, if that is remembered.
    std::optional<std::uint32_t> handled_by(const std::string& id, const xmpp::Jid& user) const;

  private:
    struct Past {
        std::string user;
        std::uint32_t handled;
    };
    static constexpr std::size_t kRemembered = 10'000;

    std::unordered_map<std::string, Carrier*> carriers_;
    std::unordered_map<std::string, Past> past_;
    std::deque<std::string> order_;  // of past_, oldest first
};

/// Stands in for the connection of a session that nobody is connected to: keeps what is sent, within bounds.
/// Threading: its shard.  Owned by its StreamStage until it is surrendered or ends.
class Hibernation final : public session::Outlet, public Carrier {
  public:
    struct Origin {
        std::string peer_address;
        bool encrypted = false;
    };
    Hibernation(StreamStage& stage, Surrendered held, Origin origin, SteadyTime deadline);

    SteadyTime deadline() const { return deadline_; }
    /// Ends the session: its messages find another way.
    void expire();

    // session::Outlet
    void send(const xml::Element& stanza, const xmpp::CustodyPtr& custody) override;
    std::string peer_address() const override { return origin_.peer_address; }
    bool encrypted() const override { return origin_.encrypted; }
    void close(std::string_view condition, std::string_view text) override;
    std::vector<session::Undelivered> detach() override;
    bool hibernating() const override { return true; }

    // Carrier
    const session::LocalSession* carried() const override { return held_.session; }
    StreamManagement& management() override { return *held_.management; }
    Surrendered surrender() override;

  private:
    void keep(const xml::Element& stanza, const xmpp::CustodyPtr& custody);
    void keep_held();

    StreamStage* stage_;
    Surrendered held_;
    std::string id_;
    Origin origin_;
    SteadyTime deadline_;
};

}  // namespace carillon::stream
