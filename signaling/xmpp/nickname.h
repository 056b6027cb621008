/// When two nicknames look alike.
/// Spec: XEP-0045 1.35.1 §7.2.1 (nicks are resources), §14.4 (lookalikes); Unicode TR39 §4 in spirit.
#pragma once
#include <string>
#include <string_view>

namespace carillon::xmpp {

/// Two nicks with one skeleton are hard to tell apart: case, width, composition, spaces, invisible characters and
/// letters of Cyrillic and Greek that look like Latin ones make no difference.
std::string nick_skeleton(std::string_view nick);

/// Whether a prepared resource will do as a nick: something is to be seen of it, and nothing in it turns the writing
/// of what follows.
bool is_proper_nick(std::string_view nick);

}  // namespace carillon::xmpp
