#include "load.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "server_meter.h"

namespace carillon::bench {
namespace {

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}
std::int64_t ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }
constexpr auto kNever = [] { return false; };
constexpr double kConnectTimeout = 300;

/// Takes the difference of two looks at the server and at ourselves.
class Measurement {
  public:
    explicit Measurement(const std::vector<pid_t>& server)
        : server_{server}, before_{usage_of(server)}, own_{usage_of({::getpid()})}, start_{now_ns()} {}
    void end(Figures& figures) const {
        const auto after = usage_of(server_);
        figures.seconds = static_cast<double>(now_ns() - start_) / 1e9;
        figures.cpu_seconds = after.cpu_seconds - before_.cpu_seconds;
        figures.resident_before_kib = before_.resident_kib;
        figures.resident_after_kib = after.resident_kib;
        figures.generator_cpu_seconds = usage_of({::getpid()}).cpu_seconds - own_.cpu_seconds;
    }

  private:
    const std::vector<pid_t>& server_;
    Usage before_;
    Usage own_;
    std::int64_t start_;
};

double percentile(std::vector<std::uint32_t>& values, double part) {
    if (values.empty()) return 0;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

}  // namespace

Load::Load(Plan plan)
    : plan_{std::move(plan)}, context_{SSL_CTX_new(TLS_client_method())}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    body_.resize(plan_.body, 'x');
    for (std::size_t i = 5; i < body_.size(); i += 6) body_[i] = ' ';
}

Load::~Load() {
    clients_.clear();
    over_.clear();
    SSL_CTX_free(context_);
    ::close(epoll_);
}

template <class Enough>
void Load::run(std::int64_t until, Enough enough) {
    std::array<epoll_event, 512> events{};
    for (;;) {
        const auto now = now_ns();
        if (sending_ && plan_.rate > 0) send_due(now);
        while (!dirty_.empty()) {
            for (auto* client : std::exchange(dirty_, {})) client->flush();
        }
        over_.clear();
        if (now >= until || enough()) return;
        const auto left = std::min<std::int64_t>((until - now) / 1'000'000 + 1, sending_ && plan_.rate > 0 ? 1 : 100);
        const int count = ::epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(left));
        for (int i = 0; i < count; ++i) {
            static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr)
                ->on_event(events[static_cast<std::size_t>(i)].events);
        }
    }
}

void Load::start_client() {
    const auto number = started_++;
    clients_.push_back(std::make_unique<Client>(plan_.target, context_, *this, number));
    if (!clients_.back()->connect(epoll_)) throw std::runtime_error{"no more sockets"};
}

void Load::connect_all() {
    while (started_ < std::min(plan_.at_once, plan_.users)) start_client();
    run(now_ns() + ns(kConnectTimeout), [&] { return ready_ + lost_ >= plan_.users; });
    if (ready_ < plan_.users) {
        throw std::runtime_error{std::to_string(plan_.users - ready_) + " clients did not get in: " + why_};
    }
}

void Load::ready(Client& client) {
    ++ready_;
    if (mode_ == Mode::connecting) {
        if (started_ < plan_.users) start_client();
    } else if (mode_ == Mode::logins) {
        client.close();
        const auto at = std::ranges::find(clients_, &client, &std::unique_ptr<Client>::get);
        if (measuring_) ++counted_;
        over_.push_back(std::move(*at));  // destroyed when its event has been dealt with
        std::erase(dirty_, &client);
        *at = std::make_unique<Client>(plan_.target, context_, *this, next_user_++ % plan_.users);
        if (!(*at)->connect(epoll_)) throw std::runtime_error{"no more sockets"};
    }
}

void Load::lost(Client&, std::string_view why) {
    ++lost_;
    if (why_.empty()) why_ = why.substr(0, 500);
    if (mode_ == Mode::connecting && started_ < plan_.users) start_client();
}

Figures Load::idle() {
    Measurement measurement{plan_.server};
    connect_all();
    run(now_ns() + ns(plan_.settle), kNever);
    Figures figures;
    measurement.end(figures);
    figures.events = static_cast<double>(ready_);
    figures.lost = static_cast<double>(lost_);
    return figures;
}

void Load::send_message(std::size_t from) {
    auto& client = *clients_[from];
    if (!client.ready()) return;
    ++sent_;
    const auto to = clients_[from ^ 1]->jid();
    client.send_stanza("<message to='" + to + "' type='chat' id='" + std::to_string(now_ns()) + "'><body>" + body_ +
                       "</body></message>");
}

/// Paced sending: whatever should have gone out by now, one sender after the other.
void Load::send_due(std::int64_t now) {
    const auto due = static_cast<std::size_t>(static_cast<double>(now - pace_start_) / 1e9 * plan_.rate);
    for (; paced_ < due; ++paced_) send_message(paced_ % clients_.size());
}

void Load::message(Client& client, std::string_view id) {
    std::int64_t sent = 0;
    if (std::from_chars(id.data(), id.data() + id.size(), sent).ec != std::errc{} || sent == 0) return;
    ++received_;
    if (measuring_) {
        ++counted_;
        latencies_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>((now_ns() - sent) / 1000, 0xffffffff)));
    }
    if (mode_ == Mode::room) {
        // One message has arrived when all have had it; the next is sent for it.
        if (sending_ && received_ % clients_.size() == 0) send_to_room();
        return;
    }
    if (sending_ && plan_.rate == 0) send_message(client.number() ^ 1);
}

Figures Load::chat() {
    plan_.users &= ~std::size_t{1};
    connect_all();
    run(now_ns() + ns(1), kNever);  // presences settle
    mode_ = Mode::chat;
    sending_ = true;
    pace_start_ = now_ns();
    if (plan_.rate == 0) {
        for (std::size_t i = 0; i < clients_.size() * plan_.window; ++i) send_message(i % clients_.size());
    }
    run(now_ns() + ns(plan_.warm_up), kNever);
    latencies_.reserve(1 << 20);
    measuring_ = true;
    const Measurement measurement{plan_.server};
    run(now_ns() + ns(plan_.seconds), kNever);
    Figures figures;
    measurement.end(figures);
    measuring_ = false;
    sending_ = false;
    run(now_ns() + ns(10), [&] { return received_ >= sent_; });
    figures.events = static_cast<double>(counted_);
    figures.lost = static_cast<double>(lost_ + sent_ - received_);
    figures.p50_us = percentile(latencies_, 0.5);
    figures.p99_us = percentile(latencies_, 0.99);
    return figures;
}

Figures Load::logins() {
    mode_ = Mode::logins;
    plan_.target.management = plan_.target.roster = plan_.target.presence = false;
    while (started_ < plan_.at_once) start_client();
    next_user_ = started_;
    run(now_ns() + ns(plan_.warm_up), kNever);
    measuring_ = true;
    const Measurement measurement{plan_.server};
    run(now_ns() + ns(plan_.seconds), kNever);
    Figures figures;
    measurement.end(figures);
    measuring_ = false;
    figures.events = static_cast<double>(counted_);
    figures.lost = static_cast<double>(lost_);
    if (counted_ == 0) throw std::runtime_error{"no log-in succeeded: " + why_};
    return figures;
}

void Load::join(std::size_t number) {
    join_times_[number] = now_ns();
    clients_[number]->send_stanza(
        "<presence to='" + room() + "/nick" + std::to_string(number) +
        "'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>");
}

/// XEP-0045 §7.2.2: one's own presence comes last.
void Load::presence(Client& client, std::string_view stanza) {
    if (mode_ != Mode::room || !stanza.contains("110") || join_times_[client.number()] == 0) return;
    ++joined_;
    if (measuring_) latencies_.push_back(static_cast<std::uint32_t>((now_ns() - join_times_[client.number()]) / 1000));
    join_times_[client.number()] = 0;
}

/// One after the other, so that each join is to a room of one more.
void Load::fill_room(std::size_t until) {
    while (joined_ < until) {
        const auto number = joined_;
        join(number);
        run(now_ns() + ns(30), [&] { return joined_ > number; });
        if (joined_ == number)
            throw std::runtime_error{"user " + std::to_string(number) + " did not get into the room"};
        if (number > 0) continue;
        clients_[0]->send_stanza("<iq type='set' id='unlock' to='" + room() +
                                 "'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                                 "<x xmlns='jabber:x:data' type='submit'/></query></iq>");
        run(now_ns() + ns(10), [&] { return answers_ > 0; });
    }
}

Figures Load::room_joins() {
    connect_all();
    run(now_ns() + ns(1), kNever);
    mode_ = Mode::room;
    join_times_.assign(clients_.size(), 0);
    fill_room(clients_.size() - std::min(plan_.joins, clients_.size() - 1));
    run(now_ns() + ns(plan_.warm_up), kNever);
    measuring_ = true;
    const auto before = joined_;
    const Measurement measurement{plan_.server};
    fill_room(clients_.size());
    run(now_ns() + ns(1), kNever);  // what the others are told
    Figures figures;
    measurement.end(figures);
    measuring_ = false;
    figures.events = static_cast<double>(joined_ - before);
    figures.lost = static_cast<double>(lost_);
    figures.p50_us = percentile(latencies_, 0.5);
    figures.p99_us = percentile(latencies_, 0.99);
    return figures;
}

void Load::send_to_room() {
    sent_ += clients_.size();
    auto& client = *clients_[speaker_++ % clients_.size()];
    client.send_stanza("<message to='" + room() + "' type='groupchat' id='" + std::to_string(now_ns()) + "'><body>" +
                       body_ + "</body></message>");
}

Figures Load::room_chat() {
    (void)room_joins();
    latencies_.clear();
    received_ = sent_ = counted_ = 0;
    sending_ = true;
    for (std::size_t i = 0; i < plan_.window; ++i) send_to_room();
    run(now_ns() + ns(plan_.warm_up), kNever);
    latencies_.reserve(1 << 20);
    measuring_ = true;
    const Measurement measurement{plan_.server};
    run(now_ns() + ns(plan_.seconds), kNever);
    Figures figures;
    measurement.end(figures);
    measuring_ = false;
    sending_ = false;
    run(now_ns() + ns(20), [&] { return received_ >= sent_; });
    figures.events = static_cast<double>(counted_);
    figures.lost = static_cast<double>(lost_ + sent_ - received_);
    figures.p50_us = percentile(latencies_, 0.5);
    figures.p99_us = percentile(latencies_, 0.99);
    return figures;
}

}  // namespace carillon::bench
