#include "signaling/runtime/accounts.h"

#include "signaling/runtime/virtual_host.h"
#include "signaling/storage/storage.h"

namespace carillon::runtime {
namespace {

void on_owner(const Environment& environment, const xmpp::Jid& bare, std::function<void(Dispatch&)> work) {
    const auto owner = environment.owner(bare);
    auto* host = environment.host(owner, bare.domain());
    if (!host) return;
    environment.shards[owner]->post([host, work = std::move(work)] { work(*host->dispatch); });
}

}  // namespace

void account_made(const Environment& environment, const xmpp::Jid& bare) {
    on_owner(environment, bare, [bare](Dispatch& dispatch) { dispatch.account_made(bare); });
}

awaitable<bool> remove_account(const Environment& environment, xmpp::Jid bare) {
    auto roster = co_await environment.storage->rosters().load(bare);
    const bool removed = co_await environment.storage->users().remove(bare);
    if (!removed) co_return false;
    on_owner(environment, bare,
             [bare, roster = std::move(roster)](Dispatch& dispatch) { dispatch.account_removed(bare, roster); });
    co_return true;
}

}  // namespace carillon::runtime
