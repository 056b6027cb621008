/// Foreign programs in tests: what one says on its standard output.
#pragma once
#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace carillon::test {

inline std::string output_of(const std::string& command) {
    struct Close {
        void operator()(std::FILE* pipe) const { ::pclose(pipe); }
    };
    const std::unique_ptr<std::FILE, Close> pipe{::popen(command.c_str(), "r")};
    if (!pipe) throw std::runtime_error{"cannot run " + command};
    std::string out;
    std::array<char, 4096> piece{};
    while (const auto size = std::fread(piece.data(), 1, piece.size(), pipe.get())) out.append(piece.data(), size);
    return out;
}

}  // namespace carillon::test
