/// Starts the server's own relay workers, watches them, and starts them again when they die.
/// Spec: docs/relay-control.md (the workers' side).
/// Not here: speaking to them (relay/api/client.h), choosing one for a call (calls/worker_relay.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace carillon::relays {

/// A worker's command line and the name operators know it by.
struct WorkerCommand {
    std::string name;    ///< relay-1
    std::string socket;  ///< its control socket
    std::string program;
    std::vector<std::string> arguments;  ///< without the program's name
};

/// Threading: the io_context's thread.  Owns: the processes: they end with it. When this process is killed they go on,
/// and the next one finds them by their sockets; whom nobody finds ends by itself (--orphan-time).
class Supervisor {
  public:
    Supervisor(boost::asio::io_context& io, std::vector<WorkerCommand> workers);
    ~Supervisor();

    /// Those that are running already go on if they are what would be started now.
    void start();
    /// SIGTERM, and SIGKILL for who is still there after two seconds. Blocks until all are gone.
    void stop();
    /// Has them read their certificates again.
    void hang_up();

  private:
    struct Worker;
    bool adopt(Worker& worker);
    void launch(Worker& worker);
    void watch(Worker& worker, int pidfd);
    void ended(Worker& worker);

    boost::asio::io_context& io_;
    std::vector<std::unique_ptr<Worker>> workers_;
    bool stopping_ = false;
};

}  // namespace carillon::relays
