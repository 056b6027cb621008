#include "config/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "config/settings_schema.h"

namespace carillon::config {
namespace {

using namespace std::chrono_literals;

const Problem* find(const Problems& problems, std::string_view key) {
    for (const auto& problem : problems)
        if (problem.key == key) return &problem;
    return nullptr;
}

Problems problems_of(std::string_view text) {
    auto loaded = load_text(text);
    return loaded ? Problems{} : loaded.error();
}

TEST(ConfigDefaults, ServeLocalhostOnLoopback) {
    const auto settings = defaults();
    ASSERT_EQ(settings.hosts.size(), 1U);
    EXPECT_EQ(settings.hosts[0].domain, "localhost");
    EXPECT_EQ(settings.network.bind, (std::vector<std::string>{"127.0.0.1", "::1"}));
    EXPECT_EQ(settings.relay.bind, settings.network.bind);
    EXPECT_EQ(settings.network.c2s_port, 5222);
    EXPECT_EQ(settings.admin_socket(), "./var/carillond.sock");
}

TEST(ConfigDefaults, AnotherDomainOpensToTheNetwork) {
    EXPECT_EQ(defaults("example.org").network.bind, (std::vector<std::string>{"0.0.0.0", "::"}));
    const auto loaded = load_text("[[host]]\ndomain = \"localhost\"\n[[host]]\ndomain = \"example.org\"\n");
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->network.bind, (std::vector<std::string>{"0.0.0.0", "::"}));
}

TEST(ConfigLoader, AHostMayBeAComponent) {
    const auto loaded = load_text(R"(
[[host]]
domain = "example.org"
[[host]]
type = "component"
domain = "gateway.example.org"
secret = "open sesame"
name = "The gateway"
)");
    ASSERT_TRUE(loaded) << to_text(loaded.error(), "text");
    ASSERT_EQ(loaded->hosts.size(), 1U);
    ASSERT_EQ(loaded->components.size(), 1U);
    EXPECT_EQ(loaded->components[0].domain, "gateway.example.org");
    EXPECT_EQ(loaded->components[0].secret, "open sesame");
    EXPECT_EQ(loaded->components[0].name, "The gateway");
    const auto problems = problems_of("[[host]]\ntype = \"component\"\ndomain = \"gateway.example.org\"\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].what, "is a component without a secret");
}

TEST(ConfigLoader, RulesForFederatedDomainsStandApart) {
    const auto loaded = load_text(R"(
[federation]
streams = 7
[[federation.domain]]
name = "example.net"
dialback = false
stanzas_per_second = 50
)");
    ASSERT_TRUE(loaded) << to_text(loaded.error(), "text");
    EXPECT_EQ(loaded->federation.general.streams, 7U);
    ASSERT_EQ(loaded->federation.domains.size(), 1U);
    const auto& domain = loaded->federation.domains[0];
    EXPECT_EQ(domain.name, "example.net");
    EXPECT_FALSE(domain.dialback);
    EXPECT_EQ(domain.stanzas_per_second, 50U);
    EXPECT_EQ(domain.streams, FederatedDomain{}.streams);
    EXPECT_EQ(problems_of("[[federation.domain]]\nstreams = 3\n").size(), 1U);
}

TEST(ConfigLoader, ReadsEveryKind) {
    const auto loaded = load_text(R"(
[network]
bind = ["192.0.2.1", "2001:db8::1"]
c2s_port = 15222
[tls]
min_version = "1.3"
[limits]
auth_timeout = "5s"
stanza_size = "1 MiB"
[relay]
enabled = false
)");
    ASSERT_TRUE(loaded) << to_text(loaded.error(), "text");
    EXPECT_EQ(loaded->network.bind, (std::vector<std::string>{"192.0.2.1", "2001:db8::1"}));
    EXPECT_EQ(loaded->network.c2s_port, 15222);
    EXPECT_EQ(loaded->tls.min_version, "1.3");
    EXPECT_EQ(loaded->limits.auth_timeout, 5s);
    EXPECT_EQ(loaded->limits.stanza_size, 1024U * 1024U);
    EXPECT_FALSE(loaded->relay.enabled);
}

TEST(ConfigLoader, TellsAllProblemsAtOnceWithLineAndRemedy) {
    const auto problems = problems_of(
        "[network]\n"               // 1
        "c2s_prot = 1\n"            // 2: a slip
        "http_port = 70000\n"       // 3: out of bounds
        "bind = [\"localhost\"]\n"  // 4: a name, not an address
        "[limits]\n"                // 5
        "stanza_size = 65536\n"     // 6: no unit
        "auth_timeout = \"ten\"\n"  // 7
        "xml_depth = \"deep\"\n"    // 8: wrong type
        "[relays]\n"                // 9: unknown table
        "[log]\n"                   // 10
        "level = \"loud\"\n");      // 11
    ASSERT_EQ(problems.size(), 8U) << to_text(problems, "text");
    const auto* slip = find(problems, "network.c2s_prot");
    ASSERT_TRUE(slip);
    EXPECT_EQ(slip->line, 2);
    EXPECT_EQ(slip->remedy, "Did you mean c2s_port?");
    const auto* port = find(problems, "network.http_port");
    ASSERT_TRUE(port);
    EXPECT_EQ(port->line, 3);
    EXPECT_EQ(port->what, "is 70000, out of bounds");
    EXPECT_EQ(port->remedy, "Write a whole number from 0 to 65535");
    EXPECT_EQ(find(problems, "network.bind")->what, "\"localhost\" is no IPv4 or IPv6 address");
    EXPECT_EQ(find(problems, "limits.stanza_size")->what, "has no unit");
    EXPECT_EQ(find(problems, "limits.auth_timeout")->what, "\"ten\" is no duration");
    EXPECT_EQ(find(problems, "limits.xml_depth")->what, "has the wrong type");
    EXPECT_EQ(find(problems, "relays")->remedy, "Did you mean relay?");
    EXPECT_EQ(find(problems, "log.level")->line, 11);
    EXPECT_TRUE(std::ranges::is_sorted(problems, {}, &Problem::line));
    EXPECT_NE(
        to_text(problems, "a.toml").find("a.toml:2: network.c2s_prot: there is no such key. Did you mean c2s_port?\n"),
        std::string::npos);
}

TEST(ConfigLoader, RefusesWhatDoesNotGoTogether) {
    const auto problems = problems_of(R"([network]
c2s_port = 5280
[[host]]
domain = "a.example"
certificate = "a.pem"
[[host]]
domain = "A.example"
modules_enabled = ["x"]
modules_disabled = ["x"]
[[host]]
[relay]
port_min = 40000
port_max = 40001
)");
    EXPECT_EQ(problems.size(), 6U) << to_text(problems, "text");
    EXPECT_TRUE(find(problems, "network.http_port"));
    EXPECT_TRUE(find(problems, "host.domain"));
    EXPECT_TRUE(find(problems, "relay.port_max"));
}

TEST(ConfigLoader, TheIcePortKeepsClearOfOtherPorts) {
    const auto complaints = [](const std::string& lines) {
        const auto problems = problems_of("[relay]\nport_min = 40000\nport_max = 40999\n" + lines);
        return std::ranges::count(problems, "relay.ice_port", &Problem::key);
    };
    EXPECT_EQ(complaints("ice_port = 39999\n"), 0);
    EXPECT_EQ(complaints("ice_port = 39999\nshards = 2\n"), 1) << "its second thread's lies in the range";
    EXPECT_EQ(complaints("ice_port = 40500\n"), 1);
    EXPECT_EQ(complaints("ice_port = 3478\n"), 1) << "STUN's";
    EXPECT_EQ(complaints("ice_port = 65535\nworkers = 2\n"), 1);
}

TEST(ConfigLoader, ThePortOfIceOverTcpKeepsClearOfOtherListeners) {
    const auto complaints = [](const std::string& lines) {
        const auto problems = problems_of("[relay]\n" + lines);
        return std::ranges::count(problems, "relay.ice_tcp_port", &Problem::key);
    };
    EXPECT_EQ(complaints("ice_tcp_port = 4443\n"), 0);
    EXPECT_EQ(complaints("ice_tcp_port = 31000\n"), 0) << "those of media are UDP's";
    EXPECT_EQ(complaints("ice_tcp_port = 5222\n"), 1);
    EXPECT_EQ(complaints("ice_tcp_port = 3477\nshards = 2\n"), 1) << "its second thread's is STUN's";
    EXPECT_EQ(complaints("ice_tcp_port = 65535\nworkers = 2\n"), 1);
}

TEST(ConfigLoader, TomlErrorsHaveTheirLine) {
    const auto problems = problems_of("[network]\nc2s_port = = 3\n");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].line, 2);
    EXPECT_EQ(problems_of("a = 2020-01-01\n").at(0).what, "is a date or a time");
}

TEST(ConfigLoader, HostModuleTablesLieOverTheCommonOnes) {
    const auto loaded = load_text(R"([module.calls]
relay = "always"
ring_timeout = 20
[[host]]
domain = "a.example"
[[host]]
domain = "b.example"
[host.module.calls]
relay = "never"
)");
    ASSERT_TRUE(loaded) << to_text(loaded.error(), "text");
    const auto& first = loaded->hosts[0].modules.at("calls");
    const auto& second = loaded->hosts[1].modules.at("calls");
    EXPECT_EQ(*first["relay"].get_if<std::string>(), "always");
    EXPECT_EQ(*second["relay"].get_if<std::string>(), "never");
    EXPECT_EQ(second["ring_timeout"].value_or<std::int64_t>(0), 20);
    EXPECT_EQ(second["relay"].line(), 9);
}

TEST(ConfigLoader, MissingFileIsAProblemWithRemedy) {
    const auto loaded = load_file("/nonexistent/carillon.toml");
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error()[0].what.find("No such file"), std::string::npos);
    EXPECT_FALSE(load_file("/").has_value());
}

TEST(ConfigReference, FileIsWhatTheDeclarationsSay) {
    std::ifstream file{CARILLON_SOURCE_DIR "/config/carillon.reference.toml"};
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), reference_text()) << "Write it anew: carillond --print-reference-config > "
                                               "config/carillon.reference.toml";
}

TEST(ConfigReference, LoadsToTheDefaults) {
    auto loaded = load_text(reference_text());
    ASSERT_TRUE(loaded) << to_text(loaded.error(), "reference");
    EXPECT_EQ(loaded->hosts.size(), 1U);
    loaded->network.bind.clear();
    loaded->relay.bind.clear();
    EXPECT_EQ("\n" + settings_schema(*loaded).reference(), reference_text().substr(reference_text().find("\n\n") + 1));
}

TEST(ConfigUnits, ReadAndWriteDurations) {
    EXPECT_EQ(parse_duration("30 s"), 30s);
    EXPECT_EQ(parse_duration("5min"), 5min);
    EXPECT_EQ(parse_duration("7 d"), 24h * 7);
    for (const auto* bad :
         {"", "s", "30", "30 sec", "-1 s", "1.5 s", "30  s", "99999999999999999999 s", "9223372036854775807 d"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
    EXPECT_EQ(format_duration(90s), "90 s");
    EXPECT_EQ(format_duration(1500ms), "1500 ms");
}

TEST(ConfigUnits, ReadAndWriteSizes) {
    EXPECT_EQ(parse_size("64 KiB"), 65536U);
    EXPECT_FALSE(parse_size("64 kb"));
    EXPECT_EQ(format_size(3 * 1024 * 1024), "3 MiB");
    EXPECT_EQ(format_size(1000), "1000 B");
}

TEST(ConfigUnits, KnowAddressesAndDomains) {
    EXPECT_TRUE(is_address("::"));
    EXPECT_FALSE(is_address("1.2.3"));
    EXPECT_FALSE(is_address("[::1]"));
    EXPECT_TRUE(is_loopback("127.3.2.1"));
    EXPECT_TRUE(is_loopback("::1"));
    EXPECT_FALSE(is_loopback("::"));
    EXPECT_TRUE(is_domain("example.org"));
    for (const auto* bad : {"", "a b", "a@b", "a/b", ".a", "a..b"}) EXPECT_FALSE(is_domain(bad)) << bad;
}

}  // namespace
}  // namespace carillon::config
