/// The taps of the worker by session and name: begun, fed by the shards, ended.
/// Spec: docs/capture.md; StartTap, StopTap, ListTaps of control.proto.
/// Not here: files and sound (relay/tap), sessions and their streams (worker.h).
#pragma once
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "relay/api/convert.h"
#include "relay/engine/shard.h"
#include "relay/media/sound_library.h"
#include "relay/tap/tap_thread.h"

namespace carillon::relay {

/// A tap's id is its session and its name; names have no line feed.
std::string id_of(const std::string& session, const std::string& tap);
/// Session and name.
std::pair<std::string, std::string> names_of(const std::string& id);

/// Threading: the control thread.  Owns: the tap thread. Must outlive what the shards still do.
class TapDesk {
  public:
    using Respond = std::function<void(api::proto::Reply)>;
    using Tell = std::function<void(const api::proto::Event&)>;

    static constexpr std::size_t kMostOfSession = 8;
    static constexpr std::size_t kMost = 2000;

    /// What the worker knows of a session.
    struct Session {
        Shard* shard = nullptr;
        std::vector<std::string> keys;     ///< of its streams (Shard::key)
        std::vector<std::string> streams;  ///< their names
        bool bridged = false;              ///< all of them
        bool forwards_ice = false;         ///< some stream's media is sealed by its ends
    };

    /// `tell`: a tap has ended without being asked to.
    TapDesk(boost::asio::io_context& io, Tell tell);

    void start(const api::proto::StartTap& request, const Session& session, const Respond& respond);
    void stop(const api::proto::StopTap& request, Respond respond);
    void list(const std::string& session, Respond respond);
    /// The session gets one more stream: its taps see that, too, from the first packet. Before a shard has it.
    void stream_opened(const std::string& session, Stream& stream);
    /// Its streams are gone.
    void session_over(const std::string& session);

  private:
    struct Running {
        std::shared_ptr<Tap> tap;
        Shard* shard = nullptr;
        std::size_t streams = 0;   // numbered so far
        bool all_streams = false;  // also those that are opened later
    };
    using Taps = std::map<std::string, Running>;  // by name

    /// A recording whose call is being told of it.
    struct Announced {
        api::proto::StartTap request;
        Session session;
        std::string key;  // of the stream that carries the sound
        SteadyTime begun;
    };
    void start_recording(const api::proto::StartTap& request, Session session, const Respond& respond);
    std::expected<void, std::string> record(const api::proto::StartTap& request, Session session,
                                            const Respond& respond);
    // Announcements (announcing.cpp).
    void announce(const api::proto::StartTap& request, const Session& session, const std::string& key,
                  const Respond& respond);
    void announced(const std::string& id, const std::string& fault);
    bool stop_announcing(const std::string& id, const Respond& respond);
    void list_announced(const std::string& session, api::proto::Reply& reply) const;
    void announced_session_over(const std::string& session);
    void begin(const api::proto::StartTap& request, const Session& session, TapView view, std::size_t ring,
               std::unique_ptr<TapSink> sink, const Respond& respond);
    void ended(const TapStatus& status);
    void told(const TapStatus& status);
    Running* find(const std::string& session, const std::string& tap);
    void forget(const std::string& session, const std::string& tap);
    void on_control(std::function<void()> work);

    boost::asio::io_context& io_;
    Tell tell_;
    std::map<std::string, Taps> sessions_;
    std::size_t count_ = 0;
    std::map<std::string, Announced> announced_;  // by id
    SoundLibrary library_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    TapThread thread_;  // last: it ends before what it reports to
};

}  // namespace carillon::relay
