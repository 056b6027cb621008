#include "signaling/pubsub/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>

#include "signaling/pubsub/names.h"

namespace carillon::pubsub {
namespace {

using xmpp::StanzaError;

template <class E>
using Words = std::pair<E, std::string_view>;

constexpr auto kAccess = std::to_array<Words<AccessModel>>({{AccessModel::open, "open"},
                                                            {AccessModel::presence, "presence"},
                                                            {AccessModel::roster, "roster"},
                                                            {AccessModel::authorize, "authorize"},
                                                            {AccessModel::whitelist, "whitelist"}});
constexpr auto kPublish = std::to_array<Words<PublishModel>>({{PublishModel::publishers, "publishers"},
                                                              {PublishModel::subscribers, "subscribers"},
                                                              {PublishModel::open, "open"}});
constexpr auto kSendLast = std::to_array<Words<SendLast>>(
    {{SendLast::never, "never"}, {SendLast::on_sub, "on_sub"}, {SendLast::on_sub_and_presence, "on_sub_and_presence"}});
constexpr auto kAssociation = std::to_array<Words<Association>>(
    {{Association::all, "all"}, {Association::owners, "owners"}, {Association::whitelist, "whitelist"}});
constexpr std::size_t kMaxText = 1023;
constexpr std::size_t kMaxTexts = 100;

template <class Table, class E>
std::string_view word_of(const Table& table, E value) {
    for (const auto& [each, word] : table) {
        if (each == value) return word;
    }
    return {};
}

template <class Table>
FormWriter::Options words_of(const Table& table) {
    FormWriter::Options words;
    for (const auto& [value, word] : table) words.push_back(word);
    return words;
}

/// Puts fields of one form into a configuration; remembers the first that is wrong.
class Reader {
  public:
    Reader(const Form& form, const ConfigBounds& bounds) : form_{form}, bounds_{bounds} {}

    void boolean(std::string_view name, bool& into) {
        with(name, [&](const std::string& value) {
            const auto read = read_boolean(value);
            if (read) into = *read;
            return read.has_value();
        });
    }
    template <class Table, class E>
    void word(std::string_view name, const Table& table, E& into) {
        with(name, [&](const std::string& value) {
            const auto at = std::ranges::find(table, value, &Table::value_type::second);
            if (at != table.end()) into = at->first;
            return at != table.end();
        });
    }
    /// "max" is the bound.
    void number(std::string_view name, std::size_t& into, std::size_t bound) {
        with(name, [&](const std::string& value) {
            if (value == "max") return into = bound, true;
            const auto read = parse(value);
            if (read) into = std::min(*read, bound);
            return read.has_value();
        });
    }
    void seconds(std::string_view name, std::chrono::seconds& into) {
        with(name, [&](const std::string& value) {
            if (value == "max") return into = {}, true;
            const auto read = parse(value);
            if (read) into = std::chrono::seconds{std::min<std::size_t>(*read, 100ULL * 365 * 86'400)};
            return read.has_value();
        });
    }
    void text(std::string_view name, std::string& into) {
        with(name, [&](const std::string& value) {
            if (value.size() <= kMaxText) into = value;
            return value.size() <= kMaxText;
        });
    }
    void texts(std::string_view name, std::vector<std::string>& into) {
        const auto* values = form_.find(name);
        if (!values) return;
        std::vector<std::string> kept;
        for (const auto& value : *values) {
            if (value.size() > kMaxText || kept.size() >= kMaxTexts) return fail(name);
            if (!value.empty()) kept.push_back(value);
        }
        into = std::move(kept);
    }
    const ConfigBounds& bounds() const { return bounds_; }
    const std::string& wrong() const { return wrong_; }
    void fail(std::string_view name) {
        if (wrong_.empty()) wrong_ = name;
    }
    const Form& form() const { return form_; }

  private:
    template <class F>
    void with(std::string_view name, F take) {
        const auto* values = form_.find(name);
        if (!values || values->empty()) return;
        if (!take(values->front())) fail(name);
    }
    static std::optional<std::size_t> parse(std::string_view text) {
        if (text.empty()) return 0;
        std::size_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc::result_out_of_range) return SIZE_MAX;
        if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return value;
    }

    const Form& form_;
    const ConfigBounds& bounds_;
    std::string wrong_;
};

void read_delivery(Reader& in, NodeConfig& c) {
    in.boolean("pubsub#deliver_payloads", c.deliver_payloads);
    in.boolean("pubsub#deliver_notifications", c.deliver_notifications);
    in.boolean("pubsub#notify_config", c.notify_config);
    in.boolean("pubsub#notify_delete", c.notify_delete);
    in.boolean("pubsub#notify_retract", c.notify_retract);
    in.boolean("pubsub#notify_sub", c.notify_sub);
    in.boolean("pubsub#presence_based_delivery", c.presence_based_delivery);
    in.word("pubsub#send_last_published_item", kSendLast, c.send_last);
    constexpr auto kTypes = std::to_array<Words<bool>>({{true, "chat"}, {false, "headline"}, {true, "normal"}});
    in.word("pubsub#notification_type", kTypes, c.chat);
}

void read_items(Reader& in, NodeConfig& c) {
    in.boolean("pubsub#persist_items", c.persist_items);
    in.boolean("pubsub#purge_offline", c.purge_offline);
    in.number("pubsub#max_items", c.max_items, in.bounds().items);
    in.number("pubsub#max_payload_size", c.max_payload, in.bounds().item_octets);
    if (c.max_payload == in.bounds().item_octets) c.max_payload = 0;
    in.seconds("pubsub#item_expire", c.item_expire);
}

void read_access(Reader& in, NodeConfig& c) {
    in.word("pubsub#access_model", kAccess, c.access);
    in.word("pubsub#publish_model", kPublish, c.publish);
    in.boolean("pubsub#subscribe", c.subscribe);
    in.texts("pubsub#roster_groups_allowed", c.roster_groups);
}

void read_description(Reader& in, NodeConfig& c) {
    in.text("pubsub#title", c.title);
    in.text("pubsub#description", c.description);
    in.text("pubsub#language", c.language);
    in.text("pubsub#type", c.type);
    in.text("pubsub#itemreply", c.itemreply);
    in.text("pubsub#body_xslt", c.body_xslt);
    in.text("pubsub#dataform_xslt", c.dataform_xslt);
    in.texts("pubsub#contact", c.contact);
}

void read_collection(Reader& in, NodeConfig& c) {
    constexpr auto kTypes = std::to_array<Words<bool>>({{false, "leaf"}, {true, "collection"}});
    in.word("pubsub#node_type", kTypes, c.collection);
    in.texts("pubsub#collection", c.collections);
    in.word("pubsub#children_association_policy", kAssociation, c.association);
    in.texts("pubsub#children_association_whitelist", c.association_whitelist);
    in.number("pubsub#children_max", c.children_max, in.bounds().children);
}

}  // namespace

std::string_view to_text(AccessModel model) { return word_of(kAccess, model); }
std::string_view to_text(PublishModel model) { return word_of(kPublish, model); }

std::expected<NodeConfig, StanzaError> apply(NodeConfig config, const Form& form, const ConfigBounds& bounds) {
    Reader in{form, bounds};
    read_access(in, config);
    read_items(in, config);
    read_delivery(in, config);
    read_description(in, config);
    read_collection(in, config);
    if (!in.wrong().empty()) {
        return std::unexpected{
            StanzaError{"modify", "not-acceptable", "this value is not possible: " + in.wrong(), {}}};
    }
    return config;
}

xml::Element to_form(const NodeConfig& c, std::string_view type, std::string_view form_type, bool max_as_word,
                     const ConfigBounds& bounds) {
    FormWriter out{type, form_type};
    const auto most = [&](std::size_t value, std::size_t bound) {
        return max_as_word && value == bound ? std::string{"max"} : std::to_string(value);
    };
    out.list("pubsub#node_type", "Kind of node", c.collection ? "collection" : "leaf", {"leaf", "collection"})
        .text("pubsub#title", "Name for people", c.title)
        .text("pubsub#description", "Description", c.description)
        .text("pubsub#type", "Namespace of the payloads", c.type)
        .text("pubsub#language", "Language", c.language)
        .list("pubsub#access_model", "Who may subscribe and read", to_text(c.access), words_of(kAccess))
        .many("pubsub#roster_groups_allowed", "Groups of the roster that may subscribe", "text-multi", c.roster_groups)
        .list("pubsub#publish_model", "Who may publish", to_text(c.publish), words_of(kPublish))
        .boolean("pubsub#subscribe", "Allow subscriptions", c.subscribe)
        .boolean("pubsub#persist_items", "Keep items", c.persist_items)
        .text("pubsub#max_items", "Items that are kept", most(c.max_items, bounds.items))
        .text("pubsub#item_expire", "Seconds after which an item goes, or max",
              c.item_expire.count() ? std::to_string(c.item_expire.count()) : "max")
        .text("pubsub#max_payload_size", "Octets of an item",
              std::to_string(c.max_payload ? c.max_payload : bounds.item_octets))
        .list("pubsub#send_last_published_item", "When the last item is sent", word_of(kSendLast, c.send_last),
              words_of(kSendLast))
        .boolean("pubsub#deliver_notifications", "Send events", c.deliver_notifications)
        .boolean("pubsub#deliver_payloads", "Send payloads with events", c.deliver_payloads)
        .boolean("pubsub#notify_config", "Tell of changes of the configuration", c.notify_config)
        .boolean("pubsub#notify_delete", "Tell of the node's removal", c.notify_delete)
        .boolean("pubsub#notify_retract", "Tell of retracted items", c.notify_retract)
        .boolean("pubsub#notify_sub", "Tell owners of new subscriptions", c.notify_sub)
        .boolean("pubsub#presence_based_delivery", "Send events to those who are available only",
                 c.presence_based_delivery)
        .boolean("pubsub#purge_offline", "Remove all items when the publisher goes offline", c.purge_offline)
        .list("pubsub#notification_type", "Type of the event messages", c.chat ? "normal" : "headline",
              {"normal", "headline"});
    if (!c.itemreply.empty()) out.text("pubsub#itemreply", "Whom replies are for", c.itemreply);
    if (!c.body_xslt.empty()) out.text("pubsub#body_xslt", "", c.body_xslt);
    if (!c.dataform_xslt.empty()) out.text("pubsub#dataform_xslt", "", c.dataform_xslt);
    out.many("pubsub#contact", "Whom to ask about the node", "jid-multi", c.contact)
        .many("pubsub#collection", "Collections that this node is in", "text-multi", c.collections);
    if (c.collection) {
        out.list("pubsub#children_association_policy", "Who may put nodes here", word_of(kAssociation, c.association),
                 words_of(kAssociation))
            .many("pubsub#children_association_whitelist", "Those who may", "jid-multi", c.association_whitelist)
            .text("pubsub#children_max", "Nodes in the collection", most(c.children_max, bounds.children));
    }
    return out.take();
}

}  // namespace carillon::pubsub
