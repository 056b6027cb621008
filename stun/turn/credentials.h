/// Who may use the TURN server: users with passwords, and time-limited ones made from a shared secret.
/// Spec: RFC 8489 §9.2.2 (keys of the long-term mechanism), §14.4 (USERHASH), §18.5 (password algorithms);
/// draft-uberti-behave-turn-rest-00 §2.2 (the user name is "expiry:name", the password base64(HMAC-SHA-1(secret,
/// name))). Not here: what is done with them (authentication.h).
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/secret.h"
#include "stun/message.h"

namespace carillon::stun::turn {

enum class PasswordAlgorithm : std::uint16_t { md5 = 1, sha256 = 2 };

/// The key for MESSAGE-INTEGRITY.
std::string long_term_key(PasswordAlgorithm algorithm, std::string_view user, std::string_view realm,
                          std::string_view password);
/// SHA-256(user ":" realm).
std::string userhash(std::string_view user, std::string_view realm);

enum class RestHash { sha1, sha256 };
/// The password of a time-limited user name.
std::string rest_password(std::string_view secret, std::string_view user_name, RestHash hash = RestHash::sha1);
/// "1790000000:name", good until then.
std::string rest_user_name(std::chrono::seconds expires, std::string_view name);

/// Threading: its shard.
class Credentials {
  public:
    struct Settings {
        std::string realm;
        std::vector<Secret> secrets;          ///< any of them counts: a new one is rolled in beside the old
        std::map<std::string, Secret> users;  ///< name to password
    };
    explicit Credentials(Settings settings);

    const std::string& realm() const { return settings_.realm; }
    bool anybody() const { return !settings_.secrets.empty() || !settings_.users.empty(); }

    /// A user name that may log in now: the passwords that count for it, and the name that its quota goes by.
    struct Known {
        std::string name;
        std::string quota_name;
        std::vector<std::string> passwords;
    };
    std::optional<Known> find(std::string_view user_name, std::chrono::seconds now) const;
    /// By USERHASH: of the users with passwords only, others are known by their names alone.
    std::optional<Known> find_hash(Bytes hash) const;

  private:
    Settings settings_;
    std::map<std::string, std::string> by_hash_;
};

}  // namespace carillon::stun::turn
