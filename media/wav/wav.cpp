#include "media/wav/wav.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>

#include "codecs/g711/g711.h"

namespace carillon::wav {
namespace {

constexpr std::uint16_t kPcm = 1;
constexpr std::uint16_t kAlaw = 6;
constexpr std::uint16_t kMulaw = 7;
constexpr std::uint16_t kExtensible = 0xFFFE;
constexpr std::size_t kHeaderSize = 44;
constexpr std::size_t kMaxFile = 256U << 20;
constexpr std::size_t kMaxSamples = (0xFFFFFFFFU - kHeaderSize) / 2;  // RIFF sizes are 32 bits

std::uint32_t little(Bytes bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8) | std::to_integer<std::uint32_t>(bytes[i]);
    return value;
}

struct Format {
    std::uint16_t tag = 0;
    std::uint16_t channels = 0;
    std::uint32_t sample_rate = 0;
    std::uint16_t bits = 0;
};

Parsed<Format> parse_format(Bytes chunk) {
    if (chunk.size() < 16) return std::unexpected{Errc::truncated};
    Format format;
    format.tag = static_cast<std::uint16_t>(little(chunk.subspan(0, 2)));
    format.channels = static_cast<std::uint16_t>(little(chunk.subspan(2, 2)));
    format.sample_rate = little(chunk.subspan(4, 4));
    format.bits = static_cast<std::uint16_t>(little(chunk.subspan(14, 2)));
    if (format.tag == kExtensible) {
        if (chunk.size() < 26) return std::unexpected{Errc::truncated};
        format.tag = static_cast<std::uint16_t>(little(chunk.subspan(24, 2)));  // first two octets of the sub-format
    }
    if (format.channels == 0 || format.channels > 8) return std::unexpected{Errc::bad_value};
    if (format.sample_rate < 1000 || format.sample_rate > 384000) return std::unexpected{Errc::bad_value};
    const bool g711 = format.tag == kAlaw || format.tag == kMulaw;
    if (g711 && format.bits != 8) return std::unexpected{Errc::bad_value};
    if (!g711 && format.tag != kPcm) return std::unexpected{Errc::unsupported};
    if (format.bits != 8 && format.bits != 16 && format.bits != 24 && format.bits != 32) {
        return std::unexpected{Errc::unsupported};
    }
    return format;
}

std::int16_t one_sample(const Format& format, Bytes raw) {
    using codecs::g711::Law;
    if (format.tag == kMulaw) return codecs::g711::decode(Law::mu, std::to_integer<std::uint8_t>(raw[0]));
    if (format.tag == kAlaw) return codecs::g711::decode(Law::a, std::to_integer<std::uint8_t>(raw[0]));
    if (format.bits == 8) return static_cast<std::int16_t>((std::to_integer<int>(raw[0]) - 128) * 256);  // unsigned
    return static_cast<std::int16_t>(little(raw.last(2)));  // the upper 16 bits are enough
}

std::vector<std::int16_t> mix_down(const Format& format, Bytes data) {
    const std::size_t width = format.bits / 8U;
    const std::size_t block = width * format.channels;
    std::vector<std::int16_t> samples;
    samples.reserve(data.size() / block);
    for (std::size_t at = 0; at + block <= data.size(); at += block) {
        int sum = 0;
        for (std::size_t channel = 0; channel < format.channels; ++channel) {
            sum += one_sample(format, data.subspan(at + channel * width, width));
        }
        samples.push_back(static_cast<std::int16_t>(sum / format.channels));
    }
    return samples;
}

std::array<std::byte, kHeaderSize> header(unsigned sample_rate, std::size_t samples) {
    std::array<std::byte, kHeaderSize> out{};
    const auto text = [&](std::size_t at, std::string_view what) { std::memcpy(&out[at], what.data(), what.size()); };
    const auto number = [&](std::size_t at, std::size_t width, std::size_t value) {
        for (std::size_t i = 0; i < width; ++i) out[at + i] = static_cast<std::byte>(value >> (8 * i));
    };
    text(0, "RIFF");
    number(4, 4, kHeaderSize - 8 + samples * 2);
    text(8, "WAVEfmt ");
    number(16, 4, 16);
    number(20, 2, kPcm);
    number(22, 2, 1);
    number(24, 4, sample_rate);
    number(28, 4, std::size_t{sample_rate} * 2);
    number(32, 2, 2);
    number(34, 2, 16);
    text(36, "data");
    number(40, 4, samples * 2);
    return out;
}

}  // namespace

Parsed<Audio> parse(Bytes file) {
    if (file.size() < 12) return std::unexpected{Errc::truncated};
    if (as_text(file.first(4)) != "RIFF" || as_text(file.subspan(8, 4)) != "WAVE")
        return std::unexpected{Errc::bad_magic};
    std::optional<Format> format;
    for (auto rest = file.subspan(12); rest.size() >= 8;) {
        const auto name = as_text(rest.first(4));
        // A recorder that was killed leaves 0 or too much as the size of "data": take what is there.
        const auto promised = static_cast<std::size_t>(little(rest.subspan(4, 4)));
        const auto body = rest.subspan(8, std::min(promised, rest.size() - 8));
        if (name == "fmt ") {
            const auto parsed = parse_format(body);
            if (!parsed) return std::unexpected{parsed.error()};
            format = *parsed;
        } else if (name == "data") {
            if (!format) return std::unexpected{Errc::bad_value};
            return Audio{format->sample_rate, mix_down(*format, body)};
        }
        rest = rest.subspan(std::min(rest.size(), 8 + body.size() + (body.size() & 1)));
    }
    return std::unexpected{Errc::truncated};
}

std::vector<std::byte> serialize(const Audio& audio) {
    const auto head = header(audio.sample_rate, audio.samples.size());
    std::vector<std::byte> out{head.begin(), head.end()};
    for (const auto sample : audio.samples) {
        out.push_back(static_cast<std::byte>(sample));
        out.push_back(static_cast<std::byte>(sample >> 8));
    }
    return out;
}

std::expected<Audio, std::string> load(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rbe"), &std::fclose};
    if (!file) return std::unexpected{path + ": " + std::strerror(errno)};
    std::vector<std::byte> bytes;
    std::array<std::byte, 65536> piece{};
    while (const auto got = std::fread(piece.data(), 1, piece.size(), file.get())) {
        bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
        if (bytes.size() > kMaxFile) return std::unexpected{path + ": larger than 256 MiB"};
    }
    auto audio = parse(bytes);
    if (!audio)
        return std::unexpected{path + ": not a WAV file this program reads (" + std::string{to_string(audio.error())} +
                               ")"};
    return std::move(*audio);
}

std::expected<Writer, std::string> Writer::create(const std::string& path, unsigned sample_rate) {
    auto* file = std::fopen(path.c_str(), "wbe");
    if (!file) return std::unexpected{path + ": " + std::strerror(errno)};
    Writer writer{file, sample_rate};
    const auto head = header(sample_rate, 0);
    writer.failed_ = std::fwrite(head.data(), 1, head.size(), file) != head.size();
    return writer;
}

Writer::~Writer() { close(); }

void Writer::write(std::span<const std::int16_t> samples) {
    static_assert(std::endian::native == std::endian::little, "samples go to the file as they lie in memory");
    if (!file_ || written_ + samples.size() > kMaxSamples) {
        failed_ = true;
        return;
    }
    const auto done = std::fwrite(samples.data(), sizeof(std::int16_t), samples.size(), file_.get());
    failed_ = failed_ || done != samples.size();
    written_ += done;
}

bool Writer::close() {
    if (!file_) return !failed_;
    const auto head = header(sample_rate_, written_);
    failed_ = failed_ || std::fseek(file_.get(), 0, SEEK_SET) != 0 ||
              std::fwrite(head.data(), 1, head.size(), file_.get()) != head.size();
    failed_ = std::fclose(file_.release()) != 0 || failed_;
    return !failed_;
}

}  // namespace carillon::wav
