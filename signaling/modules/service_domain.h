/// A service that a module runs at a domain of its own, such as upload.example.org: answers disco and pings, and hands
/// requests to the module one after the other.
/// Spec: XEP-0030 §3, §4; XEP-0199; RFC 6120 §8.2.3.
/// Not here: services with nodes of their own (pubsub, muc).
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "signaling/modules/request_queue.h"
#include "signaling/runtime/module.h"

namespace carillon::modules {

struct ServiceAbout {
    xmpp::Jid jid;
    std::string name;
    std::string category;
    std::string type;
    std::vector<std::string> features;        ///< besides disco and ping
    std::function<xml::Element()> form = {};  ///< XEP-0128; may be empty
};

/// `address`: the setting, empty for `label` before the host's domain. Throws std::invalid_argument.
xmpp::Jid service_address(const runtime::ModuleContext& context, const std::string& address, std::string_view label);
/// "" or what is wrong with it, for config::Schema::text().
std::string check_service_address(std::string_view text);

/// Threading: its module's. Declare it last: requests stop coming before what they use goes.
class ServiceDomain {
  public:
    using Handler = std::function<runtime::awaitable<runtime::IqReply>(const xmpp::Stanza& iq)>;

    ServiceDomain(runtime::ModuleContext& context, ServiceAbout about);
    /// Requests to the service itself; two of one key: std::logic_error.
    void on(std::string type, std::string ns, std::string name, Handler handler);
    const xmpp::Jid& jid() const { return about_.jid; }

  private:
    using Key = std::tuple<std::string, std::string, std::string>;  // type, namespace, name
    void take(xmpp::Stanza stanza);
    runtime::awaitable<void> answer(const xmpp::Stanza& iq);
    runtime::awaitable<runtime::IqReply> reply_to(const xmpp::Stanza& iq);
    xml::Element info() const;

    runtime::ModuleContext& context_;
    ServiceAbout about_;
    std::map<Key, Handler> handlers_;
    RequestQueue queue_{context_, [this](const xmpp::Stanza& iq) { return answer(iq); }};
    runtime::Registrations hooks_;
};

}  // namespace carillon::modules
