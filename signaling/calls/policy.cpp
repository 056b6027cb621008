#include "signaling/calls/policy.h"

namespace carillon::calls {

std::string_view to_string(RelayMode mode) {
    switch (mode) {
        case RelayMode::always:
            return "always";
        case RelayMode::fallback:
            return "fallback";
        case RelayMode::never:
            return "never";
    }
    return "never";
}

std::optional<RelayMode> relay_mode(std::string_view text) {
    if (text == "always") return RelayMode::always;
    if (text == "fallback") return RelayMode::fallback;
    if (text == "never") return RelayMode::never;
    return std::nullopt;
}

std::string_view to_string(BridgeMode mode) {
    switch (mode) {
        case BridgeMode::automatic:
            return "auto";
        case BridgeMode::always:
            return "always";
        case BridgeMode::never:
            return "never";
    }
    return "never";
}

std::optional<BridgeMode> bridge_mode(std::string_view text) {
    if (text == "auto") return BridgeMode::automatic;
    if (text == "always") return BridgeMode::always;
    if (text == "never") return BridgeMode::never;
    return std::nullopt;
}

std::string_view to_string(TranscodeMode mode) {
    switch (mode) {
        case TranscodeMode::automatic:
            return "auto";
        case TranscodeMode::always:
            return "always";
        case TranscodeMode::never:
            return "never";
    }
    return "never";
}

std::optional<TranscodeMode> transcode_mode(std::string_view text) {
    if (text == "auto") return TranscodeMode::automatic;
    if (text == "always") return TranscodeMode::always;
    if (text == "never") return TranscodeMode::never;
    return std::nullopt;
}

}  // namespace carillon::calls
