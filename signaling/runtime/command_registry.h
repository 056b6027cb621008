/// Ad-hoc commands that modules offer on a virtual host.
/// Spec: XEP-0050 1.3.0.
/// Not here: the protocol (modules/commands).
#pragma once
#include <list>
#include <string>

#include "signaling/runtime/module.h"

namespace carillon::runtime {

/// Threading: its shard.
class CommandRegistry {
  public:
    /// Two commands of one node: std::logic_error.
    Registration add(AdHocCommand command) {
        if (find(command.node)) throw std::logic_error{"two modules offer the command " + command.node};
        const auto at = commands_.insert(commands_.end(), std::move(command));
        return Registration{[this, at] { commands_.erase(at); }};
    }
    const AdHocCommand* find(std::string_view node) const {
        for (const auto& command : commands_) {
            if (command.node == node) return &command;
        }
        return nullptr;
    }
    const std::list<AdHocCommand>& all() const { return commands_; }

  private:
    std::list<AdHocCommand> commands_;
};

}  // namespace carillon::runtime
