/// The bytestreams proxy of a domain, proxy.DOMAIN: tells users of the host where it listens, and activates their
/// streams.
/// Spec: XEP-0065 1.8.2 §4 (discovery), §6 (mediated connections), §6.3.5 (activation).
/// Not here: the connections (signaling/bytestreams).
#include "signaling/modules/bytestreams/bytestreams.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/bytestreams/proxy.h"
#include "signaling/modules/service_domain.h"
#include "signaling/modules/settings.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using ::carillon::bytestreams::Activation;
using ::carillon::bytestreams::Proxy;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "bytestreams", .xep = 65, .version = "1.8.2", .summary = "a SOCKS5 proxy for files between clients"};
constexpr std::string_view kNs = "http://jabber.org/protocol/bytestreams";
constexpr std::size_t kMaxSid = 1023;

/// §7.2.4.
std::string stream_name(std::string_view sid, const Jid& requester, const Jid& target) {
    const auto text = std::string{sid} + requester.str() + target.str();
    std::array<unsigned char, 20> digest{};
    unsigned size = digest.size();
    EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
    std::string name;
    for (const auto octet : digest) {
        name += "0123456789abcdef"[octet >> 4];
        name += "0123456789abcdef"[octet & 15];
    }
    return name;
}

class Bytestreams final : public Module {
  public:
    explicit Bytestreams(ModuleContext& context) : context_{context}, proxy_{context.service<Proxy>()} {
        std::string address;
        config::Schema schema;
        schema.text("address", address, "Domain of the proxy; empty: proxy. before the host's.", check_service_address)
            .text("host", host_, "Name or address where clients reach it; empty: the host's domain.");
        read_settings(context, schema, kInfo.name);
        if (host_.empty()) host_ = context.host().str();
        if (!proxy_ || proxy_->port() == 0) return;
        service_.emplace(context, ServiceAbout{.jid = service_address(context, address, "proxy"),
                                               .name = "SOCKS5 Bytestreams",
                                               .category = "proxy",
                                               .type = "bytestreams",
                                               .features = {std::string{kNs}}});
        service_->on("get", std::string{kNs}, "query", [this](const Stanza& iq) { return where(iq); });
        service_->on("set", std::string{kNs}, "query", [this](const Stanza& iq) { return activate(iq); });
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }
    bool is_user(const Jid& who) const { return who.domain() == context_.host().domain() && who.is_full(); }

    /// §4.2.
    awaitable<IqReply> where(const Stanza& iq) {
        if (!is_user(iq.from())) co_return refusal(StanzaError::forbidden());
        xml::Element query{"query", kNs};
        query.add("streamhost")
            .set("jid", service_->jid().str())
            .set("host", host_)
            .set("port", std::to_string(proxy_->port()));
        co_return IqReply{std::move(query)};
    }

    awaitable<IqReply> activate(const Stanza& iq) {
        if (!is_user(iq.from())) co_return refusal(StanzaError::forbidden());
        const auto sid = iq.payload()->attribute("sid");
        const auto* wanted = iq.payload()->child("activate", kNs);
        const auto target = Jid::parse(wanted ? wanted->text() : std::string{});
        if (sid.empty() || sid.size() > kMaxSid || !target || !target->is_full())
            co_return refusal(StanzaError::bad_request());
        auto name = stream_name(sid, iq.from(), *target);
        const auto outcome = co_await activated(std::move(name));
        if (outcome == Activation::active) co_return IqReply{std::nullopt};
        context_.counter("not_activated").add();
        co_return refusal(outcome == Activation::taken ? StanzaError::not_allowed() : StanzaError::item_not_found());
    }

    awaitable<Activation> activated(std::string name) {
        namespace asio = boost::asio;
        auto initiate = [proxy = proxy_, name = std::move(name)](auto handler) mutable {
            auto held = std::make_shared<decltype(handler)>(std::move(handler));
            proxy->activate(std::move(name), [held](Activation outcome) {
                const auto executor = asio::get_associated_executor(*held);
                asio::post(executor, [held, outcome] { std::move (*held)(outcome); });
            });
        };
        co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Activation)>(std::move(initiate),
                                                                                                 asio::use_awaitable);
    }

    ModuleContext& context_;
    Proxy* proxy_;
    std::string host_;
    std::optional<ServiceDomain> service_;
};

}  // namespace

runtime::ModuleDescriptor bytestreams() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Bytestreams>(context); }};
}

}  // namespace carillon::modules
