/// What the phone says it can do: disco#info and the entity capabilities in its presence.
/// Spec: XEP-0030 §3; XEP-0115 §5 (verification string).
/// Not here: asking others.
#pragma once
#include <string>

#include "media/phone/element.h"

namespace carillon::phone::disco {

/// The <query/> of an answer. `node` is echoed as asked.
Element info(const std::string& node);
/// The <c/> for presence; its ver is the hash of info().
Element caps();

}  // namespace carillon::phone::disco
