#include "signaling/calls/commands.h"

#include <boost/json.hpp>
#include <set>

#include "signaling/calls/call_json.h"
#include "signaling/calls/tapping.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::calls {
namespace {

namespace json = boost::json;
using admin::Reply;
using boost::asio::awaitable;

struct Context {
    CallDesk& desk;
    storage::CallStore& calls;
    storage::CallQualityStore* quality;
    boost::asio::thread_pool& blocking;
};

/// Asks the desk where waiting for shards holds nobody up. Everything is named, for GCC 12.
template <class Work>
auto at_desk(Context context, Work work) {
    return runtime::on_pool(context.blocking, std::move(work));
}

awaitable<Reply> list(Context context, const json::object& arguments) {
    const auto limit = admin::number_argument(arguments, "limit", 0, 10'000, 100);
    if (!limit) co_return std::unexpected{limit.error()};
    json::array out;
    std::set<std::string> shown;
    auto ask = [&desk = context.desk] { return desk.running(); };
    const auto running = co_await at_desk(context, ask);
    for (const auto& call : running) {
        out.push_back(to_json(call));
        shown.insert(call.record.id);
    }
    const xmpp::Jid everybody;
    const auto records = co_await context.calls.list(everybody, static_cast<std::size_t>(*limit));
    for (const auto& record : records)
        if (!shown.contains(record.id)) out.push_back(to_json(record));
    co_return Reply{std::move(out)};
}

awaitable<Reply> show(Context context, const json::object& arguments) {
    const auto id = admin::text_argument(arguments, "id");
    if (!id) co_return std::unexpected{id.error()};
    const auto key = *id;
    auto ask = [&desk = context.desk, &key] { return desk.find(key); };
    const auto call = co_await at_desk(context, ask);
    if (call) {
        auto shown = details(*call);
        auto ask_taps = [&desk = context.desk, &key] { return desk.taps(key); };
        const auto taps = co_await at_desk(context, ask_taps);
        json::array list;
        for (const auto& tap : taps) list.push_back(to_json(tap));
        if (!list.empty()) shown["taps"] = std::move(list);
        co_return Reply{std::move(shown)};
    }
    const auto record = co_await context.calls.get(key);
    if (!record) co_return admin::refuse("not_found", "There is no call " + *id + "; call list shows them.");
    std::optional<storage::CallQuality> sound;
    if (context.quality) sound = co_await context.quality->get(key);
    co_return Reply{details(*record, sound)};
}

awaitable<Reply> hangup(Context context, const json::object& arguments) {
    const auto id = admin::text_argument(arguments, "id");
    if (!id) co_return std::unexpected{id.error()};
    auto ask = [&desk = context.desk, &id] { return desk.hang_up(*id, "Ended by the operator"); };
    const bool ended = co_await at_desk(context, ask);
    if (!ended) co_return admin::refuse("not_found", "No call " + *id + " is under way; call list shows them.");
    co_return Reply{json::object{{"id", *id}}};
}

/// The admin server says who asks.
std::string who_asks(const json::object& arguments) {
    const auto* who = arguments.if_contains("operator");
    return who && who->is_string() ? std::string{who->get_string()} : "the admin socket";
}

std::string optional_text(const json::object& arguments, const char* key) {
    const auto* text = arguments.if_contains(key);
    return text && text->is_string() ? std::string{text->get_string()} : std::string{};
}

bool flag(const json::object& arguments, const char* key) {
    const auto* value = arguments.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

Reply tap_reply(const std::string& id, const std::optional<TapAnswer>& answer) {
    if (!answer) return admin::refuse("not_found", "No call " + id + " is under way; call list shows them.");
    if (!*answer) return admin::refuse("conflict", answer->error());
    auto out = to_json(**answer);
    out["id"] = id;
    return Reply{std::move(out)};
}

std::expected<CaptureWish, admin::Error> wish_of(const json::object& arguments) {
    constexpr std::int64_t kMostOctets = std::int64_t{1} << 40;
    const auto snap = admin::number_argument(arguments, "snap", 64, 65'535, 0);
    const auto files = admin::number_argument(arguments, "files", 1, 1000, 1);
    const auto octets = admin::number_argument(arguments, "octets", 4096, kMostOctets, 0);
    const auto seconds = admin::number_argument(arguments, "seconds", 1, 86'400, 0);
    for (const auto* number : {&snap, &files, &octets, &seconds})
        if (!*number) return std::unexpected{number->error()};
    return CaptureWish{.path = optional_text(arguments, "out"),
                       .opened = flag(arguments, "decrypted"),
                       .keys = flag(arguments, "keys"),
                       .snap = static_cast<std::uint32_t>(*snap),
                       .file_octets = static_cast<std::uint64_t>(*octets),
                       .files = static_cast<std::uint32_t>(*files),
                       .longest = std::chrono::seconds{*seconds},
                       .who = who_asks(arguments)};
}

awaitable<Reply> capture(Context context, const json::object& arguments) {
    const auto id = admin::text_argument(arguments, "id");
    if (!id) co_return std::unexpected{id.error()};
    const auto wish = wish_of(arguments);
    if (!wish) co_return std::unexpected{wish.error()};
    const auto stop = optional_text(arguments, "stop");
    auto ask = [&desk = context.desk, &id, &wish, &stop] {
        return stop.empty() ? desk.capture(*id, *wish) : desk.stop_capture(*id, stop, wish->who);
    };
    const auto answer = co_await at_desk(context, ask);
    co_return tap_reply(*id, answer);
}

awaitable<Reply> record(Context context, const json::object& arguments) {
    const auto id = admin::text_argument(arguments, "id");
    const auto action = admin::text_argument(arguments, "action");
    if (!id) co_return std::unexpected{id.error()};
    if (!action) co_return std::unexpected{action.error()};
    if (*action != "start" && *action != "stop")
        co_return admin::refuse("bad_arguments", "action: write start or stop.");
    const auto who = who_asks(arguments);
    auto ask = [&desk = context.desk, &id, &action, &who] {
        return *action == "start" ? desk.record(*id, who) : desk.stop_recording(*id, who);
    };
    const auto answer = co_await at_desk(context, ask);
    co_return tap_reply(*id, answer);
}

awaitable<Reply> open_channels(Context context, const json::object& arguments) {
    const auto count = admin::number_argument(arguments, "count", 1, 1000, 1);
    const auto expire = admin::number_argument(arguments, "expire", 1, 86'400, 60);
    if (!count) co_return std::unexpected{count.error()};
    if (!expire) co_return std::unexpected{expire.error()};
    auto ask = [&desk = context.desk, &count, &expire] {
        return desk.open_channels(static_cast<std::size_t>(*count), std::chrono::seconds{*expire});
    };
    const auto opened = co_await at_desk(context, ask);
    if (opened.size() < static_cast<std::size_t>(*count)) {
        std::vector<std::string> ids;
        for (const auto& channel : opened) ids.push_back(channel.id);
        auto close = [&desk = context.desk, &ids] { return desk.close_channels(ids); };
        (void)co_await at_desk(context, close);
        co_return admin::refuse("unavailable", "The relays gave " + std::to_string(opened.size()) +
                                                   " channels, and they are closed again; relay list shows why.");
    }
    json::array out;
    for (const auto& channel : opened) out.push_back(to_json(channel));
    co_return Reply{std::move(out)};
}

awaitable<Reply> close_channels(Context context, const json::object& arguments) {
    const auto* ids = arguments.if_contains("ids");
    if (!ids || !ids->is_array()) co_return admin::refuse("bad_arguments", "ids: a list of channel ids is missing.");
    std::vector<std::string> wanted;
    for (const auto& id : ids->as_array()) {
        if (!id.is_string()) co_return admin::refuse("bad_arguments", "ids: an id is a text.");
        wanted.emplace_back(id.as_string());
    }
    auto ask = [&desk = context.desk, &wanted] { return desk.close_channels(wanted); };
    const auto closed = co_await at_desk(context, ask);
    co_return Reply{json::object{{"closed", closed}}};
}

}  // namespace

void add_call_commands(admin::Registry& registry, CallDesk& desk, storage::Storage& storage,
                       boost::asio::thread_pool& blocking) {
    const Context context{desk, storage.calls(), storage::call_quality_of(storage), blocking};
    registry.add("call.list", "List calls, running ones first",
                 [context](const json::object& arguments) { return list(context, arguments); });
    registry.add("call.show", "Everything about one call",
                 [context](const json::object& arguments) { return show(context, arguments); });
    registry.add("call.hangup", "End a call; both ends are told",
                 [context](const json::object& arguments) { return hangup(context, arguments); });
    registry.add("call.capture", "Write a call's packets into a pcapng file",
                 [context](const json::object& arguments) { return capture(context, arguments); });
    registry.add("call.record", "Start or stop recording a call",
                 [context](const json::object& arguments) { return record(context, arguments); });
    registry.add("relay.channel.open", "Open port pairs (XEP-0278 channels)",
                 [context](const json::object& arguments) { return open_channels(context, arguments); });
    registry.add("relay.channel.close", "Close channels",
                 [context](const json::object& arguments) { return close_channels(context, arguments); });
}

}  // namespace carillon::calls
