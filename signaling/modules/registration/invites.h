/// Invitations that users and admins make from their clients.
/// Spec: XEP-0401 0.6.0.
/// Not here: what they let somebody do (signup.h, pars.h).
#pragma once
#include <expected>

#include "signaling/modules/registration/settings.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {

/// Threading: its module's shard.
class Invites {
  public:
    Invites(runtime::ModuleContext& context, const RegistrationSettings& settings);

  private:
    using Reply = runtime::awaitable<runtime::CommandReply>;
    Reply invite(runtime::CommandCall call);
    Reply create_account(runtime::CommandCall call);
    Reply finish(storage::Invite invite, std::size_t limit);

    runtime::ModuleContext& context_;
    const RegistrationSettings& settings_;
    std::string web_;
    runtime::Registrations hooks_;
};

}  // namespace carillon::modules
