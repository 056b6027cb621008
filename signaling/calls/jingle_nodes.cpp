#include "signaling/calls/jingle_nodes.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/calls/settings.h"
#include "signaling/jingle/namespaces.h"

namespace carillon::calls {
namespace {

constexpr std::chrono::milliseconds kPollInterval{1000};
using Answer = std::expected<Channel, ChannelError>;

ChannelLimits limits_of(const runtime::ModuleContext& context) {
    config::Problems problems;
    auto limits = read_channel_limits(context.settings(), problems);
    throw_on(problems);
    return limits;
}

/// Waits for Channels::open(). Everything is named: temporaries inside a co_await expression are destroyed twice by
/// some compilers (GCC 12).
runtime::awaitable<Answer> open_channel(Channels& channels, const std::string& owner, std::chrono::seconds expire) {
    using boost::asio::use_awaitable;
    auto start = [&channels, &owner, expire](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        channels.open(owner, true, expire, [shared](Answer answer) { std::move (*shared)(std::move(answer)); });
    };
    auto waiting =
        boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Answer)>(start, use_awaitable);
    co_return co_await std::move(waiting);
}

}  // namespace

JingleNodes::JingleNodes(runtime::ModuleContext& context)
    : context_{context},
      shard_{shard_calls(context)},
      channels_{shard_->relay.get(), context.clock(), limits_of(context)} {
    using runtime::Target;
    shard_->nodes[context.host().str()] = this;
    hooks_ += context.feature(jingle::ns::kNodes);
    hooks_ += context.feature(jingle::ns::kChannel);
    hooks_ += context.identity("proxy", "relay", "Jingle relay");
    hooks_ += context.iq(Target::host, "get", jingle::ns::kNodes, "services",
                         [this](const xmpp::Stanza& iq) { return services(iq); });
    hooks_ += context.iq_async(Target::host, "get", jingle::ns::kChannel, "channel",
                               [this](const xmpp::Stanza& iq) { return channel(iq); });
}

JingleNodes::~JingleNodes() {
    shard_->nodes.erase(context_.host().str());
    for (const auto& channel : channels_.list()) channels_.close(channel.id);
}

runtime::IqReply JingleNodes::services(const xmpp::Stanza&) const {
    xml::Element element{"services", jingle::ns::kNodes};
    auto& relay = element.add("relay", jingle::ns::kNodes);
    relay.set("policy", "public").set("address", context_.host().str()).set("protocol", "udp");
    return element;
}

runtime::awaitable<runtime::IqReply> JingleNodes::channel(const xmpp::Stanza& iq) {
    const auto from = iq.from();
    if (from.node().empty() || from.domain() != context_.host().domain())
        co_return std::unexpected{xmpp::StanzaError::forbidden()};
    const auto protocol = iq.payload()->attribute("protocol");
    if (!protocol.empty() && protocol != "udp")
        co_return std::unexpected{xmpp::StanzaError::feature_not_implemented().with_text("udp only")};
    const auto owner = from.bare().str();
    const auto expire = std::chrono::duration_cast<std::chrono::seconds>(channels_.limits().expire);
    const auto answer = co_await open_channel(channels_, owner, expire);
    if (!answer) {
        if (answer.error() == ChannelError::too_many)
            co_return std::unexpected{xmpp::StanzaError::resource_constraint().with_text("too many channels")};
        co_return std::unexpected{xmpp::StanzaError::resource_constraint().with_text("no relay is free")};
    }
    keep_watch();
    xml::Element element{"channel", jingle::ns::kChannel};
    element.set("id", answer->id).set("host", answer->host).set("protocol", "udp");
    element.set("localport", std::to_string(answer->local_port));
    element.set("remoteport", std::to_string(answer->remote_port));
    element.set("expire", std::to_string(answer->expire.count()));
    co_return element;
}

void JingleNodes::keep_watch() {
    if (watching_ || channels_.empty()) return;
    watching_ = true;
    timer_ = context_.after(kPollInterval, [this] {
        watching_ = false;
        channels_.poll();
        keep_watch();
    });
}

runtime::ModuleDescriptor jingle_nodes_module() {
    return {
        .info = {.name = "jingle_nodes", .xep = 278, .version = "0.5", .summary = "Relay channels that users ask for"},
        .make = [](runtime::ModuleContext& context) { return std::make_unique<JingleNodes>(context); },
        .enabled_by_default = true};
}

}  // namespace carillon::calls
