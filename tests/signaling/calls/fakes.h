/// A host and a relay that do nothing by themselves: tests move time and let answers come.
#pragma once
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "signaling/calls/controller.h"
#include "signaling/calls/environment.h"
#include "tests/signaling/jingle/samples.h"
#include "tests/signaling/jingle/xml_text.h"

namespace carillon::test {

using calls::Side;

class FakeRelay final : public calls::MediaRelay {
  public:
    struct Opened {
        std::string call;
        calls::StreamSetup setup;
        Watcher watch;
        bool open = true;
    };

    void open(const std::string& call, calls::StreamSetup setup, Watcher watch, MediaRelay::Opened done) override {
        open_(call, std::move(setup), std::move(watch), std::move(done));
    }
    void update(const std::string&, const std::string& stream, Side side, calls::LegSetup leg, Updated done) override {
        updates.push_back({stream, side, std::move(leg)});
        answers.push_back([done, ok = !dead] { done(ok); });
    }
    void set_program(const std::string&, const std::string& stream, relay::api::Program program,
                     Updated done) override {
        programs.emplace_back(stream, std::move(program));
        answers.push_back([done, ok = !busy] { done(ok); });
    }
    void count(const std::string&, Counted done) override {
        answers.push_back([this, done] { done(counters); });
    }
    void close(const std::string&, const std::string& stream, Counted done) override {
        for (auto& each : streams)
            if (each.setup.stream == stream) each.open = false;
        answers.push_back([this, done, stream] {
            std::vector<calls::StreamCounters> own;
            for (const auto& each : counters)
                if (each.stream == stream) own.push_back(each);
            done(own);
        });
    }
    std::vector<std::string> video_codecs() const override { return video; }
    Place place(const std::string& call) const override { return {"w1", "0-" + call}; }
    void adopt(const std::string& call, const Place& at, const std::vector<std::string>& ids, Watcher watch) override {
        for (const auto& id : ids) {
            calls::StreamSetup setup;
            setup.stream = id;
            streams.push_back({call, std::move(setup), watch, true});
        }
        adopted.push_back(at);
    }
    std::size_t open_streams() const {
        return static_cast<std::size_t>(std::ranges::count(streams, true, &Opened::open));
    }

    struct Update {
        std::string stream;
        Side side;
        calls::LegSetup leg;
    };
    std::vector<Place> adopted;
    std::vector<Opened> streams;
    std::vector<Update> updates;
    std::vector<calls::StreamCounters> counters;
    std::deque<std::function<void()>> answers;  // run by Scene::settle()
    std::vector<std::pair<std::string, relay::api::Program>> programs;
    std::vector<std::string> video{"VP8", "VP9", "H264"};
    bool refuse = false;
    bool busy = false;    // no media program is taken
    bool dead = false;    // updates fail
    bool silent = false;  // never answers an open

  private:
    void open_(const std::string& call, calls::StreamSetup setup, Watcher watch, MediaRelay::Opened done) {
        if (silent) {
            late.push_back(std::move(done));
            return;
        }
        if (refuse || (busy && setup.program.kind != relay::api::Program::Kind::none)) {
            answers.push_back([done] { done(std::unexpected{std::string{"no ports"}}); });
            return;
        }
        const auto port = static_cast<std::uint16_t>(30000 + 4 * streams.size());
        streams.push_back({call, setup, std::move(watch), true});
        calls::StreamPorts ports{.worker = "w1", .told = {}};
        if (setup.bridged()) ports.fingerprint = "AB:CD";
        for (unsigned component = 1; component <= (setup.rtcp ? 2u : 1u); ++component) {
            const auto offset = static_cast<std::uint16_t>(component - 1);
            ports.told[0].push_back({component, "203.0.113.200", static_cast<std::uint16_t>(port + offset)});
            ports.told[1].push_back({component, "203.0.113.200", static_cast<std::uint16_t>(port + 2 + offset)});
        }
        for (std::size_t side = 0; over_tcp != 0 && setup.ice && side < 2; ++side)
            ports.told_tcp[side].push_back({1, "203.0.113.200", over_tcp, true});
        answers.push_back([done, ports] { done(ports); });
    }

  public:
    std::vector<MediaRelay::Opened> late;
    std::uint16_t over_tcp = 0;  ///< port; 0: none
};

class FakeHost : public calls::Environment {
  public:
    const calls::CallSettings& settings() const override { return settings_; }
    calls::CallPolicy& policy() override { return *policy_; }
    const Clock& clock() const override { return clock_; }
    void route(xmpp::Stanza stanza) override { routed.push_back(std::move(stanza)); }
    void reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) override {
        errors.emplace_back(std::string{request.id()}, std::string{error.condition});
    }
    void save(storage::CallRecord record) override { records[record.id].push_back(std::move(record)); }
    void save_quality(storage::CallQuality quality) override { sounds[quality.id] = std::move(quality); }
    void watch(const xmpp::Jid& full, const std::string& key, std::function<void(bool)> done) override {
        watched.insert(full.str() + ' ' + key);
        answers.push_back([this, full, done] { done(bound.contains(full.str())); });
    }
    void abilities(const xmpp::Jid& full, std::function<void(calls::Abilities)> done) override {
        answers.push_back([this, full, done] { done(declared[full.str()]); });
    }
    void forget(const xmpp::Jid& full, const std::string& key) override { watched.erase(full.str() + ' ' + key); }
    void wake() override {}
    std::shared_ptr<void> keep(const std::string& state) override { return keep_ ? keep_(state) : nullptr; }

    std::function<std::shared_ptr<void>(const std::string&)> keep_;
    calls::CallSettings settings_;
    calls::OpenPolicy open_policy_;
    calls::CallPolicy* policy_ = &open_policy_;
    ManualClock clock_;
    std::set<std::string> bound{"romeo@montague.example/orchard", "juliet@capulet.example/balcony"};
    std::map<std::string, calls::Abilities> declared;
    std::set<std::string> watched;
    std::vector<xmpp::Stanza> routed;
    std::vector<std::pair<std::string, std::string>> errors;  // id, condition
    std::map<std::string, std::vector<storage::CallRecord>> records;
    std::map<std::string, storage::CallQuality> sounds;  // by call
    std::deque<std::function<void()>> answers;
};

inline const std::string kRomeo = "romeo@montague.example/orchard";
inline const std::string kJuliet = "juliet@capulet.example/balcony";
inline const std::string kHost = "montague.example";

/// Romeo and Juliet on one server.
class Scene {
  public:
    Scene() { controller.attach(kHost, host); }

    /// Sends and lets everything that can answer do so. Says the IQ's id.
    std::string send(const std::string& from, const std::string& to, const std::string& jingle) {
        const auto id = post(from, to, jingle);
        settle();
        return id;
    }
    std::string post(const std::string& from, const std::string& to, const std::string& jingle) {
        auto iq = xmpp::Stanza::iq("set", "iq" + std::to_string(++next_id_), jid(from), jid(to));
        iq.element().append(parse_xml(jingle));
        const std::string id{iq.id()};
        controller.take(kHost, std::move(iq));
        return id;
    }
    void message(const std::string& from, const std::string& to, const std::string& inside) {
        auto stanza = xmpp::Stanza::message(jid(from), jid(to), "chat");
        stanza.element().append(parse_xml(inside));
        controller.observe(kHost, stanza);
        settle();
    }
    void settle() {
        while (!host.answers.empty() || !relay.answers.empty()) {
            auto& queue = host.answers.empty() ? relay.answers : host.answers;
            const auto answer = std::move(queue.front());
            queue.pop_front();
            answer();
        }
    }
    void pass(std::chrono::milliseconds time) {
        constexpr std::chrono::milliseconds kStep{500};
        for (auto gone = std::chrono::milliseconds{0}; gone < time; gone += kStep) {
            host.clock_.advance(kStep);
            controller.poll();
            settle();
        }
    }
    /// An established call.
    void browser_call(const std::string& sid) {
        send(kRomeo, kJuliet, browser_initiate(sid));
        send(kJuliet, kRomeo, browser_accept(sid));
    }

    static xmpp::Jid jid(const std::string& text) { return xmpp::Jid::parse(text).value(); }
    /// What went to `to`, oldest first.
    std::vector<xmpp::Stanza> to(const std::string& to) const {
        std::vector<xmpp::Stanza> out;
        for (const auto& stanza : host.routed)
            if (stanza.to().str() == to) out.push_back(stanza);
        return out;
    }
    /// The Jingle of the last stanza to `to`.
    jingle::Jingle last(const std::string& to) const {
        const auto stanzas = this->to(to);
        if (stanzas.empty()) return {};
        const auto* element = jingle::find_jingle(stanzas.back().element());
        return element ? jingle::parse(*element).value() : jingle::Jingle{};
    }
    /// Everything that `to` was ever sent, as text.
    std::string seen_by(const std::string& to) const {
        std::string out;
        for (const auto& stanza : this->to(to)) out += flatten(stanza.element());
        return out;
    }
    /// The newest record of the only call.
    storage::CallRecord record() const {
        return host.records.size() == 1 ? host.records.begin()->second.back() : storage::CallRecord{};
    }

    FakeRelay relay;
    FakeHost host;
    calls::Controller controller{&relay};

  private:
    int next_id_ = 0;
};

inline std::vector<jingle::Candidate> of_type(const jingle::Content& content, jingle::CandidateType type) {
    std::vector<jingle::Candidate> out;
    for (const auto& candidate : content.transport.candidates)
        if (candidate.type == type) out.push_back(candidate);
    return out;
}

inline std::string terminate(std::string_view sid, std::string_view reason) {
    return jingle("session-terminate", sid, "<reason><" + std::string{reason} + "/></reason>");
}

}  // namespace carillon::test
