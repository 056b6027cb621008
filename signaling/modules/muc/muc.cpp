/// Serves conference.DOMAIN: keeps the rooms of this shard, makes and loads them, gives stanzas to them.
/// Spec: XEP-0045 1.35.1 §6, §10.1.
/// Not here: what a room does (room.h), what the service answers (service.h).
#include "signaling/modules/muc/muc.h"

#include <openssl/rand.h>

#include <deque>

#include "config/base/log.h"
#include "signaling/modules/muc/names.h"
#include "signaling/modules/muc/refusal.h"
#include "signaling/modules/muc/room.h"
#include "signaling/modules/muc/service.h"
#include "signaling/runtime/fan_out.h"
#include "signaling/runtime/shard.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using namespace rooms;

constexpr ModuleInfo kInfo{
    .name = "muc", .xep = 45, .version = "1.35.1", .summary = "rooms to talk in, at a domain of their own"};
constexpr std::size_t kRoomsAtOnce = 500;
constexpr std::size_t kWaiting = 10'000;  ///< stanzas, while rooms are loaded

std::string random_hex(std::size_t octets) {
    std::vector<unsigned char> bytes(octets);
    if (RAND_bytes(bytes.data(), static_cast<int>(octets)) != 1)
        throw std::runtime_error{"the system gives no random numbers"};
    constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    for (const auto byte : bytes) {
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }
    return text;
}

class Muc final : public Module, public RoomHost {
  public:
    explicit Muc(ModuleContext& context)
        : context_{context},
          fan_out_{context.service<FanOut>()},
          settings_{read_room_settings(context)},
          address_{address_of(context, settings_)} {
        hooks_ += context.item(address_, settings_.title);
        hooks_ += context.serve_domain(address_, [this](Stanza stanza) { served(std::move(stanza)); });
        context.spawn(load());
    }
    ~Muc() override {
        for (auto& [jid, room] : rooms_) room->shut_down();
    }

    void set_listed(const Jid& room, std::optional<std::string> name) {
        if (name) {
            directory_[room] = std::move(*name);
        } else {
            directory_.erase(room);
        }
    }
    void list_all() {
        for (const auto& [jid, room] : rooms_) room->list();
    }

  private:
    static Jid address_of(const ModuleContext& context, const Settings& settings) {
        const auto name =
            settings.address.empty() ? "conference." + std::string{context.host().domain()} : settings.address;
        auto jid = Jid::parse(name);
        if (!jid) throw std::invalid_argument{"module.muc: " + name + " is no domain"};
        return std::move(*jid);
    }

    // RoomHost
    ModuleContext& context() override { return context_; }
    const Settings& settings() const override { return settings_; }
    void list_room(const Jid& room, std::optional<std::string> name) override {
        context_.on_owner(owner_hash(address_), [room, name = std::move(name)](Module& there) {
            static_cast<Muc&>(there).set_listed(room, name);
        });
    }
    void send_to_each(Stanza stanza, std::vector<Jid> to) override {
        if (fan_out_) return fan_out_->send(context_.shard(), std::move(stanza), std::move(to));
        for (auto& each : to) {
            auto copy = stanza;
            copy.set_to(std::move(each));
            context_.route(std::move(copy));
        }
    }
    void forget(const Jid& jid) override {
        const auto at = rooms_.find(jid);
        if (at == rooms_.end()) return;
        // It may be on the stack.
        graveyard_.push_back(std::move(at->second));
        rooms_.erase(at);
        burial_ = context_.after(std::chrono::milliseconds{0}, [this] { graveyard_.clear(); });
        context_.spawn(erase(context_.storage().rooms(), jid));
    }
    static awaitable<void> erase(storage::RoomStore& store, Jid room) { co_await store.erase(std::move(room)); }

    /// §6: the rooms of this shard, as they were before the start.
    awaitable<void> load() {
        Jid last;
        std::size_t count = 0;
        for (;;) {
            std::string domain{address_.domain()};
            const auto stored = co_await context_.storage().rooms().load(std::move(domain), last, kRoomsAtOnce);
            if (stored.empty()) break;
            for (const auto& each : stored) {
                if (!context_.owns(each.room)) continue;
                rooms_.try_emplace(each.room, std::make_shared<Room>(*this, each));
                ++count;
            }
            last = stored.back().room;
        }
        if (count > 0) log::info("rooms are open again", {{"rooms", count}, {"shard", context_.shard()}});
        loaded_ = true;
        list_all();
        // Whoever had loaded before this instance was there told nobody.
        if (context_.owns(address_)) {
            for (std::size_t i = 0; i < context_.shard_count(); ++i)
                context_.on_owner(i, [](Module& there) { static_cast<Muc&>(there).list_all(); });
        }
        auto waiting = std::exchange(waiting_, {});
        for (auto& stanza : waiting) served(std::move(stanza));
    }

    void served(Stanza stanza) {
        if (stanza.from().empty()) return;
        if (stanza.to().node().empty()) return for_service(stanza);
        if (!loaded_) {
            if (waiting_.size() < kWaiting) return waiting_.push_back(std::move(stanza));
            return context_.reply_error(stanza, StanzaError::resource_constraint());
        }
        const auto at = rooms_.find(stanza.to().bare());
        if (at == rooms_.end()) return for_no_room(std::move(stanza));
        for_room(at->second, std::move(stanza));
    }

    void for_room(const std::shared_ptr<Room>& found, Stanza stanza) {
        const auto room = found;  // it may end within
        const auto queue = reading_.find(room->jid());
        if (queue != reading_.end()) {
            if (queue->second.size() < kWaiting) return queue->second.push_back(std::move(stanza));
            return context_.reply_error(stanza, StanzaError::resource_constraint());
        }
        if (!room->needs_history()) return room->handle(std::move(stanza));
        reading_[room->jid()].push_back(std::move(stanza));
        context_.spawn(read_history(room));
    }

    awaitable<void> read_history(std::shared_ptr<Room> room) {
        try {
            co_await Room::load_history(room);
        } catch (const storage::StorageError& error) {
            log::error("a room's history could not be read", {{"room", room->jid().str()}, {"what", error.what()}});
        }
        room->history_read();
        auto queue = reading_.extract(room->jid());
        if (queue.empty()) co_return;
        for (auto& stanza : queue.mapped()) served(std::move(stanza));
    }

    void for_service(const Stanza& stanza) {
        if (!stanza.is_iq_request()) {
            if (stanza.is_message() && !stanza.is_error())
                context_.reply_error(stanza, StanzaError::service_unavailable());
            return;
        }
        if (!stanza.payload()) return context_.reply_error(stanza, StanzaError::bad_request());
        auto reply = answer_for_service(stanza, directory_, settings_);
        if (stanza.payload()->is("unique", kMucUnique)) {
            reply = xml::Element{"unique", kMucUnique};
            (*reply)->add_text(random_hex(16));
        }
        if (!reply) return context_.reply_error(stanza, reply.error());
        auto result = Stanza::result_of(stanza);
        if (*reply) result.element().append(std::move(**reply));
        context_.route(std::move(result));
    }

    void for_no_room(Stanza stanza) {
        const bool enters =
            stanza.is_presence() && stanza.type().empty() && stanza.to().is_full() && stanza.element().child("x", kMuc);
        if (enters) return make_room(std::move(stanza));
        if (stanza.is_presence() && !stanza.type().empty()) return;
        context_.reply_error(stanza, StanzaError::item_not_found());
    }

    /// §10.1: whoever enters a room that is not there makes it.
    void make_room(Stanza stanza) {
        const auto creator = stanza.from().bare();
        if (const auto refused = refuse_creation(creator)) {
            if (auto refusal = refusal_of(stanza, *refused)) context_.route(std::move(*refusal));
            return;
        }
        auto room = std::make_shared<Room>(*this, stanza.to().bare(), creator, random_hex(32));
        rooms_[room->jid()] = room;
        room->begin();
        room->handle(std::move(stanza));
    }

    std::optional<StanzaError> refuse_creation(const Jid& creator) {
        const bool local = creator.domain() == context_.host().domain();
        if (settings_.creators == "nobody" || (settings_.creators == "local" && !local))
            return StanzaError::not_allowed().with_text("you may not make rooms here");
        if (made_by(creator) < settings_.rooms_per_user) return std::nullopt;
        context_.counter("too_many_rooms").add();
        return StanzaError::resource_constraint().with_text("you have made too many rooms");
    }

    std::size_t made_by(const Jid& creator) const {
        std::size_t count = 0;
        for (const auto& [jid, room] : rooms_) count += room->creator() == creator;
        return count;
    }

    ModuleContext& context_;
    FanOut* fan_out_;
    const Settings settings_;
    const Jid address_;
    std::unordered_map<Jid, std::shared_ptr<Room>> rooms_;
    std::vector<std::shared_ptr<Room>> graveyard_;
    std::unordered_map<Jid, std::deque<Stanza>> reading_;  ///< what waits for a room's history
    std::deque<Stanza> waiting_;                           ///< what waits for the rooms to be loaded
    Directory directory_;                                  ///< on the shard that owns the service
    bool loaded_ = false;
    Registration burial_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor muc() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Muc>(context); }};
}

}  // namespace carillon::modules
