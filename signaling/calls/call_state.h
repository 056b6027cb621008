/// A call as text, complete enough for another process to go on with it, and back.
/// Not here: where the text is kept (ledger.h).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/calls/call.h"

namespace carillon::calls {

/// Secrets stand in it as they are: SDES keys and ICE passwords.
std::string to_state(const Call& call, const MediaRelay::Place& place);

struct SavedCall {
    std::unique_ptr<Call> call;  ///< without deadlines, and without what waited
    MediaRelay::Place place;
};
/// nullopt when it is not what to_state() writes.
std::optional<SavedCall> from_state(std::string_view text);

}  // namespace carillon::calls
