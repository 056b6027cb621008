#include "signaling/calls/voicemail/leave_call.h"
#include "signaling/calls/endpoints/music.h"

#include "signaling/calls/random_id.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
using relay::api::Sink;
using relay::api::Source;

constexpr auto kLeastSound = 300ms;  // less than that is nobody speaking

/// Threading: the shard of the call. Without an office (the module is gone) it hangs up at the next occasion.
class Leaving final : public std::enable_shared_from_this<Leaving> {
  public:
    Leaving(std::shared_ptr<EndpointLine> line, std::weak_ptr<VoicemailOffice> office, xmpp::Jid owner)
        : line_{std::move(line)}, office_{std::move(office)}, owner_{std::move(owner)} {}

    void began() {
        const auto office = office_.lock();
        if (!office) return hang_up();
        office->look(owner_, [self = weak_from_this()](const VoicemailBox& box) {
            if (const auto alive = self.lock()) alive->greet(box.greeting);
        });
    }

    void on_event(const ProgramEvent& event) {
        switch (event.kind) {
            case ProgramEvent::Kind::digit:
                return on_digit(event.digit);
            case ProgramEvent::Kind::source_ended:
                if (phase_ == Phase::greeting || phase_ == Phase::tone) return record();
                if (phase_ == Phase::goodbye) return hang_up();
                return;
            case ProgramEvent::Kind::sink_ended:
                return on_recorded(event);
            default:
                return;
        }
    }

    /// The caller has hung up, or the worker is gone.
    void ended() {
        const auto office = office_.lock();
        if (!recording_ || !office) return;
        office->settle(*std::exchange(recording_, std::nullopt));
    }

  private:
    enum class Phase { answered, greeting, tone, recording, goodbye };

    void greet(const std::string& own) {
        const auto office = office_.lock();
        if (!office || phase_ != Phase::answered) return;
        const auto& usual = office->settings().greeting;
        phase_ = Phase::greeting;
        if (own.empty() && usual.empty()) return say(office->sounds().default_greeting() + office->sounds().beep());
        const Clips clips{own.empty() ? configured_clip(usual) : relay::api::Clip{.file = own}};
        line_->set(play(clips + office->sounds().beep()), {}, [self = weak_from_this()](bool done) {
            const auto alive = self.lock();
            const auto there = alive ? alive->office_.lock() : nullptr;
            // The file is gone or none that can be played.
            if (there && !done && alive->phase_ == Phase::greeting)
                alive->say(there->sounds().default_greeting() + there->sounds().beep());
        });
    }

    void on_digit(const std::string& digit) {
        const auto office = office_.lock();
        if (!office) return hang_up();
        if (phase_ == Phase::greeting) {  // who knows the greeting need not hear it
            phase_ = Phase::tone;
            return say(office->sounds().beep());
        }
        if (phase_ == Phase::recording && digit == "#") goodbye();
    }

    void record() {
        const auto office = office_.lock();
        if (!office) return hang_up();
        phase_ = Phase::recording;
        SpooledRecording recording{
            .id = random_id(), .owner = owner_, .caller = line_->caller().bare(), .at = office->clock().wall()};
        if (!office->spool().begin(recording)) return line_->hang_up({.condition = "general-error", .text = "disk"});
        recording_ = std::move(recording);
        const auto& settings = office->settings();
        const auto seconds = [](config::Duration time) {
            return std::chrono::duration_cast<std::chrono::seconds>(time);
        };
        const Sink sink{.kind = Sink::Kind::file,
                        .file = office->spool().file(recording_->id).string(),
                        .longest = seconds(settings.longest),
                        .silence = seconds(settings.silence),
                        .most_octets = settings.quota};
        line_->set(Source{}, sink, [self = weak_from_this()](bool done) {
            const auto alive = self.lock();
            if (alive && !done) alive->line_->hang_up({.condition = "general-error", .text = "no recording"});
        });
    }

    void on_recorded(const ProgramEvent& event) {
        const auto office = office_.lock();
        if (!office || !recording_ || event.file != office->spool().file(recording_->id)) return;
        auto recording = *std::exchange(recording_, std::nullopt);
        recording.duration = event.duration;
        if (event.sound < kLeastSound) {
            office->spool().remove(recording.id);
        } else {
            office->deliver(std::move(recording));
        }
        if (phase_ == Phase::recording) goodbye();
    }

    void goodbye() {
        const auto office = office_.lock();
        if (!office) return hang_up();
        phase_ = Phase::goodbye;
        say(office->sounds().done());
    }

    void say(Clips clips) { line_->set(play(std::move(clips)), {}, {}); }
    void hang_up() { line_->hang_up({.condition = "success", .text = {}}); }

    std::shared_ptr<EndpointLine> line_;
    std::weak_ptr<VoicemailOffice> office_;
    xmpp::Jid owner_;
    Phase phase_ = Phase::answered;
    std::optional<SpooledRecording> recording_;
};

class LeaveCall final : public EndpointCall {
  public:
    explicit LeaveCall(std::shared_ptr<Leaving> leaving) : leaving_{std::move(leaving)} {}
    bool writes_files() const override { return true; }
    Source source() const override { return {}; }
    void began() override { leaving_->began(); }
    void on_event(const ProgramEvent& event) override { leaving_->on_event(event); }
    void ended(const EndpointFigures&) override { leaving_->ended(); }

  private:
    std::shared_ptr<Leaving> leaving_;
};

}  // namespace

std::unique_ptr<EndpointCall> make_leave_call(std::shared_ptr<EndpointLine> line, std::weak_ptr<VoicemailOffice> office,
                                              xmpp::Jid owner) {
    return std::make_unique<LeaveCall>(std::make_shared<Leaving>(std::move(line), std::move(office), std::move(owner)));
}

}  // namespace carillon::calls
