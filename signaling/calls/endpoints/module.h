/// calls.DOMAIN: the addresses at which the server itself answers calls, as any client sees them.
/// Spec: XEP-0030, XEP-0115, XEP-0199, XEP-0353; RFC 6121 §3 (who asks to see one's presence is let).
/// Not here: the calls (answering.cpp), what is said in them (echo.h ...).
#pragma once
#include <memory>
#include <vector>

#include "signaling/calls/endpoints/endpoint.h"
#include "signaling/calls/switchboard.h"
#include "signaling/calls/voicemail/office.h"
#include "signaling/runtime/module.h"

namespace carillon::calls {

struct EndpointSettings {
    std::string address;  ///< empty: calls.DOMAIN
    bool echo = true;
    std::string echo_greeting;  ///< a sound file; empty: none
    std::string music;          ///< a sound file; empty: no music@
    bool foreign = false;       ///< users of other servers may call
    std::size_t calls_per_user = 2;
    VoicemailSettings voicemail;
};

/// Threading: one instance a shard, on that shard.  Owns: its endpoints.
class EndpointsModule final : public runtime::Module {
  public:
    explicit EndpointsModule(runtime::ModuleContext& context);
    ~EndpointsModule() override;

    /// Null: this host has none.
    VoicemailOffice* voicemail() { return office_.get(); }

  private:
    void add(std::unique_ptr<Endpoint> endpoint);
    void open_voicemail();
    runtime::Verdict describe_stand_in(const xmpp::Stanza& iq);
    Endpoint* find(const xmpp::Jid& address) const;
    bool may_call(const xmpp::Jid& user) const;
    void take(xmpp::Stanza stanza);
    void take_message(const xmpp::Stanza& message);
    void take_presence(const xmpp::Stanza& presence);
    void take_iq(xmpp::Stanza iq);
    void give_to_controller(xmpp::Stanza stanza);
    runtime::IqReply reply_to(const xmpp::Stanza& iq) const;
    xml::Element info(const Endpoint* endpoint) const;
    xml::Element items() const;
    void show_presence(const Endpoint& endpoint, const xmpp::Jid& to);

    runtime::ModuleContext& context_;
    EndpointSettings settings_;
    xmpp::Jid domain_;
    std::shared_ptr<ShardCalls> shard_;
    std::shared_ptr<VoicemailOffice> office_;
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
    runtime::Registrations hooks_;  // declared last: handlers go away before what they use
};

runtime::ModuleDescriptor endpoints_module();

}  // namespace carillon::calls
