#include "tests/signaling/scenarios/scenario.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <sstream>
#include <thread>

#include "signaling/xml/writer.h"

namespace carillon::scenarios {
namespace {

using namespace std::chrono_literals;

bool matches(const xml::Element& expected, const xml::Element& got) {
    if (expected.name() != got.name() || expected.ns() != got.ns()) return false;
    for (const auto& [name, value] : expected.attributes()) {
        if (value == "{none}" ? got.has_attribute(name) : !got.has_attribute(name)) return false;
        if (value != "{any}" && value != "{none}" && got.attribute(name) != value) return false;
    }
    const auto text = expected.text();
    if (text.find_first_not_of(" \n\t") != std::string::npos && text != got.text()) return false;
    auto candidates = got.children();
    for (const auto* child : expected.children()) {
        const auto at = std::find_if(candidates.begin(), candidates.end(),
                                     [&](const auto* candidate) { return matches(*child, *candidate); });
        if (at == candidates.end()) return false;
        candidates.erase(at);
    }
    return true;
}

std::vector<xml::Element> parse(const std::string& text) {
    xml::StreamParser parser;
    parser.feed("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" + text);
    std::vector<xml::Element> elements;
    for (;;) {
        auto event = parser.next();
        if (std::holds_alternative<xml::NeedMore>(event)) return elements;
        if (auto* element = std::get_if<xml::Element>(&event)) elements.push_back(std::move(*element));
        if (std::holds_alternative<xml::StreamFault>(event))
            throw std::runtime_error{"the script's XML is bad: " + text};
    }
}

class Runner {
  public:
    explicit Runner(World& world) : world_{world} {}

    void line(const std::string& who, const std::string& what, const std::string& block) {
        if (what == "connects") return connect(who);
        auto& actor = actors_.at(who);
        if (what == "sends") return actor.client->send(block);
        if (what == "receives") return receives(actor, block);
        if (what == "receives nothing") return receives_nothing(actor);
        if (what == "disconnects") return actor.client->disconnect();
        if (what == "closes") {
            actor.client->send("</stream:stream>");
            return expect_end(actor);
        }
        if (what == "is gone") return gone(who);
        constexpr std::string_view kClosed = "is closed with ";
        if (what.starts_with(kClosed)) return closed(actor, what.substr(kClosed.size()));
        throw std::runtime_error{"no such step"};
    }

  private:
    struct Actor {
        std::unique_ptr<Client> client;
        std::deque<xml::Element> waiting;  // read while looking for something else
    };

    void connect(const std::string& who) {
        const auto slash = who.find('/');
        actors_[who] = {world_.log_in(who.substr(0, slash), who.substr(slash + 1)), {}};
    }

    xml::Element next(Actor& actor) {
        if (actor.waiting.empty()) return actor.client->expect_element();
        auto element = std::move(actor.waiting.front());
        actor.waiting.pop_front();
        return element;
    }

    void receives(Actor& actor, const std::string& block) {
        for (const auto& expected : parse(block)) {
            const auto got = next(actor);
            if (!matches(expected, got)) throw std::runtime_error{"received instead: " + xml::to_string(got)};
        }
    }

    /// Whatever was under way has arrived once every client has been answered twice.
    void receives_nothing(Actor& actor) {
        for (int round = 0; round < 2; ++round) {
            for (auto& [name, other] : actors_) {
                if (!other.client->connected()) continue;
                for (auto& element : other.client->drain(world_.domain)) other.waiting.push_back(std::move(element));
            }
        }
        if (!actor.waiting.empty()) throw std::runtime_error{"received " + xml::to_string(actor.waiting.front())};
    }

    void closed(Actor& actor, const std::string& condition) {
        for (;;) {
            const auto got = next(actor);
            if (got.name() != "error" || got.ns() != "http://etherx.jabber.org/streams") continue;
            if (!got.child(condition)) throw std::runtime_error{"closed with " + xml::to_string(got)};
            return expect_end(actor);
        }
    }

    void expect_end(Actor& actor) {
        while (!std::holds_alternative<Client::Ended>(actor.client->next())) {
        }
        actor.client->disconnect();
    }

    void gone(const std::string& who) {
        const auto jid = who.substr(0, who.find('/')) + '@' + world_.domain + who.substr(who.find('/'));
        const auto until = std::chrono::steady_clock::now() + 5s;
        for (;;) {
            const auto sessions = world_.host->sessions();
            if (std::none_of(sessions.begin(), sessions.end(),
                             [&](const auto& session) { return session.jid == jid; })) {
                return;
            }
            if (std::chrono::steady_clock::now() > until) throw std::runtime_error{"is still there"};
            std::this_thread::sleep_for(5ms);
        }
    }

    World& world_;
    std::map<std::string, Actor> actors_;
};

std::string trimmed(const std::string& line) {
    const auto first = line.find_first_not_of(" \t\r");
    return first == std::string::npos ? std::string{} : line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

void run(World& world, std::string_view script) {
    Runner runner{world};
    std::istringstream in{std::string{script}};
    std::string step;
    std::string block;
    const auto perform = [&] {
        if (step.empty()) return true;
        const auto space = step.find(' ');
        try {
            runner.line(step.substr(0, space), step.substr(space + 1), block);
        } catch (const std::exception& error) {
            ADD_FAILURE() << step << ": " << error.what() << "\nexpected: " << block;
            return false;
        }
        return true;
    };
    for (std::string line; std::getline(in, line);) {
        line = trimmed(line);
        if (line.empty() || line.starts_with('#')) continue;
        if (line.starts_with('<')) {
            block += line;
            continue;
        }
        if (!perform()) return;
        step = line;
        block.clear();
    }
    perform();
}

}  // namespace carillon::scenarios
