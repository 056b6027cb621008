#include "signaling/runtime/handler_registry.h"

#include "config/base/log.h"

namespace carillon::runtime {

Registration HandlerRegistry::add_iq(Target target, std::string_view type, std::string_view ns, std::string_view name,
                                     Iq handler) {
    Key key{target, type, ns, name};
    const auto [at, added] = iqs_.try_emplace(key, std::move(handler));
    if (!added) {
        throw std::logic_error{"two modules handle iq " + std::string{type} + " {" + std::string{ns} + "}" +
                               std::string{name}};
    }
    return Registration{[this, key = std::move(key)] { iqs_.erase(key); }};
}

const HandlerRegistry::Iq* HandlerRegistry::find_iq(Target target, std::string_view type, std::string_view ns,
                                                    std::string_view name) const {
    const auto at = iqs_.find(View{target, type, ns, name});
    return at == iqs_.end() ? nullptr : &at->second;
}

Registration HandlerRegistry::add_stranger_iq(std::string_view type, std::string_view ns, std::string_view name,
                                              StrangerIq handler) {
    Key key{Target::host, type, ns, name};
    if (!stranger_iqs_.try_emplace(key, std::move(handler)).second) {
        throw std::logic_error{"two modules handle strangers' iq {" + std::string{ns} + "}" + std::string{name}};
    }
    return Registration{[this, key = std::move(key)] { stranger_iqs_.erase(key); }};
}

const HandlerRegistry::StrangerIq* HandlerRegistry::find_stranger_iq(std::string_view type, std::string_view ns,
                                                                     std::string_view name) const {
    const auto at = stranger_iqs_.find(View{Target::host, type, ns, name});
    return at == stranger_iqs_.end() ? nullptr : &at->second;
}

Verdict HandlerRegistry::intercept(Stage stage, xmpp::Stanza& stanza) {
    const auto hooks = interceptors(stage).snapshot();
    for (const auto& hook : *hooks) {
        if (hook->removed) continue;
        auto verdict = Verdict::pass;
        guarded([&] { verdict = hook->call(stanza); });
        if (verdict == Verdict::taken) return verdict;
    }
    return Verdict::pass;
}

void HandlerRegistry::guarded(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::exception& error) {
        log::error("a module's handler threw", {{"what", error.what()}});
    }
}

}  // namespace carillon::runtime
