/// What operators do with calls and relay channels, over all shards.
/// Not here: the admin protocol (admin/), how answers look (call_json.h).
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/calls/call_info.h"
#include "signaling/calls/channels.h"
#include "signaling/calls/switchboard.h"
#include "signaling/runtime/environment.h"

namespace carillon::calls {

/// Threading: any thread but a shard's, while the shards run: every call waits for them, within a bound.
class CallDesk {
  public:
    CallDesk(Switchboard& switchboard, const runtime::Environment& environment)
        : switchboard_{switchboard}, environment_{environment} {}

    /// Calls that are under way, oldest first.
    std::vector<CallInfo> running();
    std::optional<CallInfo> find(std::string_view id);
    /// False when no such call is under way.
    bool hang_up(std::string_view id, std::string_view text);
    /// The server ends: so do calls that cannot be without it, and their records say so.
    void end_all();

    /// Captures and recordings of running calls: what the worker says of them, or why not. Nothing: no such call.
    std::optional<TapAnswer> capture(std::string_view id, const CaptureWish& wish);
    std::optional<TapAnswer> record(std::string_view id, std::string_view who);
    std::optional<TapAnswer> stop_recording(std::string_view id, std::string_view who);
    std::optional<TapAnswer> stop_capture(std::string_view id, std::string_view tap, std::string_view who);
    std::vector<TapStatus> taps(std::string_view id);

    /// Opens up to `count` channels; fewer when the relays have no more or do not answer in time.
    std::vector<Channel> open_channels(std::size_t count, std::chrono::seconds expire);
    /// Says how many of these were open.
    std::size_t close_channels(const std::vector<std::string>& ids);
    std::vector<Channel> channels();  ///< everybody's

  private:
    /// Runs `work(shard's calls)` on each shard in turn.
    template <class F>
    void on_each_shard(F work);
    /// Asks the controller that has the call; `ask(controller, done)` says whether it has.
    template <class T, class Ask>
    std::optional<T> ask_call(Ask ask, T too_late);

    Switchboard& switchboard_;
    const runtime::Environment& environment_;
};

}  // namespace carillon::calls
