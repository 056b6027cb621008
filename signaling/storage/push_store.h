/// What is kept of devices that are to be woken.
/// Spec: XEP-0357 0.4.1 §5.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "signaling/xmpp/jid.h"

namespace carillon::storage {

using boost::asio::awaitable;

/// One device of a user at its push service. Service and node name it.
struct PushRegistration {
    xmpp::Jid service;
    std::string node;            ///< may be empty
    std::string form;            ///< publish options as a document, or empty
    unsigned failures = 0;       ///< of the service, in a row
    std::uint64_t messages = 0;  ///< since the device was here
};

class PushStore {
  public:
    virtual ~PushStore() = default;
    virtual awaitable<std::vector<PushRegistration>> load(xmpp::Jid user) = 0;  ///< in order of service and node
    /// Inserts or replaces. False when the user has `limit` others already.
    virtual awaitable<bool> put(xmpp::Jid user, PushRegistration registration, std::size_t limit) = 0;
    /// One, or all of that service when `node` is nothing.
    virtual awaitable<void> erase(xmpp::Jid user, xmpp::Jid service, std::optional<std::string> node) = 0;
    /// Keeps failures and messages of one that is there still.
    virtual awaitable<void> count(xmpp::Jid user, PushRegistration registration) = 0;
};

}  // namespace carillon::storage
