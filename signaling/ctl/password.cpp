#include "signaling/ctl/password.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>

namespace carillon::ctl {
namespace {

/// Switches echo off while it lives.
class NoEcho {
  public:
    explicit NoEcho(int terminal) : terminal_{terminal} {
        ::tcgetattr(terminal_, &before_);
        auto quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(terminal_, TCSAFLUSH, &quiet);
    }
    ~NoEcho() { ::tcsetattr(terminal_, TCSAFLUSH, &before_); }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

  private:
    int terminal_;
    termios before_{};
};

std::string ask(std::FILE* terminal, const std::string& question) {
    std::fputs(question.c_str(), terminal);
    std::fflush(terminal);
    const NoEcho quiet{::fileno(terminal)};
    std::string out;
    for (int c = std::fgetc(terminal); c != EOF && c != '\n' && out.size() < 1024; c = std::fgetc(terminal))
        out += static_cast<char>(c);
    std::fputs("\n", terminal);
    return out;
}

}  // namespace

std::expected<Secret, std::string> password_from_stdin() {
    std::string line;
    std::getline(std::cin, line);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) return std::unexpected{"Standard input held no password: write it as one line."};
    return Secret{std::move(line)};
}

std::expected<Secret, std::string> password_from_prompt(const std::string& jid) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> terminal{std::fopen("/dev/tty", "r+"), &std::fclose};
    if (!terminal)
        return std::unexpected{"There is no terminal to ask for the password on: use --password-stdin or --password."};
    auto first = ask(terminal.get(), "Password for " + jid + ": ");
    if (first.empty()) return std::unexpected{"An empty password is no password; nothing was changed."};
    if (first != ask(terminal.get(), "Once more: ")) return std::unexpected{"The two differ; nothing was changed."};
    return Secret{std::move(first)};
}

}  // namespace carillon::ctl
