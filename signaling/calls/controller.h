/// Follows every call between users: takes its Jingle stanzas in order, asks the relay, tells the ends, ends what must
/// end, and writes the record.
/// Spec: XEP-0166, XEP-0167 §8 (ringing), XEP-0176, XEP-0177, XEP-0353; docs/calls.md has the outcomes in a table.
/// Not here: which transports and ports (media.h), the process around it (module.h), XEP-0278 channels
/// (jingle_nodes.h).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "signaling/calls/call.h"
#include "signaling/calls/call_exporter.h"
#include "signaling/calls/call_info.h"
#include "signaling/calls/call_state.h"
#include "signaling/calls/environment.h"
#include "signaling/calls/media.h"
#include "signaling/calls/media_relay.h"
#include "signaling/calls/tapping.h"
#include "signaling/jingle/invite.h"

namespace carillon::calls {

struct Answer;  // endpoints/answer.h

/// Threading: one shard; it sees the pairs of users whose pair_hash() that shard owns.
/// Owns: the calls. Environments come and go (modules are reloaded); calls of an absent host rest until it is back.
class Controller {
  public:
    /// `relay` may be null: then policy `always` refuses calls and the others go direct.
    explicit Controller(MediaRelay* relay, TapBooks* books = nullptr, CallExporter* exporter = nullptr);
    ~Controller();
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    void attach(const std::string& host, Environment& environment);
    void detach(const std::string& host);

    /// An IQ set with <jingle/>. `host` is the sender's, or the addressee's when the sender is a foreign user.
    void take(const std::string& host, xmpp::Stanza iq);
    /// A message with a XEP-0353 element; it goes its own way, this is a copy. `host`: as above.
    void observe(const std::string& host, const xmpp::Stanza& message);
    /// A <reject/> for being busy, held back: it goes on from here unless somebody answers for the callee.
    void busy(const std::string& host, const xmpp::Stanza& message);
    /// The addressee answered an IQ of `to` with an error.
    void failed(const xmpp::Jid& from, const xmpp::Jid& to, std::string_view id, std::string_view condition);
    void session_gone(const xmpp::Jid& full, const std::string& key);
    /// Looks at deadlines and ticks. Environment::wake() asks for it.
    void poll();

    /// Goes on with a call of an earlier process. After attach() of its host.
    void adopt(SavedCall saved);
    /// The server ends in order, and the relay with it.
    void shut_down();

    bool hang_up(std::string_view id, const jingle::Reason& reason);
    std::vector<CallInfo> list() const;

    // Captures and recordings (tapping.cpp). False: no such call; else `done` is told, perhaps at once.
    bool capture(std::string_view id, const CaptureWish& wish, const TapDone& done);
    bool record(std::string_view id, std::string_view who, const TapDone& done);
    bool stop_recording(std::string_view id, std::string_view who, const TapDone& done);
    bool stop_tap(std::string_view id, std::string_view tap, std::string_view who, const TapDone& done);
    bool list_taps(std::string_view id, const std::function<void(std::vector<TapStatus>)>& done) const;
    std::size_t size() const { return calls_.size(); }

  private:
    using CallPtr = std::shared_ptr<Call>;

    // For who watches from outside (exporting.cpp).
    void export_stanza(const Call& call, const xmpp::Stanza& stanza);
    void export_counters(const Call& call);
    void export_rtcp(const std::string& id, const MediaRelay::Rtcp& report) const;

    // Finding and making (controller.cpp).
    Environment* environment(const Call& call);
    CallPtr find(const xmpp::Jid& from, const xmpp::Jid& to, std::string_view sid, std::string_view initiator,
                 Side& side);
    CallPtr make(const std::string& host, Environment& env, const xmpp::Jid& caller, const xmpp::Jid& callee,
                 std::string_view sid, Phase phase);
    void pass_stray(const std::string& host, xmpp::Stanza iq);
    void reply_error(const Call& call, const xmpp::Stanza& request, const xmpp::StanzaError& error);
    void acknowledge(const Call& call, const xmpp::Stanza& request);

    // One stanza after the other (flow.cpp).
    void enqueue(const CallPtr& call, Arrival arrival);
    void work(const CallPtr& call);
    void next(const CallPtr& call);
    void initiate(const CallPtr& call);
    void choose_path(const CallPtr& call);
    void relay_then_route(const CallPtr& call);
    void plan_failed(const CallPtr& call, PlanFault fault);
    static void forget_unopened(Call& call, const jingle::Jingle& jingle);
    void route_current(const CallPtr& call);
    void absorb(const Call& call, Arrival& arrival);
    void tell_restarts(Call& call);
    void tell_tcp(Call& call);
    void after_route(const CallPtr& call, const Arrival& arrival);
    void mark_answered(const CallPtr& call, const jingle::Jingle& answer);
    void relay_failed(const CallPtr& call);
    bool cancel_early(const CallPtr& call, const Arrival& arrival);
    /// Runs `start`, then `then(result)`, at the latest when settings().relay_wait is over with false.
    void await(const CallPtr& call, const std::function<void(std::function<void(bool)>)>& start,
               std::function<void(bool)> then);
    void perform(const CallPtr& call, std::vector<RelayTask> tasks, std::size_t at, std::function<void(bool)> done);
    void open_stream(const CallPtr& call, const std::string& stream, const std::function<void(bool)>& done);
    void relay_event(const CallPtr& call, const std::string& stream, RelayEvent event);

    // Calls whose ends share no codec (reoffering.cpp).
    void keep_offer(const CallPtr& call);
    bool reoffer(const CallPtr& call);
    void transcoder_refused(const CallPtr& call);

    // Calls one side of which waits (holding.cpp).
    void take_hold(const CallPtr& call, const Arrival& arrival);
    void play_on_hold(const CallPtr& call, Side waits);
    static void keep_way_open(const Call& call, const Arrival& arrival, xml::Element& element);

    // Calls that the server answers itself (answering.cpp).
    class Line;
    void answer_proposal(const CallPtr& call, const xmpp::Jid& bare, const Endpoint& endpoint);
    void answer(const CallPtr& call, Endpoint& endpoint);
    void open_endpoint(const CallPtr& call, const Manner& offered, Answer answer);
    static void set_programs(Call& call, const Answer& answer);
    void accept_for_endpoint(const CallPtr& call, const Answer& answer, const jingle::Jingle& answered);
    bool at_endpoint(const CallPtr& call);
    static xml::Element reject_content(const Call& call, const jingle::Content& content);
    void change_program(const CallPtr& call, relay::api::Source source, relay::api::Sink sink,
                        std::function<void(bool)> done);
    void program_event(const CallPtr& call, const ProgramEvent& event);
    static void endpoint_ended(const CallPtr& call);

    // Calls that the server answers for a callee who does not (standing_in.cpp).
    void consult_stand_in(const CallPtr& call);
    void callee_absent(const CallPtr& call);
    /// False: nobody answers for the callee, or it is too late.
    bool stand_in(const CallPtr& call, const jingle::Reason& why);
    bool stand_in_for_busy(const CallPtr& call);
    void take_over(const CallPtr& call, Endpoint& endpoint);

    // Ends (ending.cpp).
    /// The server ends the call: each side that has a session is told `reason`; the record says `why`.
    void end(const CallPtr& call, const jingle::Reason& reason, std::string_view why,
             std::optional<Side> absent = std::nullopt);
    /// The call is over and both sides know.
    void finish(const CallPtr& call, std::string_view why);
    /// An IQ in the name of the other side.
    void tell(const Call& call, Side to, xml::Element jingle);
    void tell_terminate(const Call& call, Side to, const jingle::Reason& reason);
    void tell_invite(const Call& call, const jingle::Reason& reason, std::optional<Side> absent);
    void tell_finished(const Call& call);
    void close_streams(const CallPtr& call, const std::vector<std::string>& streams);
    void refuse(const CallPtr& call, const xmpp::StanzaError& error, std::string_view why);

    // Captures and recordings (tapping.cpp).
    TapBooks& books();
    CallPtr find_id(std::string_view id) const;
    static std::vector<std::string> notes_of(const Call& call);
    void record_call(const CallPtr& call, std::string_view who, const TapDone& done);
    void record_by_policy(const CallPtr& call);
    void tap_ended(const std::string& id, const TapStatus& status);
    // Beyond the process (adopting.cpp).
    void keep(Call& call);
    void await_return(const CallPtr& call, SteadyTime now);
    /// The other side is to hear of the end as soon as it is back.
    void tell_later(const Call& call, Side to, const jingle::Reason& reason);
    void say_farewells();

    // Time (ending.cpp).
    void poll_call(const CallPtr& call, SteadyTime now);
    void tick(const CallPtr& call);
    CallFacts facts(const Call& call);
    void save(const Call& call);
    void judge(Call& call);

    /// A session-terminate for who was away when the call ended.
    struct Farewell {
        std::string host;
        std::string key;
        xmpp::Stanza iq;
        SteadyTime until;
        SteadyTime next;  ///< look whether it is back
    };

    MediaRelay* relay_;
    TapBooks* books_;
    CallExporter* exporter_;  // null: nobody watches
    std::vector<std::shared_ptr<Farewell>> farewells_;
    std::map<std::string, Environment*> environments_;
    std::unordered_map<std::string, CallPtr> calls_;                           // by key
    std::unordered_multimap<std::string, std::weak_ptr<Call>> by_sid_;         // as long as calls_ has it
    std::shared_ptr<Controller*> self_ = std::make_shared<Controller*>(this);  // late callbacks see it gone
};

/// IQs that the server sends in a user's name have ids of this beginning: their answers go no further.
inline constexpr std::string_view kOwnIqPrefix = "carillon-call-";

}  // namespace carillon::calls
