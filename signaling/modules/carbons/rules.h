/// Which messages all of a user's devices should see.
/// Spec: XEP-0280 1.0.1 §6.1 (urn:xmpp:carbons:rules:0), XEP-0334 0.4 (no-copy), XEP-0353 (call messages).
/// Not here: who gets a copy (carbons.cpp); errors, which need to be known as answers (carbons.cpp).
#pragma once
#include "signaling/xmpp/stanza.h"

namespace carillon::modules {

enum class CopySide { sent, received };

/// Whether a message that is no error is to be copied.
bool wants_copies(const xmpp::Stanza& message, CopySide side);

}  // namespace carillon::modules
