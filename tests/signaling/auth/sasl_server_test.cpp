#include "signaling/auth/sasl_server.h"

#include <gsasl.h>
#include <gtest/gtest.h>

#include <memory>

#include "signaling/auth/base64.h"

namespace carillon::auth {
namespace {

SaslOptions options(std::string nonce = {}) {
    SaslOptions made{.domain = "example.com", .decoy_secret = Secret{"s"}, .iterations = 4096, .nonce = {}};
    if (!nonce.empty()) made.nonce = [nonce] { return nonce; };
    return made;
}

std::string condition_of(const Step& step) {
    const auto* failure = std::get_if<Failure>(&step);
    return failure ? std::string{failure->condition} : "no failure";
}

// RFC 5802 §5 and RFC 7677 §3: the published exchanges, octet for octet.
struct Vector {
    std::string mechanism, salt, client_first, server_nonce, server_first, client_final, server_final;
};
class ScramVectors : public testing::TestWithParam<Vector> {};

TEST_P(ScramVectors, GiveThePublishedExchange) {
    const auto& vector = GetParam();
    auto plain = options(vector.server_nonce);
    plain.downgrade_protection = false;  // younger than these
    SaslServer server{{}, plain};
    auto step = server.start(vector.mechanism, vector.client_first);
    ASSERT_TRUE(std::holds_alternative<NeedKeys>(step));
    EXPECT_EQ(std::get<NeedKeys>(step).user.str(), "user@example.com");
    step = server.keys(*make_scram_keys("pencil", vector.mechanism, 4096, *base64_decode(vector.salt)));
    EXPECT_EQ(std::get<Challenge>(step).data, vector.server_first);
    step = server.response(vector.client_final);
    ASSERT_TRUE(std::holds_alternative<Success>(step)) << condition_of(step);
    EXPECT_EQ(std::get<Success>(step).data, vector.server_final);
}

INSTANTIATE_TEST_SUITE_P(
    Published, ScramVectors,
    testing::Values(Vector{"SCRAM-SHA-1", "QSXCR+Q6sek8bf92", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                           "3rfcNHYJY1ZVvWVs7j",
                           "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                           "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                           "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
                    Vector{"SCRAM-SHA-256", "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                           "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                           "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                           "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
                           "Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                           "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}),
    [](const auto& vector) { return vector.index == 0 ? "Rfc5802S5" : "Rfc7677S3"; });

/// GNU SASL's client, which we did not write, against our server.
class GsaslPeer : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(gsasl_init(&context_), GSASL_OK); }
    void TearDown() override { gsasl_done(context_); }

    Step run(const char* mechanism, const std::string& password, const Security& security,
             const std::string& client_binding = {}, bool exists = true) {
        Gsasl_session* client = nullptr;
        EXPECT_EQ(gsasl_client_start(context_, mechanism, &client), GSASL_OK);
        gsasl_property_set(client, GSASL_AUTHID, "juliet");
        gsasl_property_set(client, GSASL_PASSWORD, password.c_str());
        if (!client_binding.empty()) {
            gsasl_property_set(client, GSASL_CB_TLS_EXPORTER, base64_encode(client_binding).c_str());
        }
        const auto next = [&](std::string_view input) {
            char* output = nullptr;
            std::size_t length = 0;
            const int status = gsasl_step(client, input.data(), input.size(), &output, &length);
            EXPECT_TRUE(status == GSASL_OK || status == GSASL_NEEDS_MORE) << gsasl_strerror(status);
            const std::string made{output ? output : "", length};
            gsasl_free(output);
            return made;
        };
        SaslServer server{security, options()};
        Step step = server.start(mechanism, next(""));
        for (int rounds = 0; rounds < 8; ++rounds) {
            if (const auto* need = std::get_if<NeedKeys>(&step)) {
                step = server.keys(exists ? std::optional{*make_scram_keys("r0m30myr0m30", need->mechanism, 4096)}
                                          : std::nullopt);
            } else if (const auto* check = std::get_if<NeedCheck>(&step)) {
                step = server.checked(check->work());
            } else if (const auto* challenge = std::get_if<Challenge>(&step)) {
                step = server.response(next(challenge->data));
            } else {
                break;
            }
        }
        if (const auto* success = std::get_if<Success>(&step); success && !success->data.empty()) next(success->data);
        gsasl_finish(client);
        return step;
    }

    Gsasl* context_ = nullptr;
};

TEST_F(GsaslPeer, LogsInByEveryMechanism) {
    const Security tls{.tls = true, .bindings = {.tls_exporter = "exporter-octets", .tls_server_end_point = "x"}};
    const Security tls_unbound{.tls = true, .bindings = {}};
    for (const auto* mechanism : {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"}) {
        const auto step = run(mechanism, "r0m30myr0m30", tls, "exporter-octets");
        EXPECT_TRUE(std::holds_alternative<Success>(step)) << mechanism << ' ' << condition_of(step);
    }
    for (const auto* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"}) {
        const auto step = run(mechanism, "r0m30myr0m30", tls_unbound);
        ASSERT_TRUE(std::holds_alternative<Success>(step)) << mechanism << ' ' << condition_of(step);
        EXPECT_EQ(std::get<Success>(step).user.str(), "juliet@example.com");
    }
}

TEST_F(GsaslPeer, WrongPasswordAndUnknownUserFailAlike) {
    const Security tls{.tls = true, .bindings = {}};
    for (const auto* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"}) {
        EXPECT_EQ(condition_of(run(mechanism, "wrong", tls)), "not-authorized");
        EXPECT_EQ(condition_of(run(mechanism, "r0m30myr0m30", tls, {}, false)), "not-authorized");
    }
}

TEST_F(GsaslPeer, AnotherChannelsBindingFails) {
    const Security tls{.tls = true, .bindings = {.tls_exporter = "ours", .tls_server_end_point = {}}};
    EXPECT_EQ(condition_of(run("SCRAM-SHA-256-PLUS", "r0m30myr0m30", tls, "the man in the middle's")),
              "not-authorized");
}

TEST(Rfc5929S4Binding, ServerEndPointIsAccepted) {
    const Security tls{.tls = true, .bindings = {.tls_exporter = {}, .tls_server_end_point = "certificate hash"}};
    SaslServer server{tls, options("abc")};
    auto step = server.start("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=user,r=xyz");
    ASSERT_TRUE(std::holds_alternative<NeedKeys>(step)) << condition_of(step);
    ASSERT_TRUE(
        std::holds_alternative<Challenge>(server.keys(make_scram_keys("p", "SCRAM-SHA-256", 4096, "salt").value())));
    // Another certificate's hash is found out before the proof is looked at.
    const auto other = base64_encode("p=tls-server-end-point,,another hash");
    EXPECT_EQ(condition_of(server.response("c=" + other + ",r=xyzabc,p=" + base64_encode(std::string(32, 'x')))),
              "not-authorized");
}

TEST(Rfc5802S6Downgrade, ClientThatSawNoPlusIsRefusedWhenWeOfferedIt) {
    const Security tls{.tls = true, .bindings = {.tls_exporter = "x", .tls_server_end_point = {}}};
    SaslServer server{tls, options()};
    EXPECT_EQ(condition_of(server.start("SCRAM-SHA-256", "y,,n=user,r=abc")), "not-authorized");
    EXPECT_TRUE(std::holds_alternative<NeedKeys>(server.start("SCRAM-SHA-256", "n,,n=user,r=abc")));
}

TEST(Rfc6120S6p4Sasl, UnknownUsersGetTheSameSaltEachTime) {
    const auto salt = [] {
        SaslServer server{{}, options("n")};
        server.start("SCRAM-SHA-256", "n,,n=nobody,r=abc");
        return std::get<Challenge>(server.keys(std::nullopt)).data;
    };
    EXPECT_EQ(salt(), salt());
}

TEST(Rfc6120S6p5Sasl, MalformedMessagesGetTheirCondition) {
    const Security tls{.tls = true, .bindings = {}};
    const auto first = [&](std::string_view mechanism, std::string_view message) {
        SaslServer server{tls, options()};
        return condition_of(server.start(mechanism, message));
    };
    EXPECT_EQ(first("SCRAM-SHA-256", "nonsense"), "malformed-request");
    EXPECT_EQ(first("SCRAM-SHA-256", ""), "malformed-request");
    EXPECT_EQ(first("SCRAM-SHA-256", "n,,n=us=er,r=a"), "malformed-request");
    EXPECT_EQ(first("SCRAM-SHA-256", "n,,m=x,n=user,r=a"), "malformed-request");
    EXPECT_EQ(first("SCRAM-SHA-256", "n,a=romeo@example.com,n=user,r=a"), "invalid-authzid");
    EXPECT_EQ(first("SCRAM-SHA-256", "p=tls-exporter,,n=user,r=a"), "not-authorized");
    EXPECT_EQ(first("SCRAM-SHA-256", std::string(5000, 'n')), "malformed-request");
    EXPECT_EQ(first("PLAIN", "user"), "malformed-request");
    EXPECT_EQ(first("PLAIN", std::string("romeo@example.com\0user\0pw", 25)), "invalid-authzid");
    EXPECT_EQ(first("EXTERNAL", ""), "invalid-mechanism");
    EXPECT_EQ(first("SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=user,r=a"), "invalid-mechanism") << "nothing to bind to";
    SaslServer clear{{}, options()};
    EXPECT_EQ(condition_of(clear.start("PLAIN", std::string("\0user\0pw", 8))), "encryption-required");
    EXPECT_EQ(condition_of(clear.response("x")), "malformed-request");
}

TEST(Base64, TakesOnlyTheCanonicalForm) {
    EXPECT_EQ(base64_decode("QUJD"), "ABC");
    EXPECT_EQ(base64_decode(""), "");
    for (const auto* text : {"QUJ", "QUJD\n", " QUJD", "QU=D", "QQ=Q", "QR==", "????", "===="}) {
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace carillon::auth
