/// Takes the sounds that programs play to a worker of another machine, which cannot read this machine's files.
/// Spec: docs/relay-control.md (PutSound).
/// Not here: which worker (worker_relay.h).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "relay/api/client.h"

namespace carillon::calls {

/// Threading: one thread.  Owns: the sounds that were read last, 32 MiB of them at most.
class SoundCourier {
  public:
    using Done = std::function<void(std::expected<relay::api::Program, relay::api::Error> program)>;

    /// Which sounds a worker has, by name. Lives as long as anything is under way.
    using Known = std::shared_ptr<std::set<std::string>>;

    /// `done`: the program, to be said to that worker now. Never from within the call when something has to be sent.
    void deliver(const std::weak_ptr<relay::api::Client>& to, const Known& known, relay::api::Program program,
                 const Done& done);

  private:
    struct Sound {
        std::string file;
        std::filesystem::file_time_type changed;
        std::string name;  // its SHA-256
        std::string octets;
    };
    using SoundPtr = std::shared_ptr<const Sound>;
    struct Errand;

    std::expected<SoundPtr, std::string> read(const std::string& file);
    static void send(const std::shared_ptr<Errand>& errand);

    static constexpr std::uintmax_t kLargest = 16u << 20;
    static constexpr std::size_t kKept = 32u << 20;
    std::list<SoundPtr> sounds_;  // used last first
};

}  // namespace carillon::calls
