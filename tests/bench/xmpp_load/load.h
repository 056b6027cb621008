/// The loads: idle sessions, chat between pairs, log-ins, a room. One thread, one epoll.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "client.h"

namespace carillon::bench {

struct Plan {
    Target target;
    std::vector<pid_t> server;  ///< whose CPU and memory are measured
    std::size_t users = 200;
    std::size_t at_once = 16;  ///< log-ins under way
    double warm_up = 1;        ///< seconds before the measurement
    double seconds = 5;        ///< of the measurement
    double settle = 5;         ///< seconds before memory is read
    std::size_t window = 5;    ///< chat at saturation: messages of one sender on their way
    double rate = 0;           ///< chat: messages a second in all; 0 is saturation
    std::size_t body = 60;     ///< octets of a message's body
    std::size_t joins = 50;    ///< of a room: the last of the users, whose joins are measured
};

struct Figures {
    double seconds = 0;
    double cpu_seconds = 0;
    double events = 0;  ///< messages delivered, log-ins done, sessions held, rooms joined
    double lost = 0;    ///< connections lost or refused; messages sent and not delivered
    double p50_us = 0;
    double p99_us = 0;
    double resident_before_kib = 0;
    double resident_after_kib = 0;
    double generator_cpu_seconds = 0;
};

/// Threading: one. Throws std::runtime_error when the server refuses the clients.
class Load final : public Observer {
  public:
    explicit Load(Plan plan);
    ~Load() override;

    Figures idle();
    Figures chat();
    Figures logins();
    /// All users in one room: what the last ones' joins cost.
    Figures room_joins();
    /// The same room: what a copy of a message costs.
    Figures room_chat();

  private:
    void ready(Client&) override;
    void message(Client&, std::string_view id) override;
    void presence(Client&, std::string_view stanza) override;
    void iq(Client&) override { ++answers_; }
    void lost(Client&, std::string_view why) override;
    void has_output(Client& client) override { dirty_.push_back(&client); }

    /// Works on events until `until` (of the steady clock, ns) or `enough`.
    template <class Enough>
    void run(std::int64_t until, Enough enough);
    void connect_all();
    void start_client();
    void send_message(std::size_t from);
    void send_due(std::int64_t now);
    std::string room() const { return "bench@conference." + plan_.target.domain; }
    void join(std::size_t number);
    void fill_room(std::size_t until);
    void send_to_room();

    Plan plan_;
    SSL_CTX* context_;
    int epoll_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<Client*> dirty_;
    std::vector<std::unique_ptr<Client>> over_;
    std::string body_;
    std::size_t started_ = 0;
    std::size_t ready_ = 0;
    std::size_t lost_ = 0;
    std::string why_;
    enum class Mode { connecting, chat, logins, room } mode_ = Mode::connecting;
    bool sending_ = false;
    bool measuring_ = false;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    std::size_t counted_ = 0;
    std::vector<std::uint32_t> latencies_;  // microseconds
    std::int64_t pace_start_ = 0;
    std::size_t paced_ = 0;
    std::size_t next_user_ = 0;
    std::size_t answers_ = 0;
    std::size_t joined_ = 0;
    std::size_t speaker_ = 0;
    std::vector<std::int64_t> join_times_;  // when each user asked
};

}  // namespace carillon::bench
