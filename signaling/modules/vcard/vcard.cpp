/// Users' vCards, the old way and the new one in step, and the picture in them as an avatar.
/// Spec: XEP-0054 1.3; XEP-0292 0.12.0 (vCard4); XEP-0153 1.1; XEP-0084 1.1.4; XEP-0398 1.0.1 (conversion).
/// Not here: the nodes of vCard4 and avatars (modules/pubsub), vCards of rooms (modules/muc).
#include "signaling/modules/vcard/vcard.h"

#include "signaling/modules/personal_nodes.h"
#include "signaling/modules/settings.h"
#include "signaling/modules/vcard/conversion.h"
#include "signaling/modules/vcard/photo.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using session::Account;
using session::Session;
using vcards::kTemp;
using vcards::Photo;
using xml::Element;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{.name = "vcard", .xep = 54, .version = "1.3", .summary = "vCards, and avatars in step"};
constexpr std::string_view kConversion = "urn:xmpp:pep-vcard-conversion:0";
constexpr std::string_view kVcard4Node = "urn:xmpp:vcard4";
constexpr std::string_view kDataNode = "urn:xmpp:avatar:data";
constexpr std::string_view kMetadataNode = "urn:xmpp:avatar:metadata";
constexpr std::string_view kUpdateNs = "vcard-temp:x:update";
constexpr std::string_view kSpace = "vcard";
constexpr std::string_view kWhole = "vcard-temp";
constexpr std::string_view kPhoto = "photo";  ///< its hash and who may see it, for presence
constexpr int kBeforePresence = 60;
const NodeOptions kOpen{{"access_model", "open"}};

/// A slot of the account: what its presences say of the picture.
struct Known {
    bool loaded = false;
    std::string hash;  ///< empty: no picture
};

/// Who may see a picture that came from an avatar node (XEP-0398 §6).
struct PhotoFact {
    std::string hash;
    bool contacts_only = false;

    std::string text() const { return (contacts_only ? "contacts " : "open ") + hash; }
    static PhotoFact parse(const std::string& text) {
        const auto space = text.find(' ');
        if (space == text.npos) return {};
        return {text.substr(space + 1), text.substr(0, space) == "contacts"};
    }
};

class Vcard final : public Module {
  public:
    explicit Vcard(ModuleContext& context) : context_{context}, nodes_{context} {
        config::Schema schema;
        schema.size("size", size_, 1024, 4 * 1024 * 1024, "Octets of one user's vCard, its picture among them.");
        read_settings(context, schema, kInfo.name);
        hooks_ += context.feature(kTemp);
        hooks_ += context.feature(kTemp, Target::account);
        hooks_ += context.feature(kConversion, Target::account);
        hooks_ +=
            context.iq_async(Target::account, "get", kTemp, "vCard", [this](const Stanza& iq) { return get(iq); });
        hooks_ +=
            context.iq_async(Target::account, "set", kTemp, "vCard", [this](const Stanza& iq) { return set(iq); });
        hooks_ += context.intercept(Stage::from_local, kBeforePresence, [this](Stanza& stanza) {
            if (stanza.is_presence()) announce(stanza);
            if (stanza.is_iq()) notice(stanza);
            return Verdict::pass;
        });
        hooks_ += context.sessions({.bound = [this](Session& session) {
            if (!known(session.account()).loaded) context_.spawn(load_photo(session.account().jid()));
        }});
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }
    static Known& known(Account& account) { return account.slots().get<Known>(); }

    // ---- storage

    awaitable<std::optional<std::string>> stored(Jid user, std::string_view name) {
        co_return co_await context_.storage().user_data().get(std::move(user), std::string{kSpace}, std::string{name});
    }
    awaitable<Element> load(Jid user) {
        const auto text = co_await stored(std::move(user), kWhole);
        auto element = xml::parse_document(text.value_or(std::string{}));
        co_return element ? std::move(*element) : Element{"vCard", kTemp};
    }
    awaitable<bool> store(Jid user, const Element& vcard, PhotoFact photo) {
        auto& data = context_.storage().user_data();
        const storage::UserDataStore::Bounds bounds{.entries = 2, .octets = size_ + 4096};
        auto text = xml::to_document(vcard);
        if (text.size() > size_) co_return false;
        const bool kept = co_await data.put(user, std::string{kSpace}, std::string{kWhole}, std::move(text), bounds);
        if (!kept) co_return false;
        co_return co_await data.put(std::move(user), std::string{kSpace}, std::string{kPhoto}, photo.text(), bounds);
    }

    // ---- requests

    awaitable<IqReply> get(const Stanza& iq) {
        const auto owner = iq.to().empty() ? iq.from().bare() : iq.to().bare();
        const bool own = owner.same_bare(iq.from());
        auto vcard = co_await load(owner);
        if (vcard.empty() && !own) co_return refusal(StanzaError::item_not_found());
        const auto fact = PhotoFact::parse((co_await stored(owner, kPhoto)).value_or(std::string{}));
        if (!own && fact.contacts_only && !is_contact(owner, iq.from())) vcards::set_photo(vcard, std::nullopt);
        co_return IqReply{std::move(vcard)};
    }

    bool is_contact(const Jid& owner, const Jid& asker) const {
        auto* account = context_.account(owner);
        const auto* item = account ? account->roster().find(asker.bare()) : nullptr;
        return item && item->from;
    }

    awaitable<IqReply> set(const Stanza& iq) {
        const auto user = iq.from().bare();
        if (!iq.to().empty() && !iq.to().same_bare(user)) co_return refusal(StanzaError::forbidden());
        Element vcard = *iq.payload();
        const auto photo = vcards::photo_of(vcard);
        const auto before = PhotoFact::parse((co_await stored(user, kPhoto)).value_or(std::string{}));
        PhotoFact after{photo ? photo->hash : std::string{}, false};
        if (after.hash == before.hash) after.contacts_only = before.contacts_only;
        const bool kept = co_await store(user, vcard, after);
        if (!kept) co_return refusal(StanzaError::resource_constraint().with_text("The vCard is too large."));
        show_photo(user, after.hash);
        context_.spawn(publish(user, vcards::to_vcard4(vcard), after.hash == before.hash ? std::nullopt : photo,
                               after.hash.empty() && !before.hash.empty()));
        co_return IqReply{std::nullopt};
    }

    // ---- to the nodes

    /// XEP-0398 §3.2, and the same for vCard4: after the request has been answered.
    awaitable<void> publish(Jid user, Element vcard4, std::optional<Photo> photo, bool no_photo) {
        if (!vcard4.empty())
            co_await nodes_.publish(user, std::string{kVcard4Node}, "current", std::move(vcard4), kOpen);
        if (no_photo) {  // XEP-0084 §3.2: an empty metadata element takes the avatar away
            Element none{"metadata", kMetadataNode};
            co_await nodes_.publish(user, std::string{kMetadataNode}, "current", std::move(none), {});
        }
        if (!photo) co_return;
        auto data = vcards::avatar_data(*photo);
        const bool there = co_await nodes_.publish(user, std::string{kDataNode}, photo->hash, std::move(data), kOpen);
        if (!there) co_return;
        auto metadata = vcards::avatar_metadata(*photo);
        co_await nodes_.publish(user, std::string{kMetadataNode}, photo->hash, std::move(metadata), kOpen);
    }

    // ---- from the nodes

    /// What a user publishes is looked at when it has been.
    void notice(const Stanza& iq) {
        const auto node = changed_node(iq);
        if (node == kMetadataNode) context_.spawn(follow_avatar(iq.from().bare()));
        if (node == kVcard4Node) context_.spawn(follow_vcard4(iq.from().bare()));
    }

    awaitable<void> follow_avatar(Jid user) {
        std::optional<Photo> photo;
        const auto newest = co_await nodes_.items(user, std::string{kMetadataNode}, {}, 1);
        const auto* info =
            newest && !newest->empty() && newest->front().payload ? info_with_data(*newest->front().payload) : nullptr;
        bool contacts_only = false;
        if (info) {
            const std::string id{info->attribute("id")};
            std::string type{info->attribute("type")};
            const auto data = co_await nodes_.items(user, std::string{kDataNode}, id);
            if (data && !data->empty() && data->front().payload)
                photo = vcards::photo_of_avatar(*data->front().payload, std::move(type));
            if (!photo || photo->hash != id) co_return;  // §3.1: not what it says it is
            const auto access = co_await nodes_.access(user, std::string{kDataNode});
            if (access != "open" && access != "presence") co_return;  // for some only: no vCard can say that
            contacts_only = access == "presence";
        }
        auto vcard = co_await load(user);
        vcards::set_photo(vcard, photo);
        const PhotoFact fact{photo ? photo->hash : std::string{}, contacts_only};
        const bool kept = co_await store(user, vcard, fact);
        if (kept) show_photo(user, fact.hash);
    }

    /// §3.1: the one whose data are in the node.
    static const Element* info_with_data(const Element& metadata) {
        for (const auto* info : metadata.children()) {
            if (info->name() == "info" && info->attribute("url").empty() && info->attribute("id").size() == 40)
                return info;
        }
        return nullptr;
    }

    awaitable<void> follow_vcard4(Jid user) {
        const auto newest = co_await nodes_.items(user, std::string{kVcard4Node}, {}, 1);
        if (!newest || newest->empty() || !newest->front().payload) co_return;
        if (!newest->front().payload->is("vcard", vcards::kVcard4)) co_return;
        auto vcard = co_await load(user);
        vcard = vcards::merge_vcard4(std::move(vcard), *newest->front().payload);
        const auto fact = PhotoFact::parse((co_await stored(user, kPhoto)).value_or(std::string{}));
        co_await store(user, vcard, fact);
    }

    // ---- presence

    awaitable<void> load_photo(Jid user) {
        const auto fact = PhotoFact::parse((co_await stored(user, kPhoto)).value_or(std::string{}));
        auto* account = context_.account(user);
        if (!account || known(*account).loaded) co_return;
        known(*account).loaded = true;
        if (!fact.hash.empty()) show_photo(user, fact.hash);
    }

    void announce(Stanza& presence) {
        if (!presence.type().empty()) return;
        auto* account = context_.account(presence.from().bare());
        const auto* of = account ? account->slots().find<Known>() : nullptr;
        if (of && !of->hash.empty()) vcards::announce_photo(presence.element(), of->hash);
    }

    /// The picture has changed, or has become known after a presence went out: all who see the user are told.
    void show_photo(const Jid& user, const std::string& hash) {
        auto* account = context_.account(user);
        if (!account) return;
        auto& of = known(*account);
        of.loaded = true;
        of.hash = hash;
        for (auto* session : account->sessions()) {
            if (!session->available()) continue;
            auto presence = *session->presence();
            const auto was = presence.element();
            if (hash.empty()) {
                auto* update = presence.element().child("x", kUpdateNs);
                if (auto* photo = update ? update->child("photo") : nullptr) photo->clear_nodes();
            } else {
                vcards::announce_photo(presence.element(), hash);
            }
            if (presence.element() == was) continue;
            session->set_presence(presence, session->priority());
            broadcast(*account, presence);
        }
    }

    void broadcast(const Account& account, const Stanza& presence) {
        const auto send = [&](const Jid& to) {
            auto copy = presence;
            copy.set_to(to);
            context_.route(std::move(copy));
        };
        for (const auto& item : account.roster().items) {
            if (item.from && !account.roster().blocked.blocks(item.jid)) send(item.jid);
        }
        send(account.jid());
    }

    ModuleContext& context_;
    PersonalNodes nodes_;
    std::size_t size_ = 192 * 1024;  // below what a stanza may have
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor vcard() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Vcard>(context); }};
}

}  // namespace carillon::modules
