/// Reading back what was written, whole, cut off and damaged.
#include "media/record/ogg_opus_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "codecs/opus/storage_codec.h"
#include "media/record/ogg_opus_writer.h"

namespace carillon::record {
namespace {

using Octets = std::vector<std::byte>;

class OggOpusReader : public ::testing::Test {
  protected:
    void SetUp() override {
        path_ = std::filesystem::temp_directory_path() / ("carillon-reader-" + std::to_string(::getpid()) + ".opus");
        std::filesystem::remove(path_);
    }
    void TearDown() override { std::filesystem::remove(path_); }

    /// So many packets of 20 ms.
    std::vector<Octets> write(std::size_t count) {
        codecs::opus::StorageEncoder encoder;
        auto writer = OggOpusWriter::create(path_, {});
        EXPECT_TRUE(writer);
        std::vector<Octets> packets;
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<std::int16_t> frame(320);
            for (std::size_t at = 0; at < frame.size(); ++at)
                frame[at] = static_cast<std::int16_t>((at + i) * 37 % 2000);
            Octets packet(1275);
            packet.resize(encoder.encode(frame, packet));
            EXPECT_TRUE(writer->write(packet));
            packets.push_back(std::move(packet));
        }
        EXPECT_TRUE(writer->close());
        return packets;
    }
    Octets read() const {
        std::ifstream in{path_, std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{in}, {}};
        const auto bytes = as_bytes(text);
        return {bytes.begin(), bytes.end()};
    }

    /// RFC 7845 §5.1: mono, mapping family 0.
    static Octets read_head() {
        Octets head(19);
        std::ranges::copy(as_bytes(std::string_view{"OpusHead\x01\x01"}), head.begin());
        return head;
    }
    /// A page of one piece of a packet, as no page of ours is cut.
    static Octets raw_page(std::uint8_t flags, std::uint8_t sequence, Bytes body) {
        Octets page(27);
        std::ranges::copy(as_bytes(std::string_view{"OggS"}), page.begin());
        page[5] = std::byte{flags}, page[14] = std::byte{1}, page[18] = std::byte{sequence}, page[26] = std::byte{1};
        page.push_back(static_cast<std::byte>(body.size()));
        page.insert(page.end(), body.begin(), body.end());
        const auto sum = ogg_checksum(page);
        for (std::size_t i = 0; i < 4; ++i) page[22 + i] = static_cast<std::byte>(sum >> (8 * i));
        return page;
    }

    std::filesystem::path path_;
};

TEST_F(OggOpusReader, GivesWhatWasWritten) {
    const auto packets = write(120);
    const auto file = load_ogg_opus(path_);
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(file->packets, packets);
    EXPECT_TRUE(file->complete);
    EXPECT_EQ(file->channels, 1U);
    EXPECT_EQ(file->samples, 120U * 960);
    EXPECT_EQ(file->length().count(), (120 * 960 - 312) / 48);
}

TEST_F(OggOpusReader, CutOffItLacksTheEndAndNothingElse) {
    const auto packets = write(120);
    const auto whole = read();
    std::size_t before = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto file = parse_ogg_opus(Bytes{whole}.first(size));
        if (!file) continue;
        EXPECT_FALSE(file->complete);
        ASSERT_GE(file->packets.size(), before);
        before = file->packets.size();
        ASSERT_TRUE(std::equal(file->packets.begin(), file->packets.end(), packets.begin()));
    }
    EXPECT_GE(before, 95U) << "the last page holds half a second at most";
}

TEST_F(OggOpusReader, StopsAtADamagedPage) {
    write(120);
    auto octets = read();
    octets[octets.size() / 2] ^= std::byte{0x40};
    const auto file = parse_ogg_opus(octets);
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->complete);
    EXPECT_LT(file->packets.size(), 90U);
}

TEST_F(OggOpusReader, PacketsGoOnInTheNextPage) {
    const Octets head{read_head()};
    OggPage page;
    page.add(head);
    auto file = page.finish(OggPage::kFirst, 0, 1, 0);
    const auto add = [&](const Octets& more) { file.insert(file.end(), more.begin(), more.end()); };
    page.add(as_bytes(std::string_view{"OpusTags"}));
    add(page.finish(OggPage::kNone, 0, 1, 1));
    // 300 octets: 255 at the end of one page, 45 on the next.
    Octets packet(300, std::byte{7});
    packet[0] = std::byte{0xF8};
    add(raw_page(0, 2, Bytes{packet}.first(255)));
    add(raw_page(1, 3, Bytes{packet}.subspan(255)));
    const auto parsed = parse_ogg_opus(file);
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->packets.size(), 1U);
    EXPECT_EQ(parsed->packets[0], packet);
}

TEST_F(OggOpusReader, SaysWhatIsNoSuchFile) {
    EXPECT_FALSE(load_ogg_opus("/nonexistent/x.opus"));
    EXPECT_FALSE(parse_ogg_opus({}));
    OggPage page;
    page.add(as_bytes(std::string_view{"\x01vorbis and more than that"}));
    EXPECT_EQ(parse_ogg_opus(page.finish(OggPage::kFirst, 0, 1, 0)).error(), Errc::bad_magic);
    auto head = read_head();
    head[18] = std::byte{1};
    page.add(head);
    EXPECT_EQ(parse_ogg_opus(page.finish(OggPage::kFirst, 0, 1, 0)).error(), Errc::unsupported);
    page.add(Bytes{head}.first(12));
    EXPECT_EQ(parse_ogg_opus(page.finish(OggPage::kFirst, 0, 1, 0)).error(), Errc::truncated);
}

}  // namespace
}  // namespace carillon::record
