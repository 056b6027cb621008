/// WAV files: read any PCM or G.711 one as 16-bit mono, write 16-bit mono.
/// Spec: RIFF/WAVE as in Microsoft's "Multimedia Programming Interface" and WAVE_FORMAT_EXTENSIBLE.
/// Not here: float samples, other codecs, sample rates (codecs/resample).
#pragma once
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::wav {

/// A recording in memory: mono, 16 bits.
struct Audio {
    unsigned sample_rate = 8000;
    std::vector<std::int16_t> samples;
};

Parsed<Audio> parse(Bytes file);
std::vector<std::byte> serialize(const Audio& audio);

/// Reads a file of at most 256 MiB; the error is a sentence for people.
std::expected<Audio, std::string> load(const std::string& path);

/// Writes while a call runs. The sizes in the header are set by close() (or the destructor).
/// Owns: the file. Threading: one thread at a time.
class Writer {
  public:
    static std::expected<Writer, std::string> create(const std::string& path, unsigned sample_rate);
    Writer(Writer&&) = default;
    Writer& operator=(Writer&&) = default;
    ~Writer();

    void write(std::span<const std::int16_t> samples);
    bool close();  ///< false when something could not be written

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    Writer(std::FILE* file, unsigned sample_rate) : file_{file}, sample_rate_{sample_rate} {}

    std::unique_ptr<std::FILE, Close> file_;
    unsigned sample_rate_;
    std::size_t written_ = 0;
    bool failed_ = false;
};

}  // namespace carillon::wav
