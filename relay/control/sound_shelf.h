/// Sounds that signaling on another machine has sent along, in files of the worker's own, by their SHA-256.
/// Spec: PutSound of control.proto, docs/relay-control.md.
/// Not here: playing them (relay/media).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <list>
#include <string>

#include "relay/api/program.h"

namespace carillon::relay {

/// Threading: the control thread.  Owns: a folder, which goes with it.
class SoundShelf {
  public:
    static constexpr std::uint64_t kLargest = 16u << 20;
    static constexpr std::uint64_t kRoom = 64u << 20;  ///< for all; those that were used last stay

    SoundShelf() = default;
    ~SoundShelf();
    SoundShelf(const SoundShelf&) = delete;

    /// A piece of a sound; answers how many octets of it are there. What is there already is passed over. The error is
    /// a sentence.
    std::expected<std::uint64_t, std::string> put(const std::string& name, std::uint64_t size, std::uint64_t offset,
                                                  const std::string& octets);
    /// Names become files. The error: one of them is not there.
    std::expected<void, std::string> resolve(api::Program& program);

  private:
    struct Entry {
        std::string name;
        std::uint64_t size = 0;
        std::string octets;  // until it is whole
        bool whole = false;
    };
    std::expected<void, std::string> resolve(api::Source& source);
    std::expected<void, std::string> finish(Entry& entry);
    Entry* find(const std::string& name);
    bool make_room(std::uint64_t size);
    void drop(std::list<Entry>::iterator entry);

    std::filesystem::path folder_;  // made with the first
    std::list<Entry> entries_;      // used last first
};

}  // namespace carillon::relay
