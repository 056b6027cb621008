/// Sees the capabilities that clients announce, asks once for each that is new, and keeps what they mean; announces
/// the host's own in the stream features.
/// Spec: XEP-0115 1.6.0 §5.4 (verification), §6.2, §6.3 (server); §10 (a client cannot speak for another's hash);
/// XEP-0390 0.3.2 §5.5 (server).
#include "signaling/modules/caps/caps.h"

#include <list>
#include <unordered_map>

#include "signaling/modules/caps/hash_set.h"
#include "signaling/session/caps_verification.h"
#include "signaling/runtime/disco_registry.h"
#include "signaling/session/client_features.h"
#include "signaling/session/known_caps.h"
#include "signaling/session/session.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::ClientFeatures;
using session::Session;
using xmpp::Stanza;

constexpr ModuleInfo kInfo{.name = "caps", .xep = 115, .version = "1.6.0", .summary = "learns what clients can do"};
constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";
constexpr std::string_view kDisco = "http://jabber.org/protocol/disco#info";
constexpr std::size_t kMaxKnown = 2000;    // of a shard; the oldest goes
constexpr std::size_t kMaxFeatures = 500;  // of one client
constexpr std::chrono::seconds kDeadline{20};

constexpr std::string_view kNode = "urn:carillon:server";  // XEP-0115 §4: a URI for the software, no address

using Features = std::shared_ptr<const std::set<std::string, std::less<>>>;

class Caps final : public Module {
  public:
    explicit Caps(ModuleContext& context) : context_{context} {
        hooks_ += context.feature(kCaps);
        hooks_ += context.feature(kHashSet);
        hooks_ += context.stream_feature_when_asked([this] { return own().stream_feature; });
        hooks_ += context.stream_feature_when_asked([this] { return own().second_stream_feature; });
        hooks_ += context.disco_node([this](std::string_view node) { return own_info(node); });
        hooks_ += context.sessions(
            {.bound = {},
             .available = {},
             .unavailable = {},
             .closed = {},
             .presence = [this](Session& session, const Stanza& presence) { seen(session, presence); }});
    }

  private:
    /// What the host announces of itself, until a module comes or goes.
    struct Own {
        std::uint64_t revision = 0;
        std::string node;
        std::string second_node;
        std::optional<xml::Element> stream_feature;
        std::optional<xml::Element> second_stream_feature;
    };

    const Own& own() {
        const auto revision = context_.disco().revision();
        if (own_.revision == revision) return own_;
        own_ = {.revision = revision};
        const auto info = context_.disco().info(Target::host);
        if (const auto ver = session::caps_verification(info, "sha-1")) {
            own_.node = std::string{kNode} + '#' + *ver;
            own_.stream_feature.emplace("c", kCaps);
            own_.stream_feature->set("hash", "sha-1").set("node", kNode).set("ver", *ver);
        }
        if (const auto hash = caps_hash(info)) {
            own_.second_node = hash_node(*hash);
            own_.second_stream_feature = hash_set(*hash);
        }
        return own_;
    }

    std::optional<xml::Element> own_info(std::string_view node) {
        const auto& known = own();
        if (node != known.node && node != known.second_node) return std::nullopt;
        return context_.disco().info(Target::host);
    }

    void seen(Session& session, const Stanza& presence) {
        const auto* caps = presence.element().child("c", kCaps);
        if (!caps || caps->attribute("hash").empty() || caps->attribute("ver").empty()) return;
        const std::string hash{caps->attribute("hash")};
        const std::string ver{caps->attribute("ver")};
        auto& known = session.slots().get<ClientFeatures>();
        if (known.ver == ver) return;
        known = {.ver = ver, .features = {}};
        if (const auto at = known_.find(hash + ' ' + ver); at != known_.end()) {
            known.features = at->second;
            if (shared_ && !shared_->find(at->first)) shared_->learn(at->first, at->second);
            return;
        }
        ask(session.jid(), std::string{caps->attribute("node")} + '#' + ver, hash, ver);
    }

    void ask(const xmpp::Jid& client, const std::string& node, const std::string& hash, const std::string& ver) {
        auto iq = Stanza::iq("get", "caps", context_.host(), client);  // ask() gives it an id of its own
        iq.element().add("query", kDisco).set("node", node);
        context_.ask(std::move(iq), kDeadline, [this, client, hash, ver](std::optional<Stanza> answer) {
            const auto* query =
                answer && answer->type() == "result" ? answer->element().child("query", kDisco) : nullptr;
            if (!query || session::caps_verification(*query, hash) != ver)
                return;  // one that lies speaks for itself alone: not at all
            auto features = std::make_shared<std::set<std::string, std::less<>>>();
            for (const auto* child : query->children()) {
                if (child->name() == "feature" && features->size() < kMaxFeatures)
                    features->emplace(child->attribute("var"));
            }
            remember(hash + ' ' + ver, features);
            if (shared_) shared_->learn(hash + ' ' + ver, features);
            auto* account = context_.account(client.bare());
            auto* session = account ? account->session(client.resource()) : nullptr;
            if (!session) return;
            auto& known = session->slots().get<ClientFeatures>();
            if (known.ver == ver) known.features = features;
        });
    }

    void remember(const std::string& key, Features features) {
        if (known_.emplace(key, std::move(features)).second) order_.push_back(key);
        while (order_.size() > kMaxKnown) {
            known_.erase(order_.front());
            order_.pop_front();
        }
    }

    ModuleContext& context_;
    session::KnownCaps* shared_ = &session::KnownCaps::of_process();
    std::unordered_map<std::string, Features> known_;
    std::list<std::string> order_;
    Own own_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor caps() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Caps>(context); }};
}

}  // namespace carillon::modules
