#include "signaling/relays/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/base/log.h"

namespace carillon::relays {
namespace {

constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::seconds kLongLife{10};  ///< after so long a death counts as the first again
constexpr std::chrono::seconds kPatience{2};

/// fork and exec; -1 when there are no more processes. Between the two only async-signal-safe calls.
pid_t spawn(const WorkerCommand& command) {
    std::vector<char*> arguments;
    arguments.push_back(const_cast<char*>(command.program.c_str()));
    for (const auto& argument : command.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const auto pid = ::fork();
    if (pid != 0) return pid;
    ::setsid();  // a terminal's Ctrl-C is for the server, which ends workers in order
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::close_range(3, ~0U, 0);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

/// Whether the process has ended, waiting for so long at most.
bool ended_within(int pidfd, std::chrono::milliseconds patience) {
    pollfd wait{.fd = pidfd, .events = POLLIN, .revents = 0};
    return pidfd < 0 || ::poll(&wait, 1, static_cast<int>(patience.count())) > 0;
}

std::string describe(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) == 127) return "its program cannot be run";
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

/// Who listens on that socket; 0: nobody.
pid_t listener_on(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return 0;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return 0;
    ucred peer{};
    socklen_t length = sizeof peer;
    const bool known = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
    ::close(socket);
    return known ? peer.pid : 0;
}

/// Whether it is the very program that would be started now, with the same arguments.
bool runs_as(pid_t pid, const WorkerCommand& command) {
    const auto folder = std::filesystem::path{"/proc"} / std::to_string(pid);
    std::ifstream in{folder / "cmdline", std::ios::binary};
    const std::string line{std::istreambuf_iterator<char>{in}, {}};
    std::string wanted = command.program + '\0';
    for (const auto& argument : command.arguments) wanted += argument + '\0';
    std::error_code error;
    const auto running = std::filesystem::read_symlink(folder / "exe", error);
    // A program that was replaced on the disk is another one: the link says "(deleted)" then.
    return line == wanted && !error && running == std::filesystem::canonical(command.program, error) && !error;
}

}  // namespace

struct Supervisor::Worker {
    Worker(boost::asio::io_context& io, WorkerCommand what) : command{std::move(what)}, ending{io}, retry{io} {}
    WorkerCommand command;
    pid_t pid = -1;
    bool child = true;                             // else an earlier life of this server started it
    boost::asio::posix::stream_descriptor ending;  // pidfd: readable when the process has ended
    boost::asio::steady_timer retry;
    std::chrono::milliseconds pause{0};
    std::chrono::steady_clock::time_point started;

    /// Collects a child that has ended; its status.
    int collect() {
        int status = 0;
        if (child && pid > 0) ::waitpid(pid, &status, 0);
        pid = -1;
        boost::system::error_code ignored;
        ending.close(ignored);
        return status;
    }
};

Supervisor::Supervisor(boost::asio::io_context& io, std::vector<WorkerCommand> workers) : io_{io} {
    for (auto& command : workers) workers_.push_back(std::make_unique<Worker>(io_, std::move(command)));
}

Supervisor::~Supervisor() { stop(); }

void Supervisor::start() {
    for (const auto& worker : workers_)
        if (!adopt(*worker)) launch(*worker);
}

/// A worker that an earlier life of this server left behind goes on, with its calls. One with other settings makes room
/// for a new one, which takes its streams up.
bool Supervisor::adopt(Worker& worker) {
    const auto pid = listener_on(worker.command.socket);
    if (pid <= 0) return false;
    const bool same = runs_as(pid, worker.command);
    const int pidfd = open_pidfd(pid);
    if (pidfd < 0) return false;
    if (!same) {
        log::info("a relay worker with other settings is replaced", {{"worker", worker.command.name}, {"pid", pid}});
        ::kill(pid, SIGKILL);
        ended_within(pidfd, kPatience);
        ::close(pidfd);
        return false;
    }
    worker.pid = pid;
    worker.child = false;
    worker.started = std::chrono::steady_clock::now();
    log::info("relay worker goes on", {{"worker", worker.command.name}, {"pid", pid}});
    watch(worker, pidfd);
    return true;
}

void Supervisor::launch(Worker& worker) {
    worker.child = true;
    worker.pid = spawn(worker.command);
    worker.started = std::chrono::steady_clock::now();
    if (worker.pid < 0) {
        log::error("relay worker not started", {{"worker", worker.command.name}});
        return ended(worker);
    }
    log::info("relay worker started", {{"worker", worker.command.name}, {"pid", worker.pid}});
    watch(worker, open_pidfd(worker.pid));
}

void Supervisor::watch(Worker& worker, int pidfd) {
    worker.ending.assign(pidfd);
    worker.ending.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, &worker](auto error) {
        if (error) return;
        const bool child = worker.child;
        const int status = worker.collect();
        log::error("relay worker died",
                   {{"worker", worker.command.name}, {"of", child ? describe(status) : std::string{"unknown"}}});
        ended(worker);
    });
}

/// The first time it is back at once: calls wait for it.
void Supervisor::ended(Worker& worker) {
    if (stopping_) return;
    if (std::chrono::steady_clock::now() - worker.started > kLongLife) worker.pause = {};
    worker.retry.expires_after(worker.pause);
    worker.pause = worker.pause.count() == 0 ? kFirstPause : std::min(worker.pause * 2, kLongestPause);
    worker.retry.async_wait([this, &worker](auto error) {
        if (!error && !stopping_) launch(worker);
    });
}

void Supervisor::hang_up() {
    for (const auto& worker : workers_)
        if (worker->pid > 0) ::kill(worker->pid, SIGHUP);
}

void Supervisor::stop() {
    if (std::exchange(stopping_, true)) return;
    for (const auto& worker : workers_) {
        worker->retry.cancel();
        if (worker->pid > 0) ::kill(worker->pid, SIGTERM);
    }
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (const auto& worker : workers_) {
        if (worker->pid <= 0) continue;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        const int pidfd = worker->ending.native_handle();
        if (!ended_within(pidfd, std::max(left, std::chrono::milliseconds{0}))) {
            ::kill(worker->pid, SIGKILL);
            ended_within(pidfd, kPatience);
        }
        worker->collect();
    }
}

}  // namespace carillon::relays
