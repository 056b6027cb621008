/// How a virtual host keeps voicemail; [module.endpoints].
#pragma once
#include <chrono>
#include <cstddef>
#include <string>

#include "config/units.h"

namespace carillon::calls {

struct VoicemailSettings {
    bool enabled = false;
    config::Duration after = std::chrono::seconds{20};    ///< without an answer; each user may say otherwise
    config::Duration longest = std::chrono::minutes{3};   ///< of one recording
    config::Duration silence = std::chrono::seconds{5};   ///< that ends one
    config::Duration keep = std::chrono::hours{24} * 30;  ///< 0: for ever
    std::size_t quota = 20 * 1024 * 1024;                 ///< octets of one user's recordings; 0: no bound
    std::size_t messages = 100;                           ///< in one user's box
    std::string greeting;                                 ///< a file for who has none of their own; empty: tones
    std::string sounds;                                   ///< a folder of announcements; empty: tones
};

}  // namespace carillon::calls
