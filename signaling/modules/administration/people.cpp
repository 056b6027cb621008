#include "signaling/modules/administration/people.h"

#include "signaling/session/departure.h"
#include "signaling/session/roster_push.h"
#include "signaling/storage/storage.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::administrative {

using namespace runtime;
using session::Departure;
using xmpp::Jid;
using xmpp::StanzaError;

awaitable<Outcome> show_roster(ModuleContext& context, Jid user) {
    const bool exists = co_await context.storage().users().exists(user);
    if (!exists) co_return Outcome{std::unexpect, StanzaError::item_not_found()};
    const auto roster = co_await context.storage().rosters().load(user);
    auto done = told("accountjids", "The user", "jid-multi", {user.str()});
    auto& query = done.form->add("query", "jabber:iq:roster");
    for (const auto& item : roster.items) {
        if (item.listed) query.append(session::roster_item(item));
    }
    co_return done;
}

awaitable<Outcome> show_last_login(ModuleContext& context, Jid user, std::optional<WallTime> since) {
    const bool exists = co_await context.storage().users().exists(user);
    if (!exists) co_return Outcome{std::unexpect, StanzaError::item_not_found()};
    std::string when = "never";
    if (since) {
        when = xmpp::to_datetime(*since);
    } else {
        std::string space{Departure::kSpace};
        std::string name{Departure::kName};
        const auto kept = co_await context.storage().user_data().get(user, std::move(space), std::move(name));
        const auto departure = Departure::parse(kept.value_or(""));
        if (departure) when = xmpp::to_datetime(departure->at);
    }
    CommandStep done;
    pubsub::FormWriter writer{"result", kAdmin};
    writer.many("accountjids", "The user", "jid-multi", {user.str()})
        .many("lastlogin", "Last log-in, or when the user left", "text-single", {when});
    done.form = writer.take();
    co_return done;
}

}  // namespace carillon::modules::administrative
