#include "signaling/files/address.h"

#include <gtest/gtest.h>

namespace carillon::files {
namespace {

const std::string kId(48, 'a');
const WallTime kNow{std::chrono::hours{24 * 20'000}};

TEST(UploadAddress, NamesComeBackAsTheyWere) {
    for (const std::string name : {"a.jpg", "tr\xC3\xA8s cool.jpg", "50% off?#&=+.txt", "\xE2\x80\xAE.exe", "a..b"}) {
        const auto path = file_path(kId, name);
        EXPECT_EQ(path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/%-._~"),
                  std::string::npos)
            << path;
        const auto address = parse_file_path(path);
        ASSERT_TRUE(address) << path;
        EXPECT_EQ(address->id, kId);
        EXPECT_EQ(address->name, name);
    }
}

TEST(UploadAddress, NothingElseIsOne) {
    for (const auto& path : {std::string{"/upload/"}, "/upload/" + kId, "/upload/" + kId + '/', "/upload/" + kId + "/.",
                             "/upload/" + kId + "/..", "/upload/" + kId + "/%2e%2e", "/upload/" + kId + "/a%2Fb",
                             "/upload/" + kId + "/a/b", "/upload/" + kId + "/a\\b", "/upload/" + kId + "/.htaccess",
                             "/upload/" + kId + "/a%00b", "/upload/" + kId + "/a%0Ab", "/upload/" + kId + "/a%4",
                             "/upload/" + kId + "/a%zz", "/upload/../" + kId + "/a", "/uploads/" + kId + "/a",
                             "/upload/" + std::string(47, 'a') + "A/a", "/upload/" + std::string(47, 'a') + "//a",
                             "/upload/" + kId + '/' + std::string(5000, 'x')})
        EXPECT_FALSE(parse_file_path(path)) << path;
}

TEST(UploadAddress, IdsDiffer) {
    EXPECT_EQ(make_file_id().size(), kId.size());
    EXPECT_NE(make_file_id(), make_file_id());
}

TEST(UploadAddress, SafeNamesHoldNoPath) {
    EXPECT_EQ(safe_name("../../etc/passwd"), "passwd");
    EXPECT_EQ(safe_name("C:\\dir\\a.txt"), "a.txt");
    EXPECT_EQ(safe_name("..."), "file");
    EXPECT_EQ(safe_name(std::string{"a\0b\r\n", 5}), "ab");
    const auto cut = safe_name(std::string(300, 'x') + ".jpeg");
    EXPECT_LE(cut.size(), 200u);
    EXPECT_TRUE(cut.ends_with(".jpeg"));
    std::string wide;
    for (int i = 0; i < 150; ++i) wide += "\xC3\xA8";
    EXPECT_EQ(static_cast<unsigned char>(safe_name(wide + "x").front()), 0xC3) << "no half of a character";
}

TEST(UploadSlotSignature, IsForOneFileAndATime) {
    const Secret secret{"secret"};
    const auto query = sign_slot(secret, kId, kNow);
    EXPECT_EQ(check_slot(secret, kId, query, kNow), SlotVerdict::good);
    EXPECT_EQ(check_slot(secret, kId, query, kNow + std::chrono::seconds{1}), SlotVerdict::expired);
    EXPECT_EQ(check_slot(secret, std::string(48, 'b'), query, kNow), SlotVerdict::forged);
    EXPECT_EQ(check_slot(Secret{"other"}, kId, query, kNow), SlotVerdict::forged);
    EXPECT_EQ(check_slot(secret, kId, "", kNow), SlotVerdict::forged);
    EXPECT_EQ(check_slot(secret, kId, query + "0", kNow), SlotVerdict::forged);
    auto later = query;
    later.replace(later.find('=') + 1, 1, "9");
    EXPECT_EQ(check_slot(secret, kId, later, kNow), SlotVerdict::forged);
}

}  // namespace
}  // namespace carillon::files
