/// One stream's place in the journal: written as the stream changes, free again when the stream ends.
/// Spec: docs/relay-journal.md.  Not here: reading it back (reader.h).
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/base/clock.h"
#include "media/srtp/srtp_session.h"
#include "relay/api/client.h"
#include "relay/engine/leg_statistics.h"
#include "relay/journal/block_file.h"
#include "relay/learning/ice_learner.h"

namespace carillon::relay::journal {

/// Keys that DTLS has agreed on.
struct AgreedKeys {
    srtp::Profile profile = srtp::Profile::aead_aes_128_gcm;
    std::vector<std::byte> local;
    std::vector<std::byte> remote;
};

/// What a leg has come to besides what signaling says.
struct LegState {
    std::vector<IceCredentials> own_before;  ///< bridged: generations before the one in the setup
    std::optional<AgreedKeys> agreed;
    srtp::Session* inbound = nullptr;  ///< null: no keys
    srtp::Session* outbound = nullptr;
    bool fresh_inbound = false;  ///< other keys than at the last time: its indices begin anew
    bool fresh_outbound = false;
};

using LegPorts = std::vector<std::uint16_t>;  ///< by component

/// Threading: the control thread until its stream is handed over, then the stream's shard. Owns: its blocks.
/// What finds no room gives the place up: the stream goes on, and ends with the worker.
class Record {
  public:
    /// nullptr: there is no room.
    static std::unique_ptr<Record> make(BlockFile& file, const std::string& session, const api::StreamSetup& setup,
                                        const std::array<LegPorts, 2>& ports, SteadyTime opened, SteadyTime expires);
    ~Record();
    Record(const Record&) = delete;
    Record& operator=(const Record&) = delete;

    /// What is said of a leg now, and what it has come to. Its indices are put down from here on.
    void save_leg(std::size_t leg, const api::LegSetup* setup, const LegState& state);
    void save_paths(std::size_t leg, std::size_t component, const PathSet& set);
    void save_counters(std::size_t leg, const SavedCounters& counters);
    /// What becomes of the stream's sound and pictures from now on.
    void save_program(const api::Program& program);
    void save_point(std::size_t leg, bool pictures, const StreamPoint& point);
    bool holds() const { return head_ != 0; }

  private:
    explicit Record(BlockFile& file, std::uint32_t head) : file_{file}, head_{head} {}
    Head& head() { return file_.at<Head>(head_); }
    void give_up();
    /// A new table for what is fresh, none for what has no keys; the old one is left in `old`.
    std::uint32_t table(std::size_t place, const srtp::Session* session, bool fresh, std::vector<std::uint32_t>& old);
    srtp::IndexKeeper keeper(std::uint32_t table) const;

    BlockFile& file_;
    std::uint32_t head_;
    std::array<std::uint32_t, 4> tables_{};  // by leg: inbound, outbound
};

}  // namespace carillon::relay::journal
