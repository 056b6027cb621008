/// Where recordings lie between the relay worker, which writes them, and the box they are for: the file, and beside it
/// a note of whose it is, so that it arrives also after a crash of worker or server. Spec: RFC 3533 §6, RFC 7845 §4.3
/// (length of what was cut off). Not here: delivering (office.h).
#pragma once
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/clock.h"
#include "signaling/xmpp/jid.h"

namespace carillon::calls {

/// A recording that is being made, or waits to be delivered.
struct SpooledRecording {
    std::string id;
    xmpp::Jid owner;   ///< whose box, bare
    xmpp::Jid caller;  ///< bare
    WallTime at{};
    std::chrono::milliseconds duration{0};
    bool complete = true;
    friend bool operator==(const SpooledRecording&, const SpooledRecording&) = default;
};

/// A service of the process. Threading: any thread; the disk is small work here.
class VoicemailSpool {
  public:
    /// `folder`: absolute, since the worker is another process. It is made when first needed.
    explicit VoicemailSpool(std::filesystem::path folder) : folder_{std::move(folder)} {}

    std::filesystem::path file(std::string_view id) const;
    /// A greeting of that user's, under a name that has not been before.
    std::filesystem::path new_greeting(const xmpp::Jid& owner) const;
    void remove_greetings(const xmpp::Jid& owner, const std::filesystem::path& except = {}) const;
    /// Writes the note and claims the id: it is somebody's until release(). False: the disk refuses.
    bool begin(const SpooledRecording& recording);
    void release(const std::string& id);
    /// File and note go.
    void remove(const std::string& id);
    /// What nobody has claimed, of the users of that domain, claimed now: what a former process left behind. Files that
    /// still grow are passed over.
    std::vector<SpooledRecording> claim_left(std::string_view domain, std::chrono::seconds still);

  private:
    std::filesystem::path note(std::string_view id) const;
    bool make_folder() const;

    std::filesystem::path folder_;
    std::mutex mutex_;
    std::set<std::string> claimed_;
};

struct OggLength {
    std::chrono::milliseconds length{0};
    bool complete = false;  ///< its last page is there
};
/// How long an Ogg/Opus file plays, also one that was cut off; nothing: it is none.
std::optional<OggLength> ogg_length(const std::filesystem::path& file);

}  // namespace carillon::calls
