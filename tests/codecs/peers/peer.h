/// Programs that others wrote, as codecs: what goes in and comes out are files in a folder of the test's own.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace carillon::codecs::test {

class Peer {
  public:
    Peer() {
        folder_ =
            std::filesystem::temp_directory_path() / ("carillon-codecs-" + std::to_string(::getpid()) + "-XXXXXX");
        auto name = folder_.string();
        folder_ = ::mkdtemp(name.data());
    }
    ~Peer() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Peer(const Peer&) = delete;

    std::string path(const std::string& name) const { return (folder_ / name).string(); }

    template <class T>
    void put(const std::string& name, const std::vector<T>& data) const {
        std::ofstream file{path(name), std::ios::binary};
        file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
    }
    template <class T>
    std::vector<T> get(const std::string& name) const {
        return read<T>(path(name));
    }

    template <class T>
    static std::vector<T> read(const std::string& path) {
        std::ifstream file{path, std::ios::binary | std::ios::ate};
        if (!file) return {};
        std::vector<T> data(static_cast<std::size_t>(file.tellg()) / sizeof(T));
        file.seekg(0);
        file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size() * sizeof(T)));
        return data;
    }
    /// In that folder; false and a failure of the test when it goes wrong.
    bool run(const std::string& command) const {
        const auto status = std::system(("cd " + folder_.string() + " && " + command + " </dev/null").c_str());
        EXPECT_EQ(status, 0) << command;
        return status == 0;
    }
    bool ffmpeg(const std::string& arguments) const { return run("ffmpeg -v error -y " + arguments); }

  private:
    std::filesystem::path folder_;
};

}  // namespace carillon::codecs::test
