/// SCRAM keys as they are stored instead of passwords.
/// Spec: RFC 5802 §3.
#pragma once
#include <cstdint>
#include <string>

namespace carillon::storage {

/// Binary strings. From these a password can be checked, but not recovered nor used elsewhere.
struct ScramKeys {
    std::string mechanism;  ///< SCRAM-SHA-1 or SCRAM-SHA-256
    std::string salt;
    std::uint32_t iterations = 0;
    std::string stored_key;
    std::string server_key;
};

}  // namespace carillon::storage
