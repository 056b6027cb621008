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
    if (!since) {
        const auto kept = co_await context.storage().user_data().get(user, std::string{Departure::kSpace},
                                                                     std::string{Departure::kName});
        if (const auto departure = kept ? Departure::parse(*kept) : std::nullopt) since = departure->at;
    }
    CommandStep done;
    pubsub::FormWriter writer{"result", kAdmin};
    writer.many("accountjids", "The user", "jid-multi", {user.str()})
        .many("lastlogin", "Last log-in, or when the user left", "text-single",
              {since ? xmpp::to_datetime(*since) : std::string{"never"}});
    done.form = writer.take();
    co_return done;
}

}  // namespace carillon::modules::administrative
