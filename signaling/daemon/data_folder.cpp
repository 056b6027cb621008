#include "signaling/daemon/data_folder.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <thread>

#include "config/base/log.h"

namespace carillon::daemon {

namespace fs = std::filesystem;

std::expected<void, std::string> make_data_folder(const fs::path& folder) {
    std::error_code error;
    if (fs::is_directory(folder, error)) {
        if (::access(folder.c_str(), W_OK) == 0) return {};
        return std::unexpected{"cannot write to the data folder " + folder.string() +
                               ": give it to the user who runs carillond, or choose another with --data"};
    }
    fs::create_directories(folder, error);
    if (error) {
        return std::unexpected{"cannot make the data folder " + folder.string() + ": " + error.message() +
                               ". Choose another with --data"};
    }
    fs::permissions(folder, fs::perms::owner_all, error);
    return {};
}

DataFolderLock::~DataFolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::expected<void, std::string> DataFolderLock::take(const fs::path& folder) {
    constexpr int kTries = 50;  // one that was killed a moment ago may not be gone altogether
    const auto file = folder / "carillond.lock";
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return std::unexpected{file.string() + ": " + std::generic_category().message(errno)};
    for (int i = 0; i < kTries; ++i) {
        if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds{40});
    }
    return std::unexpected{"another carillond is using the data folder " + folder.string() +
                           ": stop it, or choose another folder with --data"};
}

std::expected<std::vector<net::CertificateFiles>, std::string> certificate_files(const config::Settings& settings) {
    std::vector<net::CertificateFiles> all;
    const auto folder = fs::path{settings.data.dir} / "certificates";
    for (const auto& host : settings.hosts) {
        net::CertificateFiles files{host.domain, host.certificate, host.key};
        if (host.certificate.empty()) {
            std::error_code error;
            fs::create_directories(folder, error);
            files.certificate = folder / (host.domain + ".crt");
            files.key = folder / (host.domain + ".key");
            if (!fs::exists(files.certificate, error) || !fs::exists(files.key, error)) {
                if (auto made = net::make_self_signed(files); !made) return std::unexpected{made.error()};
                log::info("made a self-signed certificate",
                          {{"domain", host.domain}, {"file", files.certificate.string()}});
            }
        }
        all.push_back(std::move(files));
    }
    for (const auto& component : settings.components) {
        if (!component.certificate.empty()) all.push_back({component.domain, component.certificate, component.key});
    }
    return all;
}

std::expected<Secret, std::string> server_secret(const fs::path& folder) {
    constexpr std::size_t kSize = 32;
    const auto file = folder / "secret.key";
    std::ifstream in{file, std::ios::binary};
    std::string secret{std::istreambuf_iterator<char>{in}, {}};
    if (secret.size() == kSize) return Secret{std::move(secret)};
    secret.resize(kSize);
    if (RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), kSize) != 1) {
        return std::unexpected{std::string{"no random numbers to be had"}};
    }
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool written = descriptor >= 0 && ::write(descriptor, secret.data(), kSize) == static_cast<ssize_t>(kSize);
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (!written) return std::unexpected{"cannot write " + file.string() + ": " + std::strerror(reason)};
    return Secret{std::move(secret)};
}

std::expected<void, std::string> list_certificates(const fs::path& file,
                                                   const std::vector<net::CertificateFiles>& certificates) {
    auto fresh = file;
    fresh += ".new";  // a worker may be reading
    std::ofstream out{fresh, std::ios::trunc};
    std::error_code error;
    for (const auto& one : certificates)
        out << one.domain << '\t' << fs::absolute(one.certificate, error).string() << '\t'
            << fs::absolute(one.key, error).string() << '\n';
    out.close();
    if (out) fs::rename(fresh, file, error);
    if (!out || error) return std::unexpected{"cannot write " + file.string()};
    return {};
}

std::expected<Secret, std::string> turn_secret(const fs::path& file) {
    std::ifstream in{file};
    std::string secret;
    if (std::getline(in, secret) && secret.size() >= 32) return Secret{std::move(secret)};
    std::array<unsigned char, 32> octets{};
    ::RAND_bytes(octets.data(), static_cast<int>(octets.size()));
    secret.clear();
    for (const auto octet : octets) {
        secret += "0123456789abcdef"[octet >> 4];
        secret += "0123456789abcdef"[octet & 15];
    }
    const auto mask = ::umask(0077);
    std::ofstream out{file, std::ios::trunc};
    ::umask(mask);
    if (!(out << secret << '\n' << std::flush)) return std::unexpected{"cannot write " + file.string()};
    return Secret{std::move(secret)};
}

}  // namespace carillon::daemon
