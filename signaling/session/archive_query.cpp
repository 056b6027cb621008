#include "signaling/session/archive_query.h"

#include <charconv>

#include "signaling/xml/stream_parser.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::session {
namespace {

using storage::ArchiveId;
using xmpp::StanzaError;
using Fault = std::optional<StanzaError>;

constexpr std::string_view kForm = "jabber:x:data";
constexpr std::string_view kRsm = "http://jabber.org/protocol/rsm";
constexpr std::string_view kFullTextField = "{urn:xmpp:fulltext:0}fulltext";
constexpr std::size_t kMaxSearch = 1000;  // octets of what is looked for

/// An id of another's making names nothing here.
Fault read_id(std::string_view text, std::vector<ArchiveId>& into) {
    const auto id = ArchiveId::parse(text);
    if (!id) return StanzaError::item_not_found();
    into.push_back(*id);
    return std::nullopt;
}

Fault read_time(std::string_view text, std::optional<WallTime>& into) {
    into = xmpp::parse_datetime(text);
    return into ? Fault{} : StanzaError::bad_request();
}

Fault read_field(const xml::Element& field, storage::ArchiveQuery& query, const PageLimits& limits) {
    const auto var = field.attribute("var");
    const auto value = field.child_text("value", kForm);
    if (var == "FORM_TYPE") return value == kArchiveNs ? Fault{} : StanzaError::bad_request();
    if (var == "ids") {
        for (const auto* each : field.children()) {
            if (!each->is("value", kForm)) continue;
            if (auto fault = read_id(each->text(), query.ids)) return fault;
        }
        if (query.ids.size() > limits.largest)
            return StanzaError::not_acceptable().with_text("too many ids in one query");
        return std::nullopt;
    }
    if (value.empty())
        return var == "with" || var == "start" || var == "end" || var == "before-id" || var == "after-id" ||
                       var == "include-groupchat" || var == "withtext" || var == kFullTextField
                   ? Fault{}
                   : StanzaError::feature_not_implemented();
    if (var == "with") {
        auto jid = xmpp::Jid::parse(value);
        if (!jid) return StanzaError::jid_malformed();
        query.with = std::move(*jid);
        return std::nullopt;
    }
    if (var == kFullTextField || var == "withtext") {  // the latter as clients knew it before XEP-0431
        if (value.size() > kMaxSearch) return StanzaError::not_acceptable().with_text("the search is too long");
        query.words = value;
        return std::nullopt;
    }
    if (var == "start") return read_time(value, query.start);
    if (var == "end") return read_time(value, query.end);
    if (var == "before-id") return read_id(value, query.before);
    if (var == "after-id") return read_id(value, query.after);
    if (var == "include-groupchat") return std::nullopt;  // there is none to include
    return StanzaError::feature_not_implemented();
}

/// XEP-0059 §2.
Fault read_paging(const xml::Element& set, storage::ArchiveQuery& query, const PageLimits& limits) {
    if (set.child("index", kRsm)) return StanzaError::feature_not_implemented();
    if (const auto* max = set.child("max", kRsm)) {
        const auto text = max->text();
        std::size_t wanted = 0;
        const auto* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, wanted);
        if (error == std::errc::result_out_of_range) {
            wanted = limits.largest;
        } else if (error != std::errc{} || at != end) {
            return StanzaError::bad_request();
        }
        query.limit = std::min(wanted, limits.largest);
    }
    if (const auto* after = set.child("after", kRsm); after && !after->text().empty()) {
        if (auto fault = read_id(after->text(), query.after)) return fault;
    }
    if (const auto* before = set.child("before", kRsm)) {
        query.newest_first = true;  // §2.3: the page that ends there
        if (!before->text().empty()) return read_id(before->text(), query.before);
    }
    return std::nullopt;
}

}  // namespace

std::expected<ArchiveRequest, StanzaError> read_query(const xml::Element& query, const xmpp::Jid& owner,
                                                      const PageLimits& limits) {
    ArchiveRequest request;
    request.query.owner = owner;
    request.query.limit = limits.usual;
    request.query_id = query.attribute("queryid");
    request.flip = query.child("flip-page", kArchiveNs) != nullptr;
    if (query.has_attribute("node")) return std::unexpected{StanzaError::item_not_found()};  // of pubsub archives
    if (const auto* form = query.child("x", kForm)) {
        bool typed = false;
        for (const auto* field : form->children()) {
            if (!field->is("field", kForm)) continue;
            typed = typed || field->attribute("var") == "FORM_TYPE";
            if (auto fault = read_field(*field, request.query, limits)) return std::unexpected{std::move(*fault)};
        }
        if (!typed) return std::unexpected{StanzaError::bad_request().with_text("the form has no FORM_TYPE")};
    }
    if (const auto* set = query.child("set", kRsm)) {
        if (auto fault = read_paging(*set, request.query, limits)) return std::unexpected{std::move(*fault)};
    }
    return request;
}

xml::Element query_form() {
    xml::Element query{"query", kArchiveNs};
    auto& form = query.add("x", kForm).set("type", "form");
    form.add("field").set("type", "hidden").set("var", "FORM_TYPE").add("value").add_text(kArchiveNs);
    form.add("field").set("type", "jid-single").set("var", "with");
    for (const auto* name : {"start", "end", "before-id", "after-id"})
        form.add("field").set("type", "text-single").set("var", name);
    form.add("field")
        .set("type", "list-multi")
        .set("var", "ids")
        .add("validate", "http://jabber.org/protocol/xdata-validate")
        .set("datatype", "xs:string")
        .add("open");
    form.add("field").set("type", "boolean").set("var", "include-groupchat");
    for (const auto name : {kFullTextField, std::string_view{"withtext"}})
        form.add("field").set("type", "text-single").set("var", name);
    return query;
}

std::optional<xml::Element> result_message(const ArchiveRequest& request, const storage::ArchivedMessage& message,
                                           const xmpp::Jid& to) {
    auto original = xml::parse_document(message.stanza);
    if (!original) return std::nullopt;
    xml::Element stanza{"message", "jabber:client"};
    stanza.set("from", request.query.owner.str()).set("to", to.str());
    auto& result = stanza.add("result", kArchiveNs).set("id", message.id.text());
    if (!request.query_id.empty()) result.set("queryid", request.query_id);
    auto& forwarded = result.add("forwarded", "urn:xmpp:forward:0");
    forwarded.add("delay", "urn:xmpp:delay").set("stamp", xmpp::to_datetime(message.id.when()));
    forwarded.append(std::move(*original));
    return stanza;
}

xml::Element fin(const ArchiveRequest& request, const storage::ArchivePage& page) {
    xml::Element done{"fin", kArchiveNs};
    if (page.complete) done.set("complete", "true");
    auto& set = done.add("set", kRsm);
    if (request.query.limit == 0) set.add("count").add_text(std::to_string(page.count));
    if (!page.messages.empty()) {
        set.add("first").add_text(page.messages.front().id.text());
        set.add("last").add_text(page.messages.back().id.text());
    }
    return done;
}

xml::Element metadata(const std::optional<storage::ArchiveEnds>& ends) {
    xml::Element element{"metadata", kArchiveNs};
    if (!ends) return element;
    for (const auto& [name, id] : {std::pair{"start", &ends->first}, std::pair{"end", &ends->last}})
        element.add(name).set("id", id->text()).set("timestamp", xmpp::to_datetime(id->when()));
    return element;
}

}  // namespace carillon::session
