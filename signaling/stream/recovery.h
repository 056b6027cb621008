/// Messages that an earlier process left behind, waiting for the client whose stream they were sent on: it may have
/// them, and says so when it tries to resume.
/// Spec: XEP-0198 §5 (the 'h' of <resume/> and <failed/>).
/// Not here: the files (journal/), delivery (router/).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/base/clock.h"
#include "signaling/session/local_session.h"

namespace carillon::stream {

/// Threading: the shard that owns the users.
class Recovery {
  public:
    /// `stream` handled so much of what `user` sent.
    void add_stream(const xmpp::Jid& user, std::uint64_t stream, std::uint32_t handled, SteadyTime until);
    /// Stanza number `sequence` of `stream`, sent to `user`.
    void add_message(const xmpp::Jid& user, std::uint64_t stream, std::uint32_t sequence, session::Undelivered message,
                     SteadyTime until);

    /// `user` wants `stream` back and has seen `h` of it: what it has is settled. How much was handled, if known.
    std::optional<std::uint32_t> resume(const xmpp::Jid& user, std::uint64_t stream, std::uint32_t h);
    /// The user is here: all that waits for them, in order.
    std::vector<session::Undelivered> take(const xmpp::Jid& user);
    /// Users whose time to come back is over.
    std::vector<xmpp::Jid> due(SteadyTime now) const;
    bool empty() const { return users_.empty(); }

  private:
    struct Waiting {
        std::uint64_t stream;
        std::uint32_t sequence;
        session::Undelivered message;
    };
    struct User {
        std::vector<Waiting> messages;
        std::map<std::uint64_t, std::uint32_t> handled;  // by stream
        SteadyTime until;
    };
    std::map<xmpp::Jid, User> users_;
};

}  // namespace carillon::stream
