#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

constexpr std::string_view kColumns =
    "id, host, caller, callee, started, answered, ended, path, codecs, reason, bytes_to_callee, bytes_to_caller, "
    "packets_to_callee, packets_to_caller, loss_to_callee, loss_to_caller, jitter_to_callee, jitter_to_caller";

std::optional<WallTime> optional_time(const soci::row& row, std::size_t column) {
    if (row.get_indicator(column) == soci::i_null) return std::nullopt;
    return from_milliseconds(row.get<long long>(column));
}

CallRecord read(const soci::row& row) {
    const auto number = [&](std::size_t column) { return static_cast<std::uint64_t>(row.get<long long>(column)); };
    const auto jid = [&](std::size_t column) {
        return xmpp::Jid::parse(row.get<std::string>(column)).value_or(xmpp::Jid{});
    };
    return {.id = row.get<std::string>(0),
            .host = row.get<std::string>(1),
            .caller = jid(2),
            .callee = jid(3),
            .started = from_milliseconds(row.get<long long>(4)),
            .answered = optional_time(row, 5),
            .ended = optional_time(row, 6),
            .path = row.get<std::string>(7),
            .codecs = row.get<std::string>(8),
            .reason = row.get<std::string>(9),
            .bytes_to_callee = number(10),
            .bytes_to_caller = number(11),
            .packets_to_callee = number(12),
            .packets_to_caller = number(13),
            .loss_to_callee = row.get<double>(14),
            .loss_to_caller = row.get<double>(15),
            .jitter_to_callee_ms = row.get<double>(16),
            .jitter_to_caller_ms = row.get<double>(17)};
}

}  // namespace

awaitable<void> SqlCallStore::put(CallRecord record) {
    return database_.write([record = std::move(record)](soci::session& sql) {
        const auto caller_bare = record.caller.bare().str();
        const auto callee_bare = record.callee.bare().str();
        const long long started = to_milliseconds(record.started);
        const long long answered = record.answered ? to_milliseconds(*record.answered) : 0;
        const long long ended = record.ended ? to_milliseconds(*record.ended) : 0;
        soci::indicator answered_set = record.answered ? soci::i_ok : soci::i_null;
        soci::indicator ended_set = record.ended ? soci::i_ok : soci::i_null;
        const auto bytes_to_callee = static_cast<long long>(record.bytes_to_callee);
        const auto bytes_to_caller = static_cast<long long>(record.bytes_to_caller);
        const auto packets_to_callee = static_cast<long long>(record.packets_to_callee);
        const auto packets_to_caller = static_cast<long long>(record.packets_to_caller);
        sql << "DELETE FROM calls WHERE id = :id", soci::use(record.id);
        sql << "INSERT INTO calls (" << std::string{kColumns}
            << ", caller_bare, callee_bare) VALUES (:id, :host, :caller, :callee, :started, :answered, :ended, :path, "
               ":codecs, "
               ":reason, :b1, :b2, :p1, :p2, :l1, :l2, :j1, :j2, :cb1, :cb2)",
            soci::use(record.id), soci::use(record.host), soci::use(record.caller.str()),
            soci::use(record.callee.str()), soci::use(started), soci::use(answered, answered_set),
            soci::use(ended, ended_set), soci::use(record.path), soci::use(record.codecs), soci::use(record.reason),
            soci::use(bytes_to_callee), soci::use(bytes_to_caller), soci::use(packets_to_callee),
            soci::use(packets_to_caller), soci::use(record.loss_to_callee), soci::use(record.loss_to_caller),
            soci::use(record.jitter_to_callee_ms), soci::use(record.jitter_to_caller_ms), soci::use(caller_bare),
            soci::use(callee_bare);
    });
}

awaitable<std::optional<CallRecord>> SqlCallStore::get(std::string id) {
    return database_.read([id = std::move(id)](soci::session& sql) -> std::optional<CallRecord> {
        soci::row row;
        sql << "SELECT " << std::string{kColumns} << " FROM calls WHERE id = :id", soci::use(id), soci::into(row);
        if (!sql.got_data()) return std::nullopt;
        return read(row);
    });
}

awaitable<std::vector<CallRecord>> SqlCallStore::list(xmpp::Jid user, std::size_t limit) {
    return database_.read([user = user.bare().str(), limit](soci::session& sql) {
        const long long most = static_cast<long long>(limit);
        std::vector<CallRecord> records;
        const auto collect = [&](const soci::rowset<soci::row>& rows) {
            for (const auto& row : rows) records.push_back(read(row));
        };
        const std::string select = "SELECT " + std::string{kColumns} + " FROM calls ";
        const std::string newest = "ORDER BY started DESC LIMIT :most";
        if (user.empty()) {
            collect((sql.prepare << select + newest, soci::use(most)));
        } else {
            collect((sql.prepare << select + "WHERE caller_bare = :caller OR callee_bare = :callee " + newest,
                     soci::use(user), soci::use(user), soci::use(most)));
        }
        return records;
    });
}

}  // namespace carillon::storage
