#include "signaling/modules/administration/shutdown.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>

#include "config/base/log.h"

namespace carillon::modules::administrative {

using namespace runtime;
using xmpp::StanzaError;

namespace {

constexpr unsigned kLongest = 3600;

std::optional<std::chrono::seconds> delay_of(const std::string& text) {
    unsigned seconds = 0;
    const auto* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, seconds);
    if (error != std::errc{} || at != end || seconds > kLongest) return std::nullopt;
    return std::chrono::seconds{seconds};
}

}  // namespace

Command Shutdown::command() {
    return {"shutdown",
            "Shut down the service",
            "When the service ends, and what all who are online are told before.",
            {{"delay", "Seconds until then", "list-single", true, {"30", "60", "90", "120", "180", "240", "300"}},
             {"announcement", "What is to be said", "text-multi", false}},
            [this](xmpp::Jid admin, Form form) { return plan(std::move(admin), std::move(form)); }};
}

awaitable<Outcome> Shutdown::plan(xmpp::Jid admin, Form form) {
    const auto delay = delay_of(form.first("delay"));
    if (!delay)
        co_return Outcome{std::unexpect, StanzaError::not_acceptable().with_text("That is no number of seconds.")};
    const auto text = lines_of(form, "announcement");
    if (!text.empty()) announcements_.tell_all_online({}, text);
    log::warning("the service ends", {{"by", admin.bare().str()}, {"seconds", delay->count()}});
    planned_ = context_.after(*delay, [] { ::kill(::getpid(), SIGTERM); });
    co_return note("The service ends in " + std::to_string(delay->count()) + " seconds.");
}

}  // namespace carillon::modules::administrative
