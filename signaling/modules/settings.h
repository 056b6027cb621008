/// How a module reads its own table: problems end its making, and so the start or the reload, with all of them told.
#pragma once
#include <stdexcept>
#include <string>

#include "config/problem.h"
#include "config/schema.h"
#include "signaling/runtime/module.h"

namespace carillon::modules {

inline void read_settings(const runtime::ModuleContext& context, const config::Schema& schema, std::string_view name) {
    if (context.settings().is_null()) return;
    config::Problems problems;
    schema.read(context.settings(), "module." + std::string{name}, problems);
    if (!problems.empty()) throw std::invalid_argument{config::to_text(problems, {})};
}

}  // namespace carillon::modules
