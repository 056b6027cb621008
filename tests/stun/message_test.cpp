#include "stun/message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include <stun/stunagent.h>
}

#include "stun/binding_server.h"

namespace carillon::stun {
namespace {

/// "01 02  # comment" to bytes.
std::vector<std::byte> hex(std::string_view text) {
    std::vector<std::byte> bytes;
    int high = -1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '#') i = std::min(text.find('\n', i), text.size() - 1);
        const auto digit = std::string_view{"0123456789abcdef"}.find(text[i]);
        if (digit == std::string_view::npos) continue;
        if (high < 0) {
            high = static_cast<int>(digit);
        } else {
            bytes.push_back(static_cast<std::byte>(high * 16 + static_cast<int>(digit)));
            high = -1;
        }
    }
    return bytes;
}

// RFC 5769 §2.1: sample request, short-term password VOkJxbRl1RmTxUk/WvJxBt.
const auto kSampleRequest = hex(R"(
    00 01 00 58  # request, length
    21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
    80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74  # software
    00 24 00 04 6e 00 01 ff  # priority
    80 29 00 08 93 2f f9 b1 51 26 3b 36  # ice-controlled
    00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20  # username evtj:h6vY
    00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2
    80 28 00 04 e5 7a 3b cf  # fingerprint
)");
constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";

// RFC 5769 §2.2: sample IPv4 response, 192.0.2.1 port 32853.
const auto kSampleResponse = hex(R"(
    01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
    80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
    00 20 00 08 00 01 a1 47 e1 12 a6 43
    00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7
    80 28 00 04 c0 7d 4c 96
)");

// RFC 5769 §2.3: sample IPv6 response, 2001:db8:1234:5678:11:2233:4455:6677 port 32853.
const auto kSampleResponse6 = hex(R"(
    01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
    80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
    00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9
    00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41
    80 28 00 04 c8 fb 0b 4c
)");

TEST(Rfc5769S2p1Request, IsReadAndVerified) {
    const auto message = Message::parse(kSampleRequest);
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->is_binding());
    EXPECT_EQ(message->message_class(), Class::request);
    EXPECT_EQ(as_text(*message->attribute(Attribute::username)), "evtj:h6vY");
    EXPECT_TRUE(message->integrity_matches(kPassword));
    EXPECT_FALSE(message->integrity_matches("VOkJxbRl1RmTxUk/WvJxBu"));
    EXPECT_EQ(message->fingerprint_matches(), true);
    EXPECT_FALSE(message->has(Attribute::use_candidate));
}

TEST(Rfc5769S2Responses, GiveTheMappedAddress) {
    const auto v4 = Message::parse(kSampleResponse);
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->message_class(), Class::success);
    EXPECT_TRUE(v4->integrity_matches(kPassword));
    EXPECT_EQ(v4->fingerprint_matches(), true);
    const auto address = parse_xor_address(*v4->attribute(Attribute::xor_mapped_address), v4->transaction_id());
    ASSERT_TRUE(address);
    EXPECT_EQ(address->port, 32853);
    EXPECT_EQ(load_u32(address->ip.data()), 0xC0000201u);
    const auto v6 = Message::parse(kSampleResponse6);
    ASSERT_TRUE(v6);
    EXPECT_TRUE(v6->integrity_matches(kPassword));
    const auto address6 = parse_xor_address(*v6->attribute(Attribute::xor_mapped_address), v6->transaction_id());
    ASSERT_TRUE(address6);
    EXPECT_TRUE(address6->v6);
    EXPECT_EQ(load_u32(address6->ip.data()), 0x20010db8u);
    EXPECT_EQ(load_u32(address6->ip.data() + 12), 0x44556677u);
}

TEST(Rfc8489S14p5Integrity, EveryProtectedOctetCounts) {
    // From the method to the end of USERNAME; the length field itself is replaced in the computation.
    for (std::size_t at = 0; at + 32 < kSampleRequest.size(); ++at) {
        auto changed = kSampleRequest;
        changed[at] ^= std::byte{0x04};
        const auto message = Message::parse(changed);
        if (message) {
            EXPECT_FALSE(message->integrity_matches(kPassword)) << "octet " << at;
        }
    }
}

TEST(Rfc8489S14p5Integrity, WhatFollowsIsNotBelieved) {
    std::array<std::byte, 256> room;
    Builder builder{room, Class::request, Method::binding, {}};
    builder.text(Attribute::username, "a:b").integrity("key").attribute(Attribute::use_candidate, {});
    const auto message = Message::parse(builder.finish());
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->integrity_matches("key"));
    EXPECT_FALSE(message->has(Attribute::use_candidate));
}

TEST(Rfc8489S5Message, MalformedOnesAreRefused) {
    EXPECT_EQ(Message::parse({}).error(), Errc::truncated);
    EXPECT_EQ(Message::parse(hex("00 01 00 00 21 12 a4 43 000102030405060708090a0b")).error(), Errc::bad_magic);
    EXPECT_EQ(Message::parse(hex("00 01 00 04 21 12 a4 42 000102030405060708090a0b")).error(), Errc::truncated);
    EXPECT_EQ(Message::parse(hex("00 01 00 02 21 12 a4 42 000102030405060708090a0b 0000")).error(), Errc::bad_length);
    EXPECT_EQ(Message::parse(hex("00 01 00 04 21 12 a4 42 000102030405060708090a0b 00060004")).error(),
              Errc::bad_length);
    EXPECT_EQ(Message::parse(hex("00 01 00 00 21 12 a4 42 000102030405060708090a0b 00000000")).error(),
              Errc::trailing_bytes);
}

TEST(Builder, TooSmallABufferGivesNothing) {
    std::array<std::byte, 24> room;
    EXPECT_TRUE(
        Builder(room, Class::request, Method::binding, {}).text(Attribute::username, "long name").finish().empty());
}

/// libnice's STUN library, which we did not write, reads what we wrote and writes what we read.
TEST(LibnicePeer, AgreesOnIntegrityAndFingerprint) {
    StunAgent agent;
    const uint16_t known[] = {STUN_ATTRIBUTE_USERNAME, STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_PRIORITY,
                              STUN_ATTRIBUTE_USE_CANDIDATE, 0};
    stun_agent_init(
        &agent, known, STUN_COMPATIBILITY_RFC5389,
        static_cast<StunAgentUsageFlags>(STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT));
    std::array<std::byte, 256> room;
    Builder builder{room, Class::request, Method::binding, TransactionId{std::byte{7}}};
    builder.text(Attribute::username, "left:right").u32(Attribute::priority, 77).integrity("secret").fingerprint();
    const auto ours = builder.finish();
    StunMessage parsed;
    auto validate = [](StunAgent*, StunMessage*, uint8_t* user, uint16_t length, uint8_t** key, size_t* key_length,
                       void*) {
        static std::string secret = "secret";
        *key = reinterpret_cast<uint8_t*>(secret.data());
        *key_length = secret.size();
        return length == 10 && std::string_view{reinterpret_cast<char*>(user), length} == "left:right";
    };
    EXPECT_EQ(stun_agent_validate(&agent, &parsed, reinterpret_cast<const uint8_t*>(ours.data()), ours.size(), validate,
                                  nullptr),
              STUN_VALIDATION_SUCCESS);

    uint8_t theirs[256];
    StunMessage made;
    ASSERT_TRUE(stun_agent_init_request(&agent, &made, theirs, sizeof theirs, STUN_BINDING));
    stun_message_append_string(&made, STUN_ATTRIBUTE_USERNAME, "x:y");
    stun_message_append_flag(&made, STUN_ATTRIBUTE_USE_CANDIDATE);
    std::string key = "other";
    const auto length = stun_agent_finish_message(&agent, &made, reinterpret_cast<uint8_t*>(key.data()), key.size());
    ASSERT_GT(length, 0u);
    const auto message = Message::parse({reinterpret_cast<const std::byte*>(theirs), length});
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->integrity_matches("other"));
    EXPECT_EQ(message->fingerprint_matches(), true);
    EXPECT_TRUE(message->has(Attribute::use_candidate));
}

TEST(Rfc8489S7BindingServer, TellsTheSourceAddress) {
    std::array<std::byte, 256> request_room;
    std::array<std::byte, 256> room;
    const TransactionId id{std::byte{1}, std::byte{2}};
    const TransportAddress source{.ip = {std::byte{203}, std::byte{0}, std::byte{113}, std::byte{9}}, .port = 4711};
    const auto request = Builder{request_room, Class::request, Method::binding, id}.fingerprint().finish();
    const auto reply = Message::parse(answer_binding(request, source, room));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->message_class(), Class::success);
    EXPECT_EQ(reply->transaction_id(), id);
    EXPECT_EQ(reply->fingerprint_matches(), true) << "asked with one, answered with one";
    EXPECT_EQ(parse_xor_address(*reply->attribute(Attribute::xor_mapped_address), id), source);
}

TEST(Rfc8489S6p3p1BindingServer, UnknownRequiredAttributesGet420) {
    std::array<std::byte, 256> request_room;
    std::array<std::byte, 256> room;
    const auto request = Builder{request_room, Class::request, Method::binding, {}}
                             .u32(static_cast<Attribute>(0x7ff0), 1)
                             .u32(static_cast<Attribute>(0x8ff0), 1)
                             .finish();
    const auto reply = Message::parse(answer_binding(request, {}, room));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->message_class(), Class::error);
    const auto error = *reply->attribute(Attribute::error_code);
    EXPECT_EQ(std::to_integer<int>(error[2]) * 100 + std::to_integer<int>(error[3]), 420);
    EXPECT_EQ(load_u16(reply->attribute(Attribute::unknown_attributes)->data()), 0x7ff0);
}

TEST(Rfc8489S7BindingServer, AnswersNothingElse) {
    std::array<std::byte, 256> room;
    EXPECT_TRUE(answer_binding(kSampleResponse, {}, room).empty());
    EXPECT_TRUE(answer_binding({}, {}, room).empty());
    auto damaged = kSampleRequest;
    damaged.back() ^= std::byte{1};
    EXPECT_TRUE(answer_binding(damaged, {}, room).empty());
}

}  // namespace
}  // namespace carillon::stun
