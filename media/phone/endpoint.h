/// A phone that is online: presence, answers to questions about itself, and the one call it has at a time.
/// Spec: RFC 6121 §4; XEP-0030, XEP-0092, XEP-0115, XEP-0199; XEP-0215 (asked once, at going online).
/// Not here: the call itself (call.h).
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "media/phone/account.h"
#include "media/phone/call.h"

namespace carillon::phone {

/// Threading: the main thread. Owns: the current call.
class Endpoint {
  public:
    Endpoint(Account& account, EventQueue& events, CallOptions options);

    /// Sends presence and learns the server's STUN and TURN services; blocks for two seconds at most.
    void go_online();
    /// Places a call. A bare JID without XEP-0353 needs the peer's presence to find a device; the error says so.
    std::expected<void, std::string> place(const std::string& peer);
    void answer_calls(bool yes) { answering_ = yes; }
    void poll(std::chrono::milliseconds wait);

    Call* call() { return call_.get(); }
    std::unique_ptr<Call> take_finished();

    /// Whom presence has shown to be available: full JIDs.
    const std::map<std::string, std::string>& available() const { return available_; }

  private:
    void on_stanza(const Element& stanza);
    void on_iq(const Element& iq);
    void on_jingle(const Element& iq, const Element& payload);
    void on_message(const Element& message);
    void on_presence(const Element& presence);
    void reply(const Element& iq, std::optional<Element> payload);
    void reply_error(const Element& iq, const JingleError& error);
    void learn_services();
    bool busy() const { return call_ && !call_->done(); }

    Account& account_;
    EventQueue& events_;
    CallOptions options_;
    bool answering_ = false;
    bool services_known_ = false;
    std::unique_ptr<Call> call_;
    std::map<std::string, std::string> available_;
};

}  // namespace carillon::phone
