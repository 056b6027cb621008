#include "media/phone/commands.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <csignal>
#include <iostream>

#include "codecs/resample/resampler.h"
#include "media/phone/endpoint.h"
#include "media/phone/namespaces.h"
#include "media/quality/similarity.h"

namespace carillon::phone {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPoll{5};
constexpr unsigned kCompareRate = 8000;

volatile std::sig_atomic_t interrupted = 0;

void on_signal(int) noexcept { interrupted = 1; }

int complain(const std::string& what) {
    std::cerr << "carillon-phone: " << what << '\n';
    return 1;
}

void print(const CallSummary& summary, bool json) {
    std::cout << (json ? to_json(summary) : to_text(summary)) << std::endl;
}

/// After the end the stream has to carry the last stanzas away.
void linger(Endpoint& endpoint) {
    const auto until = Clock::now() + std::chrono::milliseconds{200};
    while (Clock::now() < until) endpoint.poll(kPoll);
}

int login(Account& account) {
    std::map<std::string, std::string> online;
    bool roster_known = false;
    account.on_stanza([&](const Element& stanza) {
        if (stanza.name() == "presence" && stanza.attribute("type").empty()) {
            const auto* show = stanza.child("show");
            online[stanza.attribute("from")] = show ? show->text() : "online";
        }
    });
    std::cout << "logged in as " << account.jid() << '\n';
    Element query{"iq", ns::kClient};
    query.set("type", "get").add(Element{"query", ns::kRoster});
    account.request(std::move(query), [&](const auto& result) {
        roster_known = true;
        const auto* roster = result ? result->child("query", ns::kRoster) : nullptr;
        if (!roster) return;
        std::cout << "roster: " << roster->children().size() << " contacts\n";
        for (const auto& item : roster->children()) {
            std::cout << "  " << item.attribute("jid") << " (" << item.attribute("subscription") << ")\n";
        }
    });
    account.send(Element{"presence", ns::kClient});
    const auto until = Clock::now() + std::chrono::seconds{1};
    const auto latest = Clock::now() + std::chrono::seconds{10};
    while (Clock::now() < latest && (!roster_known || Clock::now() < until)) account.poll(kPoll);
    for (const auto& [jid, show] : online) std::cout << "available: " << jid << " (" << show << ")\n";
    account.close();
    return roster_known ? 0 : complain("the server did not answer in time");
}

int call(Account& account, const ProgramOptions& options) {
    EventQueue events;
    Endpoint endpoint{account, events, options.call};
    endpoint.go_online();
    if (const auto placed = endpoint.place(options.peer); !placed) {
        account.close();
        return complain(placed.error());
    }
    while (!endpoint.call()->done()) {
        endpoint.poll(kPoll);
        if (interrupted) endpoint.call()->hang_up();
    }
    const auto summary = endpoint.call()->summary();
    linger(endpoint);
    account.close();
    print(summary, options.json);
    return summary.ok ? 0 : 1;
}

int answer(Account& account, const ProgramOptions& options) {
    EventQueue events;
    Endpoint endpoint{account, events, options.call};
    endpoint.answer_calls(true);
    endpoint.go_online();
    std::cerr << "online as " << account.jid() << ", waiting for calls" << std::endl;
    unsigned taken = 0;
    bool all_ok = true;
    auto idle_since = Clock::now();
    const auto patience = std::chrono::duration<double>(options.idle_seconds);
    while (!interrupted && account.connected() && (options.count == 0 || taken < options.count)) {
        endpoint.poll(kPoll);
        if (const auto finished = endpoint.take_finished()) {
            const auto summary = finished->summary();
            print(summary, options.json);
            ++taken;
            all_ok = all_ok && (summary.ok || options.call.reject || options.call.ring_only);
            idle_since = Clock::now();
        }
        if (endpoint.call()) idle_since = Clock::now();
        if (options.idle_seconds > 0 && Clock::now() - idle_since > patience) {
            account.close();
            return complain("no call came in time");
        }
    }
    if (endpoint.call()) {
        endpoint.call()->hang_up();
        print(endpoint.call()->summary(), options.json);
    }
    const bool lost = !account.connected();
    linger(endpoint);
    account.close();
    if (lost) return complain("the server closed the connection");
    return all_ok ? 0 : 1;
}

int compare(const ProgramOptions& options) {
    const auto sent = wav::load(options.sent);
    const auto received = wav::load(options.received);
    if (!sent) return complain(sent.error());
    if (!received) return complain(received.error());
    const auto a = codecs::resample(sent->samples, sent->sample_rate, kCompareRate);
    const auto b = codecs::resample(received->samples, received->sample_rate, kCompareRate);
    const auto result = quality::compare(a, b, kCompareRate);
    if (options.json) {
        std::cout << fmt::format(
            "{{\"correlation\":{:.4f},\"whole\":{:.4f},\"lag_ms\":{:.1f},\"overlap_seconds\":{:.2f}}}\n",
            result.correlation, result.whole, result.lag_seconds * 1000, result.overlap_seconds);
    } else {
        std::cout << fmt::format(
            "correlation {:.3f} (with one lag {:.3f}), received {:.0f} ms later, {:.1f} s compared\n",
            result.correlation, result.whole, result.lag_seconds * 1000, result.overlap_seconds);
    }
    return result.correlation >= options.least ? 0 : 1;
}

}  // namespace

int run(const ProgramOptions& options) {
    if (options.command == Command::compare) return compare(options);
    std::signal(SIGINT, &on_signal);
    std::signal(SIGTERM, &on_signal);
    Account account{options.account};
    if (options.command == Command::register_account) {
        const auto done = account.register_account();
        if (!done) return complain(done.error());
        std::cout << "registered " << bare(options.account.jid) << '\n';
        return 0;
    }
    if (const auto connected = account.connect(); !connected) return complain(connected.error());
    switch (options.command) {
        case Command::login:
            return login(account);
        case Command::call:
            return call(account, options);
        default:
            return answer(account, options);
    }
}

}  // namespace carillon::phone
