/// Scenarios as text: who connects, sends and receives what, run against a World.
///
///     alice/desk connects
///     alice/desk sends
///         <message to='bob@localhost'><body>hello</body></message>
///     bob/phone receives
///         <message from='alice@localhost/desk'><body>hello</body></message>
///     bob/phone receives nothing
///
/// Other lines: `X disconnects` (without a word), `X closes` (the closing handshake), `X is closed with CONDITION`,
/// `X is gone` (waits until the server has ended the session).  `#` begins a comment.
/// What is expected is a part of what is received: attributes and children named must be there, others may be.
/// {any} stands for any value, {none} for an attribute that must be absent.
#pragma once
#include <string_view>

#include "tests/signaling/scenarios/world.h"

namespace carillon::scenarios {

/// Fails the running test, naming the line, at the first thing that is otherwise.
void run(World& world, std::string_view script);

}  // namespace carillon::scenarios
