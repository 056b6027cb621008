#include "signaling/ctl/commands.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "signaling/ctl/table.h"

namespace carillon::ctl {
namespace {

const PasswordSources kSources{[] { return Secret{"from stdin"}; },
                               [](const std::string& jid) { return Secret{"asked for " + jid}; }};

std::string wire(const std::vector<std::string>& words) {
    const auto parsed = parse(words, kSources);
    if (!parsed) return "error: " + parsed.error().text;
    return parsed->command + " " + boost::json::serialize(parsed->arguments);
}

TEST(CtlCommands, WordsBecomeRequests) {
    EXPECT_EQ(wire({"user", "add", "a@b", "--password", "x"}), R"(user.add {"jid":"a@b","password":"x"})");
    EXPECT_EQ(wire({"user", "add", "a@b", "--password-stdin"}), R"(user.add {"jid":"a@b","password":"from stdin"})");
    EXPECT_EQ(wire({"user", "passwd", "a@b"}), R"(user.passwd {"jid":"a@b","password":"asked for a@b"})");
    EXPECT_EQ(wire({"user", "list"}), "user.list {}");
    EXPECT_EQ(wire({"user", "list", "b"}), R"(user.list {"domain":"b"})");
    EXPECT_EQ(wire({"user", "delete", "a@b"}), R"(user.delete {"jid":"a@b"})");
    EXPECT_EQ(wire({"user", "remove", "a@b"}), R"(user.delete {"jid":"a@b"})");
    EXPECT_EQ(wire({"invite", "create"}), R"(invite.create {"days":7,"uses":1})");
    EXPECT_EQ(wire({"invite", "create", "--account", "ann", "--days", "2"}),
              R"(invite.create {"account":"ann","days":2,"uses":1})");
    EXPECT_EQ(wire({"invite", "list", "--host", "b"}), R"(invite.list {"host":"b"})");
    EXPECT_EQ(wire({"invite", "revoke", "t"}), R"(invite.revoke {"token":"t"})");
    EXPECT_EQ(wire({"session", "list"}), "session.list {}");
    EXPECT_EQ(wire({"session", "kick", "a@b/c"}), R"(session.kick {"jid":"a@b/c"})");
    EXPECT_EQ(wire({"call", "list"}), R"(call.list {"limit":100})");
    EXPECT_EQ(wire({"call", "show", "7"}), R"(call.show {"id":"7"})");
    EXPECT_EQ(wire({"call", "hangup", "7"}), R"(call.hangup {"id":"7"})");
    EXPECT_EQ(wire({"call", "capture", "7"}), R"(call.capture {"id":"7"})");
    EXPECT_EQ(wire({"call", "capture", "7", "--out", "/c.pcapng", "--decrypted", "--snap", "96", "--ring", "5x10M",
                    "--seconds", "60"}),
              R"(call.capture {"id":"7","out":"/c.pcapng","decrypted":true,"snap":96,"seconds":60,"files":5,)"
              R"("octets":10485760})");
    EXPECT_EQ(wire({"call", "capture", "7", "--stop", "capture-1"}), R"(call.capture {"id":"7","stop":"capture-1"})");
    EXPECT_NE(wire({"call", "capture", "7", "--ring", "5xmany"}).find("FILESxSIZE"), std::string::npos);
    EXPECT_EQ(wire({"call", "record", "7", "start"}), R"(call.record {"id":"7","action":"start"})");
    EXPECT_NE(wire({"call", "record", "7", "pause"}).find("error"), std::string::npos);
    EXPECT_EQ(wire({"relay", "list"}), "relay.list {}");
    EXPECT_EQ(wire({"relay", "drain", "w1"}), R"(relay.drain {"name":"w1"})");
    EXPECT_EQ(wire({"relay", "resume", "w1"}), R"(relay.resume {"name":"w1"})");
    EXPECT_EQ(wire({"relay", "channel", "open", "--count", "3", "--expire", "9"}),
              R"(relay.channel.open {"count":3,"expire":9})");
    EXPECT_EQ(wire({"relay", "channel", "close", "a", "b"}), R"(relay.channel.close {"ids":["a","b"]})");
    EXPECT_EQ(wire({"module", "list"}), "module.list {}");
    EXPECT_EQ(wire({"module", "reload", "ping", "--host", "b"}), R"(module.reload {"name":"ping","host":"b"})");
    EXPECT_EQ(wire({"status"}), "status {}");
}

TEST(CtlCommands, OptionsStandAnywhere) {
    for (const auto& words : {std::vector<std::string>{"--json", "--data", "/d", "status"},
                              std::vector<std::string>{"status", "--json", "--data", "/d"}}) {
        const auto parsed = parse(words, kSources);
        ASSERT_TRUE(parsed) << parsed.error().text;
        EXPECT_TRUE(parsed->json);
        EXPECT_EQ(parsed->socket, "/d/carillond.sock");
    }
    EXPECT_EQ(parse({"status", "--socket", "/s", "--data", "/d"}, kSources)->socket, "/s");
}

TEST(CtlCommands, WrongUsageIsExitTwoAndHelpIsZero) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {}, {"user"}, {"user", "add"}, {"nonesuch"}, {"relay", "channel", "open", "--count", "0"}}) {
        const auto parsed = parse(words, kSources);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().exit, Exit::usage);
        EXPECT_FALSE(parsed.error().text.empty());
    }
    const auto help = parse({"--help"}, kSources);
    ASSERT_FALSE(help);
    EXPECT_EQ(help.error().exit, Exit::ok);
    EXPECT_NE(help.error().text.find("Exit status"), std::string::npos);
}

TEST(CtlTable, AlignsColumnsAndFillsGaps) {
    EXPECT_EQ(to_text(boost::json::parse(R"([{"jid":"ann@b","online":true},{"jid":"b@b","n":2}])")),
              "JID    ONLINE  N\n"
              "ann@b  yes     -\n"
              "b@b    -       2\n");
    EXPECT_EQ(to_text(boost::json::parse("[]")), "(none)\n");
    EXPECT_EQ(to_text(boost::json::parse(R"({"a":1.50,"b":["x","y"],"c":[{"d":1}]})")), "a: 1.5\nb: x, y\nc:\nD\n1\n");
}

TEST(CtlTable, ShowsNoControlCharacters) { EXPECT_EQ(to_text(boost::json::object{{"a", "x\x1b[2Jy"}}), "a: x?[2Jy\n"); }

}  // namespace
}  // namespace carillon::ctl
