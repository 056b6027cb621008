/// Keeps what clients put away: bookmarks and settings of old, by the name and namespace of the element.
/// Spec: XEP-0049 1.2.
/// Not here: what the elements mean; the newer way, PEP.
#include "signaling/modules/private_xml/private_xml.h"

#include "signaling/modules/settings.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "private_xml", .xep = 49, .version = "1.2", .summary = "pieces of XML that clients keep on the server"};
constexpr std::string_view kNs = "jabber:iq:private";
constexpr std::string_view kSpace = "private";
constexpr std::size_t kMaxName = 1023;

class PrivateXml final : public Module {
  public:
    explicit PrivateXml(ModuleContext& context) : context_{context} {
        config::Schema schema;
        schema.integer("entries", bounds_.entries, 1, 10'000, "Elements that one user may keep.")
            .size("size", bounds_.octets, 1024, 64 * 1024 * 1024, "Octets that one user may keep.");
        read_settings(context, schema, kInfo.name);
        hooks_ += context.feature(kNs);
        hooks_ += context.iq_async(Target::account, "get", kNs, "query", [this](const Stanza& iq) { return get(iq); });
        hooks_ += context.iq_async(Target::account, "set", kNs, "query", [this](const Stanza& iq) { return set(iq); });
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }
    /// What is private is its owner's alone.
    static bool is_own(const Stanza& iq) { return iq.to().empty() || iq.to().same_bare(iq.from()); }
    static std::string key(const xml::Element& element) { return '{' + element.ns() + '}' + element.name(); }
    /// §2.3: the element is of a namespace of its own.
    static bool is_proper(const xml::Element& element) {
        return !element.ns().empty() && element.ns() != kNs && element.ns() != "jabber:client" &&
               key(element).size() <= kMaxName;
    }

    awaitable<IqReply> get(const Stanza& iq) {
        if (!is_own(iq)) co_return refusal(StanzaError::forbidden());
        const auto wanted = iq.payload()->children();
        if (wanted.empty()) co_return refusal(StanzaError::bad_request());
        if (wanted.size() > 1 || !is_proper(*wanted.front())) co_return refusal(StanzaError::not_acceptable());
        const xml::Element& asked = *wanted.front();
        const auto stored =
            co_await context_.storage().user_data().get(iq.from().bare(), std::string{kSpace}, key(asked));
        xml::Element answer{"query", kNs};
        auto element = xml::parse_document(stored.value_or(std::string{}));
        answer.append(element ? std::move(*element) : xml::Element{asked.name(), asked.ns()});
        co_return IqReply{std::move(answer)};
    }

    /// Each element takes the place of what was kept under its name; an empty one clears it.
    awaitable<IqReply> set(const Stanza& iq) {
        if (!is_own(iq)) co_return refusal(StanzaError::forbidden());
        const auto elements = iq.payload()->children();
        if (elements.empty()) co_return refusal(StanzaError::not_acceptable());
        for (const auto* element : elements) {
            if (!is_proper(*element)) co_return refusal(StanzaError::not_acceptable());
        }
        auto& data = context_.storage().user_data();
        const auto user = iq.from().bare();
        for (const auto* element : elements) {
            auto name = key(*element);
            if (element->nodes().empty() && element->attributes().empty()) {
                co_await data.erase(user, std::string{kSpace}, std::move(name));
                continue;
            }
            auto text = xml::to_document(*element);
            const bool kept = co_await data.put(user, std::string{kSpace}, std::move(name), std::move(text), bounds_);
            if (!kept) co_return refusal(StanzaError::resource_constraint().with_text("your private storage is full"));
        }
        co_return IqReply{std::nullopt};
    }

    ModuleContext& context_;
    storage::UserDataStore::Bounds bounds_{.entries = 100, .octets = 1024 * 1024};
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor private_xml() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<PrivateXml>(context); }};
}

}  // namespace carillon::modules
