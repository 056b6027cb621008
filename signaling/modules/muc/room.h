/// One room: who is in it, who may what, and what happens to a stanza that comes for it.
/// Spec: XEP-0045 1.35.1.
/// Not here: the service (muc.cpp), the way to the disk (room_state.cpp), building of <x/> elements (room_x.h).
/// The parts of the class: room.cpp (finding, sending), room_join.cpp, room_presence.cpp, room_leave.cpp,
/// room_message.cpp, room_invite.cpp, room_admin.cpp, room_owner.cpp, room_disco.cpp, room_register.cpp,
/// room_relay.cpp, room_archive.cpp, room_hats.cpp, room_state.cpp.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "signaling/modules/muc/bucket.h"
#include "signaling/modules/muc/hats.h"
#include "signaling/modules/muc/history.h"
#include "signaling/modules/muc/privileges.h"
#include "signaling/modules/muc/room_config.h"
#include "signaling/modules/muc/settings.h"
#include "signaling/runtime/module.h"
#include "signaling/session/archive_query.h"
#include "signaling/storage/room_store.h"
#include "signaling/storage/storage.h"

namespace carillon::modules::rooms {

using runtime::awaitable;
using runtime::IqReply;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

/// One connection of an occupant's.
struct OccupantSession {
    Jid jid;                ///< full
    xml::Element presence;  ///< as it goes to the others, without addresses and what the room adds
    Bucket messages;
    Bucket presences;
    bool update_waits = false;  ///< a presence came too soon after others: the last one is shown later
};

/// A nick in the room, and whoever has it: several connections of one user may share it.
struct Occupant {
    std::string nick;
    std::string skeleton;  ///< what other nicks must not be like
    Jid in_room;           ///< room@service/nick
    Jid real;              ///< bare
    std::string id;        ///< XEP-0421
    Role role = Role::none;
    std::vector<OccupantSession> sessions;  ///< the one shown to the others is the last

    OccupantSession* session(const Jid& full);
};

struct AffiliationEntry {
    Affiliation affiliation = Affiliation::none;
    std::string nick;  ///< reserved (§7.10)
    std::string reason;
};

class Room;

/// What a room needs of its service.
/// Threading: the room's shard.
class RoomHost {
  public:
    virtual ~RoomHost() = default;
    virtual runtime::ModuleContext& context() = 0;
    virtual const Settings& settings() const = 0;
    /// Shown in the list of rooms under that name; nothing: not shown.
    virtual void list_room(const Jid& room, std::optional<std::string> name) = 0;
    /// A copy of `stanza` to each of `to`.
    virtual void send_to_each(Stanza stanza, std::vector<Jid> to) = 0;
    /// Nobody and nothing holds that room any longer: it goes when the stanza under way has been dealt with.
    virtual void forget(const Jid& room) = 0;
};

/// Threading: the shard that owns its bare JID.
class Room : public std::enable_shared_from_this<Room> {
  public:
    Room(RoomHost& host, Jid jid, Jid creator, std::string secret);
    /// As it was kept.
    Room(RoomHost& host, const storage::StoredRoom& stored);

    const Jid& jid() const { return jid_; }
    const Jid& creator() const { return creator_; }
    void handle(Stanza stanza);
    /// Somebody has made it just now by entering it (§10.1).
    void begin();
    /// Everybody goes: the service ends (status 332).
    void shut_down();
    bool ended() const { return ended_; }
    /// Tells the service whether and how it is listed.
    void list() const;

    /// History of before the start is read from the archive before the first stanza is dealt with.
    bool needs_history() const { return needs_history_; }
    void history_read() { needs_history_ = false; }
    static awaitable<void> load_history(std::shared_ptr<Room> room);

    const RoomConfig& config() const { return config_; }
    std::size_t occupants() const { return occupants_.size(); }

  private:
    struct Change;  // of role or affiliation (room_admin.cpp)
    struct Removal {
        std::vector<int> codes{};
        std::optional<Affiliation> affiliation{};
        std::string reason{};
        std::string actor{};     ///< nick
        std::string new_nick{};  ///< with 303
        std::optional<xml::Element> destroy{};
        std::optional<xml::Element> last_presence{};
    };

    enum class Entry { first, creates, again };

    // room.cpp
    Occupant* find(std::string_view nick);
    Occupant* occupant_of(const Jid& full);
    Affiliation affiliation(const Jid& bare) const;
    Standing standing(const Jid& full);
    bool sees_jids(const Occupant& who) const { return config_.nonanonymous || who.role == Role::moderator; }
    std::string occupant_id(const Jid& bare) const;
    void send(Stanza stanza);
    /// To all connections of those whom `wanted` (of an Occupant) chooses.
    template <class Wanted>
    void send_to(const Stanza& stanza, Wanted wanted) {
        std::vector<Jid> to;
        to.reserve(by_session_.size());
        for (const auto& [nick, who] : occupants_) {
            if (!wanted(*who)) continue;
            for (const auto& session : who->sessions) to.push_back(session.jid);
        }
        if (!to.empty()) host_.send_to_each(stanza, std::move(to));
    }
    void send_to_all(const Stanza& stanza) {
        send_to(stanza, [](const Occupant&) { return true; });
    }
    /// To all others, as each may see addresses.
    void send_to_others(const Occupant& who, const Stanza& hidden, const Stanza& open);
    void error(const Stanza& stanza, const StanzaError& error);
    bool is_shown(const Occupant& who) const { return config_.broadcast.contains(who.role); }
    std::size_t sessions_of(const Jid& bare) const;

    // room_presence.cpp
    void presence(Stanza stanza);
    void presence_error(const Stanza& stanza);
    void update(Occupant& who, OccupantSession& session, const Stanza& stanza);
    void show_later();
    /// Shows an occupant to all, himself included.
    void show(Occupant& who, std::span<const int> codes = {}, const Removal* why = nullptr);
    /// What `to` sees of `who`. `type` unavailable: with the occupant's last state replaced by `why`.
    Stanza presence_of(const Occupant& who, const Jid& to, bool with_jid, bool own, std::span<const int> codes,
                       const Removal* why = nullptr, bool gone = false) const;
    void broadcast(const Occupant& who, std::span<const int> codes, const Removal* why, bool gone);

    // room_join.cpp
    void join(const Stanza& stanza, const xml::Element& x);
    std::optional<StanzaError> refuse_entry(const Stanza& stanza, const xml::Element& x) const;
    std::optional<StanzaError> refuse_nick(std::string_view nick, const Jid& bare) const;
    Occupant& add_session(const Stanza& stanza);
    void greet(Occupant& who, const Jid& full, const xml::Element& x, Entry entry);
    void broadcast_joined(Occupant& who, const Jid& full, std::span<const int> codes);
    void change_nick(Occupant& who, const Stanza& stanza);
    void send_history(const Jid& to, const xml::Element& x);
    void send_subject(const Jid& to);
    void send_avatar_hash(const Jid& to);

    // room_leave.cpp
    void leave(Occupant& who, const Jid& full, const Stanza* last, std::vector<int> codes = {});
    void remove(Occupant& who, Removal why);
    void drop(Occupant& who);
    void end_if_empty();
    void end();

    // room_message.cpp
    void message(Stanza stanza);
    void groupchat(Occupant& who, Stanza stanza);
    void subject(Occupant& who, Stanza stanza);
    void private_message(Occupant& who, Stanza stanza);
    void message_error(Stanza stanza);
    /// Stamps what is said in the room, sends it to all and keeps it.
    enum class Keep { nowhere, archive, all };
    void say(Stanza message, Keep where);
    xml::Element cleaned(const xml::Element& element) const;
    void replayed(Stanza stanza);

    // room_invite.cpp
    bool invitation(const Stanza& stanza);
    void invite(const Stanza& stanza, const xml::Element& x);
    void decline(const Stanza& stanza, const xml::Element& decline);
    bool voice(const Stanza& stanza);
    void request_voice(const Stanza& stanza);
    void approve_voice(const Stanza& stanza, const xml::Element& form);

    // room_admin.cpp
    IqReply admin(const Stanza& iq);
    IqReply read_list(const Stanza& iq);
    std::expected<Change, StanzaError> check_change(const xml::Element& item, const Jid& actor);
    std::optional<StanzaError> last_owner_goes(std::span<const Change> changes) const;
    void apply(const Change& change, const std::string& actor);
    void hide(const Occupant& who);
    void release_nick(const Jid& bare, AffiliationEntry& entry);
    void set_role(Occupant& who, Role role, const Removal& why);
    void set_affiliation(const Jid& bare, Affiliation wanted, const Removal& why);
    void affiliation_changed(const Jid& bare, Affiliation before, Affiliation now, const Removal& why);
    void tell_affiliation(const Jid& bare, Affiliation now, const Removal& why);

    // room_owner.cpp
    IqReply owner(const Stanza& iq);
    IqReply submit(const Stanza& iq, const xml::Element& form);
    IqReply destroy(const xml::Element& destroy);
    std::optional<StanzaError> take_owners(const Submitted& submitted);
    void configured(const RoomConfig& before);
    void tell_status(std::span<const int> codes);
    void unlock();

    // room_disco.cpp
    void iq(Stanza stanza);
    IqReply answer(const Stanza& iq);
    IqReply info(const Stanza& iq);
    xml::Element info_form() const;
    IqReply items(const Stanza& iq);
    IqReply vcard(const Stanza& iq);

    // room_register.cpp
    IqReply registration(const Stanza& iq);
    IqReply register_nick(const Stanza& iq, const xml::Element& query);
    void reserve_nick(const Jid& bare, const std::string& nick);
    void ask_for_approval(const Jid& who, std::string_view nick);
    bool approve_registration(const Stanza& stanza, const xml::Element& form);

    // room_hats.cpp
    bool may_command(const Jid& full, std::string_view node);
    xml::Element list_commands(const Jid& asker);
    IqReply command(const Stanza& iq);
    std::optional<StanzaError> change_hats(std::string_view command, const xml::Element& form);
    std::optional<StanzaError> hats_changed(const std::vector<Jid>& wearers, bool list);

    // room_relay.cpp
    void relay(Stanza stanza);
    void relay_request(Occupant& from, const Jid& asker, Occupant& to, Stanza iq);
    Occupant* any_of_user(const Jid& bare);
    void relay_answer(Occupant& from, Stanza iq);
    std::string tag_of(const Jid& full) const;

    // room_archive.cpp
    void give(const session::ArchiveRequest& request, const storage::ArchivedMessage& message, const Jid& to);
    bool may_read_archive(const Jid& full);
    // Coroutines hold the room: it may have ended when they go on.
    static awaitable<void> query_archive(std::shared_ptr<Room> room, Stanza iq);
    static awaitable<void> archive_ends(std::shared_ptr<Room> room, Stanza iq);
    static awaitable<void> moderate(std::shared_ptr<Room> room, Stanza iq);
    /// Somebody takes back what he said himself. `by`: his occupant id; `retraction`: the id of his message.
    static awaitable<void> retract(std::shared_ptr<Room> room, storage::ArchiveId id, std::string by,
                                   std::string retraction);
    void announce_moderation(const storage::ArchiveId& id, const Jid& by, const std::string& by_id,
                             const std::string& reason);
    void keep(const Stanza& message, const storage::ArchiveId& id);

    // room_state.cpp
    void save();
    void save_vcard(std::string text);
    void save_affiliations(std::vector<Jid> changed);
    std::string state_text() const;
    void read_state(const std::string& text);

    RoomHost& host_;
    Jid jid_;
    Jid creator_;
    WallTime created_;
    std::string secret_;  ///< of occupant ids and tags
    RoomConfig config_;
    std::optional<xml::Element> subject_;  ///< the message that set it
    std::optional<xml::Element> vcard_;
    std::string avatar_hash_;
    std::unordered_map<Jid, AffiliationEntry> affiliations_;
    std::size_t owners_ = 0;
    std::unordered_multimap<std::string, Jid> reserved_;  ///< skeletons of reserved nicks

    std::map<std::string, std::unique_ptr<Occupant>, std::less<>> occupants_;  ///< by nick
    std::unordered_map<Jid, Occupant*> by_session_;
    std::unordered_multimap<std::string, Occupant*> by_skeleton_;
    std::unordered_map<Jid, Role> kept_roles_;  ///< given by moderators, for those who come back (§5.1)
    std::map<Jid, std::set<Jid>> invitations_;  ///< whom by whom, until declined
    std::unordered_map<Jid, Bucket> joins_;     ///< how often somebody enters, by bare JID
    Hats hats_;
    History history_;
    bool needs_history_ = false;
    bool locked_ = false;
    bool ended_ = false;
    bool update_pending_ = false;
    runtime::Registration timer_;
    runtime::Registration update_timer_;
};

}  // namespace carillon::modules::rooms
