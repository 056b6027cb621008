/// The service: finds, makes and forgets rooms, and answers for itself.
/// Spec: XEP-0045 1.35.1 §6.1, §6.2 (discovering the service and its rooms), §10.1 (making a room).
/// Not here: what happens in a room (room.h).
#include "signaling/modules/muc/muc.h"

#include <openssl/rand.h>

#include <array>
#include <deque>
#include <stdexcept>

#include "signaling/modules/muc/directory.h"
#include "signaling/modules/muc/names.h"
#include "signaling/modules/muc/refusal.h"
#include "signaling/modules/muc/room.h"
#include "signaling/runtime/counters.h"
#include "signaling/runtime/shard.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace rooms {
namespace {

constexpr runtime::ModuleInfo kInfo{
    .name = "muc", .xep = 45, .version = "1.35.1", .summary = "rooms to talk in, at a domain of their own"};
constexpr std::size_t kLoadPage = 200;
constexpr std::size_t kMaxWaiting = 10'000;  // stanzas that wait for rooms to be loaded

std::string random_hex(std::size_t octets) {
    std::array<unsigned char, 32> raw{};
    if (RAND_bytes(raw.data(), static_cast<int>(octets)) != 1) throw std::runtime_error{"no random numbers"};
    constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < octets; ++i) {
        text += kHex[raw[i] >> 4];
        text += kHex[raw[i] & 15];
    }
    return text;
}

awaitable<void> erase_room(storage::RoomStore& store, Jid room) { co_await store.erase(std::move(room)); }

/// One instance a shard: holds the rooms whose bare JID the shard owns. The instance on the shard of the service's own
/// address keeps the list of public rooms as well.
class Muc final : public runtime::Module, public RoomHost {
  public:
    explicit Muc(runtime::ModuleContext& context)
        : context_{context}, settings_{read_room_settings(context)}, address_{address_of(context, settings_)} {
        hooks_ += context.item(address_, settings_.title);
        hooks_ += context.serve_domain(address_, [this](Stanza stanza) { take(std::move(stanza)); });
        context.spawn(load());
    }
    ~Muc() override {
        for (auto& [jid, room] : rooms_) {
            if (!room->ended()) room->shut_down();
        }
    }

    runtime::ModuleContext& context() override { return context_; }
    const Settings& settings() const override { return settings_; }
    const Jid& address() const override { return address_; }
    Room* room(const Jid& jid) override {
        const auto at = rooms_.find(jid);
        return at == rooms_.end() || at->second->ended() ? nullptr : at->second.get();
    }
    void list_room(const Jid& room, std::optional<std::string> name) override {
        context_.on_owner(runtime::owner_hash(address_), [room, name = std::move(name)](runtime::Module& there) {
            static_cast<Muc&>(there).directory_.set(room, name);
        });
    }
    void forget(const Jid& room) override {
        ended_.push_back(room);
        context_.spawn(erase_room(context_.storage().rooms(), room));
        if (!busy_) sweep_soon();
    }

  private:
    static Jid address_of(const runtime::ModuleContext& context, const Settings& settings) {
        auto text = settings.address.empty() ? "conference." + context.host().str() : settings.address;
        auto jid = Jid::parse(text);
        if (!jid) throw std::invalid_argument{"[module.muc] address: " + text + " is no domain"};
        return *jid;
    }

    void take(Stanza stanza) {
        if (stanza.to().is_domain()) return service(std::move(stanza));
        if (!loaded_) return wait(std::move(stanza));
        deliver(std::move(stanza));
    }

    void wait(Stanza stanza) {
        if (waiting_.size() >= kMaxWaiting) {
            context_.counter("not_loaded").add();
            return context_.reply_error(stanza, StanzaError::resource_constraint());
        }
        waiting_.push_back(std::move(stanza));
    }

    /// To the room; one that is still reading its history keeps its stanzas waiting.
    void deliver(Stanza stanza) {
        const auto jid = stanza.to().bare();
        if (const auto at = reading_.find(jid); at != reading_.end()) {
            if (at->second.size() >= kMaxWaiting)
                return context_.reply_error(stanza, StanzaError::resource_constraint());
            at->second.push_back(std::move(stanza));
            return;
        }
        auto* there = room(jid);
        if (!there) return nobody(std::move(stanza));
        if (there->needs_history()) {
            reading_[jid].push_back(std::move(stanza));
            return context_.spawn(read_history(jid));
        }
        run(*there, std::move(stanza));
    }

    void run(Room& there, Stanza stanza) {
        busy_ = true;
        there.handle(std::move(stanza));
        busy_ = false;
        sweep();
    }

    awaitable<void> read_history(Jid jid) {
        if (auto* there = room(jid)) {
            try {
                co_await there->load_history();
            } catch (const storage::StorageError&) {
                context_.counter("history_unread").add();
            }
        }
        auto waiting = std::move(reading_[jid]);
        reading_.erase(jid);
        for (auto& stanza : waiting) deliver(std::move(stanza));
    }

    /// There is no such room: entering makes it.
    void nobody(Stanza stanza) {
        const bool enters =
            stanza.is_presence() && stanza.type().empty() && stanza.to().is_full() && stanza.element().child("x", kMuc);
        if (!enters) {
            if (stanza.is_presence() && !stanza.type().empty()) return;
            return context_.reply_error(stanza, StanzaError::item_not_found());
        }
        const auto creator = stanza.from().bare();
        if (auto refused = refuse_creation(creator, stanza.to())) {
            if (auto refusal = refusal_of(stanza, *refused)) context_.route(std::move(*refusal));
            return;
        }
        const auto jid = stanza.to().bare();
        auto& there =
            *rooms_.insert_or_assign(jid, std::make_unique<Room>(*this, jid, creator, random_hex(32))).first->second;
        there.begin();
        run(there, std::move(stanza));
    }

    std::optional<StanzaError> refuse_creation(const Jid& creator, const Jid& occupant) const {
        const bool local = creator.domain() == context_.host().domain();
        if (settings_.creators == "nobody" || (settings_.creators == "local" && !local))
            return StanzaError{"cancel", "not-allowed", "you may not make rooms here", {}};
        if (occupant.node().empty()) return StanzaError::item_not_found();
        std::size_t made = 0;
        for (const auto& [jid, room] : rooms_) made += room->creator() == creator;
        if (made >= settings_.rooms_per_user)
            return StanzaError::resource_constraint().with_text("you have made too many rooms");
        return std::nullopt;
    }

    void sweep_soon() {
        sweeper_ = context_.after(std::chrono::milliseconds{0}, [this] { sweep(); });
    }
    void sweep() {
        for (const auto& jid : std::exchange(ended_, {})) {
            // Somebody may have made it anew meanwhile.
            if (const auto at = rooms_.find(jid); at != rooms_.end() && at->second->ended()) rooms_.erase(at);
        }
    }

    awaitable<void> load() {
        auto& store = context_.storage().rooms();
        Jid last;
        try {
            for (;;) {
                const auto page = co_await store.load(address_.str(), last, kLoadPage);
                for (const auto& stored : page) restore(stored);
                if (page.size() < kLoadPage) break;
                last = page.back().room;
            }
        } catch (const storage::StorageError&) {
            // New rooms can be made all the same; what could not be read is read at the next start.
            context_.counter("rooms_unread").add();
        }
        loaded_ = true;
        for (auto& stanza : std::exchange(waiting_, {})) deliver(std::move(stanza));
    }

    void restore(const storage::StoredRoom& stored) {
        if (!context_.owns(stored.room)) return;
        auto room = std::make_unique<Room>(*this, stored);
        room->restored();
        rooms_[stored.room] = std::move(room);
    }

    // The service itself.
    void service(Stanza stanza) {
        if (!stanza.is_iq_request()) {
            if (stanza.is_message() && !stanza.is_error())
                context_.reply_error(stanza, StanzaError::service_unavailable());
            return;
        }
        const auto* payload = stanza.payload();
        auto answer = payload ? answer_for(stanza, *payload) : IqReply{std::unexpected{StanzaError::bad_request()}};
        if (!answer) return context_.reply_error(stanza, answer.error());
        auto result = Stanza::result_of(stanza);
        if (*answer) result.element().append(std::move(**answer));
        context_.route(std::move(result));
    }

    IqReply answer_for(const Stanza& iq, const xml::Element& payload) {
        if (iq.type() != "get") return std::unexpected{StanzaError::service_unavailable()};
        if (payload.is("query", kDiscoInfo)) return info(payload);
        if (payload.is("query", kDiscoItems)) {
            if (payload.has_attribute("node")) return std::unexpected{StanzaError::item_not_found()};
            return directory_.items(payload, settings_.page);
        }
        if (payload.is("ping", kPing)) return std::nullopt;
        if (payload.is("unique", kMucUnique)) {  // §10.1.4
            xml::Element unique{"unique", kMucUnique};
            unique.add_text(random_hex(16));
            return unique;
        }
        return std::unexpected{StanzaError::service_unavailable()};
    }

    IqReply info(const xml::Element& asked) const {
        if (asked.has_attribute("node")) return std::unexpected{StanzaError::item_not_found()};
        xml::Element query{"query", kDiscoInfo};
        query.add("identity").set("category", "conference").set("type", "text").set("name", settings_.title);
        for (const auto var : {kDiscoInfo, kDiscoItems, kMuc, kMucUnique, kSelfPing, kOccupantId, kDirectInvite, kRsm,
                               kPing, std::string_view{"urn:xmpp:mam:2"}, kStanzaId, kModerate})
            query.add("feature").set("var", var);
        return query;
    }

    runtime::ModuleContext& context_;
    Settings settings_;
    Jid address_;
    Directory directory_;
    std::unordered_map<Jid, std::unique_ptr<Room>> rooms_;
    std::unordered_map<Jid, std::deque<Stanza>> reading_;  // rooms that read their history
    std::deque<Stanza> waiting_;                           // until all is loaded
    std::vector<Jid> ended_;
    bool loaded_ = false;
    bool busy_ = false;
    runtime::Registration sweeper_;
    runtime::Registrations hooks_;
};

}  // namespace
}  // namespace rooms

runtime::ModuleDescriptor muc() {
    return {rooms::kInfo, [](runtime::ModuleContext& context) { return std::make_unique<rooms::Muc>(context); }};
}

}  // namespace carillon::modules
