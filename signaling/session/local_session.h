/// A bound resource and the door to its stream.
/// Spec: RFC 6120 §7.
/// Not here: the stream itself (stream/connection.h), who may bind (session_server.h).
#pragma once
#include <string>
#include <vector>

#include "config/base/clock.h"
#include "signaling/session/session.h"

namespace carillon::session {

/// A message that was queued for a client and did not reach it.
struct Undelivered {
    xml::Element message;
    xmpp::CustodyPtr custody;
    WallTime queued;
};

/// What a session needs of the stream that carries it.
/// Threading: the session's shard.
class Outlet {
  public:
    virtual ~Outlet() = default;
    virtual void send(const xml::Element& stanza, const xmpp::CustodyPtr& custody) = 0;
    virtual std::string peer_address() const = 0;
    virtual bool encrypted() const = 0;
    /// Ends the stream with a stream error; the session ends soon after.
    virtual void close(std::string_view condition, std::string_view text) = 0;
    /// The session is gone (another took its resource): nothing more comes from it, nor may go to it. Answers the
    /// messages that were queued and did not reach the client.
    virtual std::vector<Undelivered> detach() = 0;
    /// Nobody is connected: what is sent waits to be resumed (XEP-0198 §5).
    virtual bool hibernating() const { return false; }
};

/// Owns nothing of the stream: it is destroyed by its Account before the Outlet.
class LocalSession final : public Session {
  public:
    LocalSession(Account& account, xmpp::Jid jid, Outlet& outlet)
        : account_{account}, jid_{std::move(jid)}, outlet_{&outlet} {}

    const xmpp::Jid& jid() const override { return jid_; }
    Account& account() override { return account_; }
    void send(const xml::Element& stanza) override {
        if (outlet_) outlet_->send(stanza, nullptr);
    }
    using Session::deliver;
    void deliver(const xml::Element& stanza, const xmpp::CustodyPtr& custody) override {
        if (outlet_) outlet_->send(stanza, custody);
    }
    bool hibernating() const override { return outlet_ && outlet_->hibernating(); }
    std::string peer_address() const override { return outlet_ ? outlet_->peer_address() : std::string{}; }
    bool encrypted() const override { return outlet_ && outlet_->encrypted(); }
    void close(std::string_view condition, std::string_view text) override {
        if (outlet_) outlet_->close(condition, text);
    }
    Outlet* outlet() { return outlet_; }
    /// Another stream carries it from now on.
    void attach(Outlet& outlet) { outlet_ = &outlet; }
    /// Lets go of the stream; answers what did not reach the client.
    std::vector<Undelivered> detach() {
        return outlet_ ? std::exchange(outlet_, nullptr)->detach() : std::vector<Undelivered>{};
    }

  private:
    Account& account_;
    xmpp::Jid jid_;
    Outlet* outlet_;
};

}  // namespace carillon::session
