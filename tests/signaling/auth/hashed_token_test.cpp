#include "signaling/auth/hashed_token.h"

#include <gtest/gtest.h>

#include "signaling/auth/downgrade_protection.h"
#include "signaling/auth/sasl_server.h"

namespace carillon::auth {
namespace {

using std::string_literals::operator""s;

TEST(SaslHtS3Messages, HaveANameAndAHashOfTheRightLength) {
    EXPECT_TRUE(read_initiator("user\0"s + std::string(32, 'x')));
    EXPECT_FALSE(read_initiator("user\0"s + std::string(31, 'x')));
    EXPECT_FALSE(read_initiator("\0"s + std::string(32, 'x')));
    EXPECT_FALSE(read_initiator("user"));
    EXPECT_FALSE(read_initiator(""));
}

TEST(SaslHtS3Binding, IsThatOfTheChannelOrThereIsNoMechanism) {
    const ChannelBindings none;
    EXPECT_TRUE(HashedTokenMechanism::of("HT-SHA-256-NONE", none));
    for (const auto* name : {"HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-UNIQ", "HT-SHA-512-NONE", "PLAIN", ""})
        EXPECT_FALSE(HashedTokenMechanism::of(name, none)) << name;
    const ChannelBindings some{.tls_exporter = "e", .tls_server_end_point = "s", .tls_unique = "u"};
    EXPECT_EQ(HashedTokenMechanism::of("HT-SHA-256-EXPR", some)->channel_binding, "e");
    EXPECT_EQ(HashedTokenMechanism::of("HT-SHA-256-ENDP", some)->channel_binding, "s");
    EXPECT_EQ(HashedTokenMechanism::of("HT-SHA-256-UNIQ", some)->channel_binding, "u");
}

// RFC 4231's function, worked out apart with Python's hmac: key "secret", "Initiator" and "Responder" before "cb".
TEST(SaslHtS3Hash, IsHmacOfRoleAndBinding) {
    const HashedTokenMechanism mechanism{"cb"};
    const std::string initiator{
        "\x96\x3a\x64\x5d\x01\xf2\xdb\xfe\xd9\xe4\x05\x70\x48\x25\x14\x8c\x30\x93\xaf\x84\x68\x50\x4b\x40\x4e\x6e\x37"
        "\xe7\x12\x16\x74\x0b",
        32};
    EXPECT_TRUE(token_matches("secret", mechanism, initiator));
    EXPECT_FALSE(token_matches("secret", {}, initiator));
    EXPECT_FALSE(token_matches("Secret", mechanism, initiator));
    EXPECT_EQ(responder_message("secret", mechanism),
              (std::string{"\x6a\x81\x3d\x48\x84\x03\xd8\xaa\xe4\x26\xda\x81\x23\x06\xe8\x6e\x68\x8d\xf8\x01\x30\x46"
                           "\x8d\x38\xa8\xc3\x3f\x78\xf6\x37\x4c\xd6",
                           32}));
}

// XEP-0474 §5.3: the published example.
TEST(Xep0474S5p1Hash, IsThePublishedOne) {
    EXPECT_EQ(
        offer_hash("SCRAM-SHA-1-PLUS", {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}, {"tls-server-end-point", "tls-exporter"}),
        "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
}

TEST(Xep0474S5p1Hash, IsInTheServersFirstMessage) {
    const Security tls{.tls = true, .bindings = {.tls_exporter = "x", .tls_server_end_point = {}, .tls_unique = {}}};
    SaslServer server{tls, {.domain = "example.com", .decoy_secret = Secret{"s"}, .nonce = {}}};
    ASSERT_TRUE(std::holds_alternative<NeedKeys>(server.start("SCRAM-SHA-256", "n,,n=user,r=abc")));
    const auto step = server.keys(std::nullopt);
    const auto& data = std::get<Challenge>(step).data;
    EXPECT_TRUE(data.ends_with(",h=" + offer_hash("SCRAM-SHA-256", mechanisms_for(tls), binding_types_for(tls))))
        << data;
}

}  // namespace
}  // namespace carillon::auth
