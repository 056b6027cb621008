/// What the phone says it can do: disco#info and the entity capabilities in its presence.
/// Spec: XEP-0030 §3; XEP-0115 §5 (verification string).
/// Not here: asking others.
#pragma once
#include <string>

#include "media/phone/element.h"

namespace carillon::phone::disco {

/// Ways for media that are declared.
struct Media {
    bool ice = true;
    bool raw = true;
    bool dtls = true;
};

/// The <query/> of an answer. `node` is echoed as asked.
Element info(const std::string& node, const Media& media = {});
/// The <c/> for presence; its ver is the hash of info().
Element caps(const Media& media = {});

}  // namespace carillon::phone::disco
