#include "signaling/calls/voicemail/box_call.h"

#include <algorithm>

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
using relay::api::Sink;
using relay::api::Source;

constexpr auto kLeastGreeting = 500ms;
constexpr std::chrono::seconds kLongestGreeting{60};
constexpr std::chrono::seconds kGreetingSilence{3};
constexpr std::uint64_t kMostGreeting = 5 * 1024 * 1024;

/// Threading: the shard of the call.
class Listening final : public std::enable_shared_from_this<Listening> {
  public:
    Listening(std::shared_ptr<EndpointLine> line, std::weak_ptr<VoicemailOffice> office)
        : line_{std::move(line)}, office_{std::move(office)}, owner_{line_->caller().bare()} {}

    void began() {
        const auto office = office_.lock();
        if (!office) return hang_up();
        office->look(owner_, [self = weak_from_this()](const VoicemailBox& box) {
            if (const auto alive = self.lock()) alive->welcome(box);
        });
    }

    void on_event(const ProgramEvent& event) {
        const auto office = office_.lock();
        if (!office) return hang_up();
        if (event.kind == ProgramEvent::Kind::digit) return on_digit(*office, event.digit);
        if (event.kind == ProgramEvent::Kind::source_ended && phase_ == Phase::tone) return record(*office);
        if (event.kind == ProgramEvent::Kind::source_ended && phase_ == Phase::goodbye) return hang_up();
        if (event.kind == ProgramEvent::Kind::sink_ended) return on_greeting(*office, event);
    }

  private:
    enum class Phase { menu, tone, recording, goodbye };

    /// The next one is the first that is unheard, or the first.
    void welcome(const VoicemailBox& box) {
        const auto office = office_.lock();
        if (!office) return;
        messages_ = box.messages;
        const auto unheard = std::ranges::find(messages_, false, &VoicemailMessage::heard);
        current_ = unheard == messages_.end() ? 0 : static_cast<std::size_t>(unheard - messages_.begin());
        say(office->sounds().count("new-messages", box.unheard()));
    }

    void on_digit(VoicemailOffice& office, const std::string& digit) {
        if (phase_ == Phase::recording) {
            if (digit == "#") line_->set(Source{}, {}, {});  // the recording is told of next
            return;
        }
        if (phase_ != Phase::menu || digit.empty()) return;
        switch (digit.front()) {
            case '1':
                return play_message(office, current_ + 1);
            case '2':
                return play_message(office, std::max<std::size_t>(current_, 1));
            case '*':
                return play_message(office, current_ > 1 ? current_ - 1 : 1);
            case '3':
                return remove(office);
            case '9':
                phase_ = Phase::tone;
                return say(office.sounds().beep());
            case '0':
                office.set_greeting(owner_, {});
                return say(office.sounds().done());
            case '#':
                phase_ = Phase::goodbye;
                return say(office.sounds().done());
            default:
                return say(office.sounds().refused());
        }
    }

    /// Counted from 1.
    void play_message(VoicemailOffice& office, std::size_t number) {
        if (number > messages_.size()) return say(office.sounds().end_of_messages());
        current_ = number;
        const auto& message = messages_[number - 1];
        say(office.sounds().count("message", number) + Clips{{.file = office.file_of(message)}});
        office.change(owner_, [id = message.id](VoicemailBox& box) {
            const auto at = std::ranges::find(box.messages, id, &VoicemailMessage::id);
            return at != box.messages.end() && !std::exchange(at->heard, true);
        });
    }

    void remove(VoicemailOffice& office) {
        if (current_ == 0 || current_ > messages_.size()) return say(office.sounds().refused());
        office.remove(owner_, messages_[current_ - 1].id);
        messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(--current_));
        say(office.sounds().deleted());
    }

    void record(VoicemailOffice& office) {
        phase_ = Phase::recording;
        greeting_ = office.spool().new_greeting(owner_);
        const Sink sink{.kind = Sink::Kind::file,
                        .file = greeting_.string(),
                        .longest = kLongestGreeting,
                        .silence = kGreetingSilence,
                        .most_octets = kMostGreeting};
        line_->set(Source{}, sink, [self = weak_from_this()](bool done) {
            const auto alive = self.lock();
            const auto there = alive ? alive->office_.lock() : nullptr;
            if (!there || done) return;
            alive->phase_ = Phase::menu;
            alive->say(there->sounds().refused());
        });
    }

    /// It is played back, so that its owner knows.
    void on_greeting(VoicemailOffice& office, const ProgramEvent& event) {
        if (phase_ != Phase::recording || event.file != greeting_) return;
        phase_ = Phase::menu;
        if (event.sound < kLeastGreeting) {
            std::error_code ignored;
            std::filesystem::remove(greeting_, ignored);
            return say(office.sounds().refused());
        }
        office.set_greeting(owner_, greeting_);
        say(office.sounds().done() + Clips{{.file = greeting_.string()}});
    }

    void say(Clips clips) {
        line_->set(play(std::move(clips)), {}, [self = weak_from_this()](bool done) {
            const auto alive = self.lock();
            const auto there = alive ? alive->office_.lock() : nullptr;
            // A file that has gone meanwhile.
            if (there && !done) alive->line_->set(play(there->sounds().refused()), {}, {});
        });
    }
    void hang_up() { line_->hang_up({.condition = "success", .text = {}}); }

    std::shared_ptr<EndpointLine> line_;
    std::weak_ptr<VoicemailOffice> office_;
    xmpp::Jid owner_;
    Phase phase_ = Phase::menu;
    std::vector<VoicemailMessage> messages_;
    std::size_t current_ = 0;  // counted from 1; 0: before the first
    std::filesystem::path greeting_;
};

class BoxCall final : public EndpointCall {
  public:
    explicit BoxCall(std::shared_ptr<Listening> listening) : listening_{std::move(listening)} {}
    bool writes_files() const override { return true; }
    Source source() const override { return {}; }
    void began() override { listening_->began(); }
    void on_event(const ProgramEvent& event) override { listening_->on_event(event); }

  private:
    std::shared_ptr<Listening> listening_;
};

}  // namespace

std::unique_ptr<EndpointCall> make_box_call(std::shared_ptr<EndpointLine> line, std::weak_ptr<VoicemailOffice> office) {
    return std::make_unique<BoxCall>(std::make_shared<Listening>(std::move(line), std::move(office)));
}

}  // namespace carillon::calls
