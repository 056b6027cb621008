/// What the modules of one virtual host registered on this shard: IQ handlers, interceptors, session events, keepers of
/// undelivered messages.
/// Not here: when each is called (router/, session/); declarations for disco (disco_registry.h).
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "signaling/runtime/liveness.h"
#include "signaling/runtime/module.h"

namespace carillon::runtime {

/// An ordered list of callbacks that may be changed while it is being walked: what is removed is skipped at once, what
/// is added joins the next walk.
template <class F>
class HookList {
  public:
    struct Hook {
        int priority = 0;
        F call;
        std::shared_ptr<Liveness> owner;
        bool removed = false;
    };

    Registration add(int priority, F call, std::shared_ptr<Liveness> owner) {
        auto hook = std::make_shared<Hook>(Hook{priority, std::move(call), std::move(owner)});
        auto changed = std::make_shared<std::vector<std::shared_ptr<Hook>>>(*hooks_);
        const auto at = std::upper_bound(changed->begin(), changed->end(), priority,
                                         [](int value, const auto& other) { return value < other->priority; });
        changed->insert(at, hook);
        hooks_ = std::move(changed);
        return Registration{[this, hook] {
            hook->removed = true;
            auto rest = std::make_shared<std::vector<std::shared_ptr<Hook>>>(*hooks_);
            std::erase(*rest, hook);
            hooks_ = std::move(rest);
        }};
    }
    /// A snapshot to walk; check `removed` before each call.
    std::shared_ptr<const std::vector<std::shared_ptr<Hook>>> snapshot() const { return hooks_; }
    bool empty() const { return hooks_->empty(); }

  private:
    std::shared_ptr<std::vector<std::shared_ptr<Hook>>> hooks_ = std::make_shared<std::vector<std::shared_ptr<Hook>>>();
};

/// Threading: its shard.
class HandlerRegistry {
  public:
    struct Iq {
        IqHandler now;  ///< one of the two is set
        AsyncIqHandler later;
        std::shared_ptr<Liveness> owner;
    };

    /// Throws std::logic_error when the key has an owner already.
    Registration add_iq(Target target, std::string_view type, std::string_view ns, std::string_view name, Iq handler);
    /// The handler of an IQ request's payload, or nullptr.
    const Iq* find_iq(Target target, std::string_view type, std::string_view ns, std::string_view name) const;

    struct StrangerIq {
        StrangerHandler handler;
        std::shared_ptr<Liveness> owner;
    };
    /// As add_iq(), for IQs before log-in.
    Registration add_stranger_iq(std::string_view type, std::string_view ns, std::string_view name, StrangerIq handler);
    const StrangerIq* find_stranger_iq(std::string_view type, std::string_view ns, std::string_view name) const;

    HookList<Interceptor>& interceptors(Stage stage) { return stage == Stage::from_local ? from_local_ : to_local_; }
    HookList<SessionEvents>& session_events() { return session_events_; }
    HookList<UndeliveredHandler>& undelivered() { return undelivered_; }

    /// Runs the interceptors of a stage in order, until one takes the stanza.
    Verdict intercept(Stage stage, xmpp::Stanza& stanza);
    /// Runs one event for every listener.
    template <class... Args>
    void fire(std::function<void(Args...)> SessionEvents::* event, std::type_identity_t<Args>... args) {
        const auto hooks = session_events_.snapshot();
        for (const auto& hook : *hooks) {
            if (!hook->removed && hook->call.*event) guarded([&] { (hook->call.*event)(args...); });
        }
    }

  private:
    using Key = std::tuple<Target, std::string, std::string, std::string>;
    using View = std::tuple<Target, std::string_view, std::string_view, std::string_view>;
    struct Less {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return view(a) < view(b);
        }
        static View view(const Key& key) { return {get<0>(key), get<1>(key), get<2>(key), get<3>(key)}; }
        static View view(const View& key) { return key; }
    };
    /// A handler that throws loses its own request only.
    static void guarded(const std::function<void()>& call);

    std::map<Key, Iq, Less> iqs_;
    std::map<Key, StrangerIq, Less> stranger_iqs_;  // all of Target::host
    HookList<Interceptor> from_local_;
    HookList<Interceptor> to_local_;
    HookList<SessionEvents> session_events_;
    HookList<UndeliveredHandler> undelivered_;
};

}  // namespace carillon::runtime
