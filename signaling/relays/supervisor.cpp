#include "signaling/relays/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

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
    const auto parent = ::getpid();
    const auto pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a worker without its server serves nobody
    if (::getppid() != parent) ::_exit(1);
    ::setsid();  // a terminal's Ctrl-C is for the server, which ends workers in order
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::close_range(3, ~0U, 0);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

std::string describe(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) == 127) return "its program cannot be run";
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

struct Supervisor::Worker {
    Worker(boost::asio::io_context& io, WorkerCommand what) : command{std::move(what)}, ending{io}, retry{io} {}
    WorkerCommand command;
    pid_t pid = -1;
    boost::asio::posix::stream_descriptor ending;  // pidfd: readable when the process has ended
    boost::asio::steady_timer retry;
    std::chrono::milliseconds pause{kFirstPause};
    std::chrono::steady_clock::time_point started;
};

Supervisor::Supervisor(boost::asio::io_context& io, std::vector<WorkerCommand> workers) : io_{io} {
    for (auto& command : workers) workers_.push_back(std::make_unique<Worker>(io_, std::move(command)));
}

Supervisor::~Supervisor() { stop(); }

void Supervisor::start() {
    for (const auto& worker : workers_) launch(*worker);
}

void Supervisor::launch(Worker& worker) {
    worker.pid = spawn(worker.command);
    worker.started = std::chrono::steady_clock::now();
    if (worker.pid < 0) {
        log::error("relay worker not started", {{"worker", worker.command.name}});
        return ended(worker, 0);
    }
    log::info("relay worker started", {{"worker", worker.command.name}, {"pid", worker.pid}});
    watch(worker);
}

void Supervisor::watch(Worker& worker) {
    worker.ending.assign(open_pidfd(worker.pid));
    worker.ending.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, &worker](auto error) {
        if (error) return;
        int status = 0;
        ::waitpid(worker.pid, &status, 0);
        worker.pid = -1;
        worker.ending.close();
        log::error("relay worker died", {{"worker", worker.command.name}, {"of", describe(status)}});
        ended(worker, status);
    });
}

void Supervisor::ended(Worker& worker, int) {
    if (stopping_) return;
    if (std::chrono::steady_clock::now() - worker.started > kLongLife) worker.pause = kFirstPause;
    worker.retry.expires_after(worker.pause);
    worker.pause = std::min(worker.pause * 2, kLongestPause);
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
        boost::system::error_code ignored;
        worker->ending.close(ignored);
        if (worker->pid > 0) ::kill(worker->pid, SIGTERM);
    }
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (const auto& worker : workers_) {
        while (worker->pid > 0) {
            if (::waitpid(worker->pid, nullptr, WNOHANG) != 0) {
                worker->pid = -1;
            } else if (std::chrono::steady_clock::now() >= deadline) {
                ::kill(worker->pid, SIGKILL);
                ::waitpid(worker->pid, nullptr, 0);
                worker->pid = -1;
            } else {
                std::this_thread::sleep_for(std::chrono::milliseconds{10});
            }
        }
    }
}

}  // namespace carillon::relays
