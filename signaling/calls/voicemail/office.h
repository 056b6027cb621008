/// Where voicemail is kept and spoken to: boxes, recordings that arrive, commands by message.
/// Spec: docs/voicemail.md.
/// Not here: calls (leave_call.h, box_call.h), Jingle.
#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "signaling/calls/environment.h"
#include "signaling/calls/voicemail/box.h"
#include "signaling/calls/voicemail/commands.h"
#include "signaling/calls/voicemail/settings.h"
#include "signaling/calls/voicemail/sounds.h"
#include "signaling/calls/voicemail/spool.h"
#include "signaling/files/uploads.h"
#include "signaling/runtime/module.h"

namespace carillon::calls {

/// Threading: one on each shard, on that shard; a user's box is changed on the shard that owns the user alone, one
/// change after the other.
class VoicemailOffice {
  public:
    using Looked = std::function<void(const VoicemailBox& box)>;
    /// What is to happen to a box; true: it has changed.
    using Change = std::function<bool(VoicemailBox& box)>;

    /// `address`: voicemail@calls.DOMAIN; `base`: of the web server.
    VoicemailOffice(runtime::ModuleContext& context, VoicemailSettings settings, xmpp::Jid address,
                    VoicemailSpool& spool, files::Uploads& uploads, std::string base);

    const VoicemailSettings& settings() const { return settings_; }
    const VoicemailSounds& sounds() const { return sounds_; }
    const xmpp::Jid& address() const { return address_; }
    VoicemailSpool& spool() { return spool_; }
    const Clock& clock() const { return context_.clock(); }
    bool serves(const xmpp::Jid& user) const;
    /// Where the recording of a message lies.
    std::string file_of(const VoicemailMessage& message) const { return uploads_.content(message.hash).string(); }

    // From any shard; what is called back runs on the asking one, and not at all when the module goes meanwhile.
    void willing(const xmpp::Jid& caller, const xmpp::Jid& owner, std::function<void(std::optional<StandIn>)> done);
    void look(const xmpp::Jid& owner, Looked done);
    void change(const xmpp::Jid& owner, Change change, Looked done = {});
    /// Takes a recording into the box and tells its owner.
    void deliver(SpooledRecording recording);
    /// The same for one whose end nobody has told of: as soon as the file is complete, or will not be any more.
    void settle(SpooledRecording recording);
    void remove(const xmpp::Jid& owner, std::string id);
    void set_greeting(const xmpp::Jid& owner, std::filesystem::path file);
    /// What a user says to address().
    void take_message(const xmpp::Stanza& message);

  private:
    using Job = std::function<runtime::awaitable<void>()>;

    /// Runs `work` with the office of that shard.
    void at(std::size_t hash, std::function<void(VoicemailOffice& there)> work);
    void at_home(const xmpp::Jid& owner, std::function<void(VoicemailOffice& there)> work);
    void enqueue(Job job);
    runtime::awaitable<void> work_off();
    runtime::awaitable<VoicemailBox> load(xmpp::Jid owner);
    runtime::awaitable<bool> save(xmpp::Jid owner, VoicemailBox box);
    runtime::awaitable<std::optional<StandIn>> consider(xmpp::Jid caller, xmpp::Jid owner);
    runtime::awaitable<void> change_here(xmpp::Jid owner, Change change, std::size_t back, Looked done);
    runtime::awaitable<void> deliver_here(SpooledRecording recording);
    runtime::awaitable<void> settle_here(SpooledRecording recording);
    void deliver_cut(SpooledRecording recording, const OggLength& found);
    runtime::awaitable<void> run_command(xmpp::Jid from, VoicemailCommand command);
    runtime::awaitable<std::string> obey(xmpp::Jid owner, VoicemailCommand command, VoicemailBox& box, bool& changed);
    runtime::awaitable<std::string> take_greeting(xmpp::Jid owner, std::string wanted, VoicemailBox& box);
    runtime::awaitable<void> remove_messages(std::vector<VoicemailMessage> messages);
    void say(const xmpp::Jid& to, std::string text, const VoicemailBox* box = nullptr);
    void notify(const xmpp::Jid& to, const VoicemailMessage& message, const VoicemailBox& box);
    void sweep();

    runtime::ModuleContext& context_;
    VoicemailSettings settings_;
    VoicemailSounds sounds_;
    xmpp::Jid address_;
    VoicemailSpool& spool_;
    files::Uploads& uploads_;
    std::string base_;
    std::deque<Job> jobs_;
    bool working_ = false;
    runtime::Registration timer_;
    runtime::Registrations hooks_;  // declared last
};

}  // namespace carillon::calls
