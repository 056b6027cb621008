#include "signaling/files/thumbnailer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace carillon::files {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxOutput = 512 * 1024;
constexpr int kMaxEdge = 4096;  // of a thumbnail, whatever the process says
constexpr int kMaxImageEdge = 65535;

/// A child process that is gone when this is.
class Child {
  public:
    Child(const std::filesystem::path& program, int in, int out) {
        posix_spawn_file_actions_t actions{};
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        std::string name = program.string();
        std::array<char*, 2> arguments{name.data(), nullptr};
        std::array<char*, 1> environment{nullptr};
        if (::posix_spawn(&pid_, name.c_str(), &actions, nullptr, arguments.data(), environment.data()) != 0) pid_ = -1;
        ::posix_spawn_file_actions_destroy(&actions);
    }
    ~Child() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    bool started() const { return pid_ > 0; }
    /// Its exit status; -1 when it was killed. Its output has ended, so it ends as well.
    int wait() {
        int status = 0;
        const auto pid = std::exchange(pid_, -1);
        while (::waitpid(pid, &status, 0) < 0) {
            if (errno != EINTR) return -1;
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

  private:
    pid_t pid_ = -1;
};

/// Nothing: too much, or not in time.
std::optional<std::string> read_output(int from, Clock::time_point until) {
    std::string output;
    std::array<char, 16384> piece{};
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        pollfd wanted{from, POLLIN, 0};
        if (left <= 0 || ::poll(&wanted, 1, static_cast<int>(left)) == 0) return std::nullopt;
        const auto got = ::read(from, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) return output;
        output.append(piece.data(), static_cast<std::size_t>(got));
        if (output.size() > kMaxOutput) return std::nullopt;
    }
}

std::optional<int> take_number(std::string_view& text, char end, int most) {
    int value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto used = static_cast<std::size_t>(at - text.data());
    if (error != std::errc{} || used >= text.size() || text[used] != end || value <= 0 || value > most)
        return std::nullopt;
    text.remove_prefix(used + 1);
    return value;
}

}  // namespace

bool may_have_thumbnail(std::string_view type) {
    return type == "image/jpeg" || type == "image/png" || type == "image/gif" || type == "image/webp";
}

std::optional<Thumbnail> parse_thumbnail(std::string_view output) {
    const auto width = take_number(output, ' ', kMaxImageEdge);
    const auto height = width ? take_number(output, ' ', kMaxImageEdge) : std::nullopt;
    const auto small_width = height ? take_number(output, ' ', kMaxEdge) : std::nullopt;
    const auto small_height = small_width ? take_number(output, '\n', kMaxEdge) : std::nullopt;
    if (!small_height || !output.starts_with("\xFF\xD8\xFF")) return std::nullopt;
    return Thumbnail{*width, *height, *small_width, *small_height, std::string{output}};
}

std::optional<Thumbnail> make_thumbnail(const std::filesystem::path& program, int picture,
                                        std::chrono::milliseconds patience) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::nullopt;
    std::optional<std::string> output;
    int status = -1;
    {
        Child child{program, picture, pipe[1]};
        ::close(pipe[1]);
        if (child.started()) output = read_output(pipe[0], Clock::now() + patience);
        if (output) status = child.wait();
    }
    ::close(pipe[0]);
    return status == 0 ? parse_thumbnail(*output) : std::nullopt;
}

}  // namespace carillon::files
