#include "signaling/ctl/commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

namespace carillon::ctl {
namespace {

constexpr auto kFooter = R"(
Examples:
  carillonctl user add ann@localhost               asks for the password
  carillonctl user add bob@localhost --password x  in scripts better: --password-stdin
  carillonctl call list --json
  carillonctl relay channel open --count 10 --expire 300 --json

Exit status: 0 done; 1 the server refused; 2 wrong usage; 3 no server answers.)";

/// What the command line was filled into; each subcommand names the arguments it sends.
struct Line {
    std::string jid, password, domain, host, name, id, account, contact, token, path, ring, action, stop;
    bool password_stdin = false, decrypted = false, keys = false;
    std::int64_t count = 1, expire = 60, limit = 100, days = 7, uses = 1, snap = 0, seconds = 0;
    std::vector<std::string> ids;
};

class Builder {
  public:
    explicit Builder(Line& line) : line_{line} {}

    CLI::App* group(CLI::App& parent, const std::string& name, const std::string& help) {
        auto* app = parent.add_subcommand(name, help);
        app->require_subcommand(1);
        return app;
    }
    /// `fill` puts the arguments together once the line is parsed.
    CLI::App* leaf(CLI::App& parent, const std::string& name, const std::string& help, const std::string& command,
                   std::function<void(boost::json::object&)> fill = {}) {
        auto* app = parent.add_subcommand(name, help);
        app->callback([this, command, fill = std::move(fill)] {
            command_ = command;
            if (fill) fill(arguments_);
        });
        return app;
    }
    void put(boost::json::object& into, const char* key, const std::string& text) const {
        if (!text.empty()) into[key] = text;
    }

    void users(CLI::App& root);
    void invites(CLI::App& root);
    void sessions(CLI::App& root);
    void calls(CLI::App& root);
    void capture(CLI::App& call);
    void relays(CLI::App& root);
    void modules(CLI::App& root);
    void tls(CLI::App& root);

    const std::string& command() const { return command_; }
    boost::json::object& arguments() { return arguments_; }

  private:
    Line& line_;
    std::string command_;
    boost::json::object arguments_;
};

void Builder::users(CLI::App& root) {
    auto* user = group(root, "user", "The users of this server");
    const auto jid = [this](auto& into) { put(into, "jid", line_.jid); };
    for (auto* app : {leaf(*user, "add", "Make a user", "user.add", jid),
                      leaf(*user, "passwd", "Give a user a new password", "user.passwd", jid)}) {
        app->add_option("jid", line_.jid, "address, e.g. ann@localhost")->required();
        auto* given = app->add_option("--password", line_.password, "the password; others can see it while this runs");
        app->add_flag("--password-stdin", line_.password_stdin, "read the password from standard input")
            ->excludes(given);
    }
    auto* list =
        leaf(*user, "list", "List users", "user.list", [this](auto& into) { put(into, "domain", line_.domain); });
    list->add_option("domain", line_.domain, "of this domain only");
    auto* remove = leaf(*user, "delete", "Remove a user, sessions and data with it", "user.delete", jid);
    remove->add_option("jid", line_.jid, "address, e.g. ann@localhost")->required();
    remove->alias("remove");
}

void Builder::invites(CLI::App& root) {
    auto* invite = group(root, "invite", "Invitations: links that let people register or become contacts");
    auto* create = leaf(*invite, "create", "Make an invitation", "invite.create", [this](auto& into) {
        put(into, "host", line_.host);
        put(into, "account", line_.account);
        put(into, "contact", line_.contact);
        into["days"] = line_.days;
        into["uses"] = line_.uses;
    });
    create->add_option("--account", line_.account, "the name of the account; without, the invited person chooses");
    create->add_option("--contact", line_.contact, "a user who becomes the invited person's contact");
    create->add_option("--host", line_.host, "the domain, when the server has several");
    create->add_option("--days", line_.days, "how long it is valid")->check(CLI::Range(1, 366))->capture_default_str();
    create->add_option("--uses", line_.uses, "how many people may use it")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    leaf(*invite, "list", "List invitations", "invite.list", [this](auto& into) {
        put(into, "host", line_.host);
    })->add_option("--host", line_.host, "of this domain only");
    leaf(*invite, "revoke", "Make an invitation invalid", "invite.revoke",
         [this](auto& into) { put(into, "token", line_.token); })
        ->add_option("token", line_.token, "from invite list")
        ->required();
}

void Builder::sessions(CLI::App& root) {
    auto* session = group(root, "session", "Who is connected");
    const auto jid = [this](auto& into) { put(into, "jid", line_.jid); };
    leaf(*session, "list", "List sessions", "session.list", jid)->add_option("jid", line_.jid, "of this user only");
    leaf(*session, "kick", "End sessions", "session.kick", jid)
        ->add_option("jid", line_.jid, "ann@localhost: all of hers; ann@localhost/phone: this one")
        ->required();
}

void Builder::calls(CLI::App& root) {
    auto* call = group(root, "call", "Calls, running and past");
    const auto id = [this](auto& into) { put(into, "id", line_.id); };
    leaf(*call, "list", "List calls, running ones first", "call.list",
         [this](auto& into) { into["limit"] = line_.limit; })
        ->add_option("--limit", line_.limit, "records of past calls at most")
        ->check(CLI::Range(0, 10000))
        ->capture_default_str();
    leaf(*call, "show", "Everything about one call", "call.show", id)
        ->add_option("id", line_.id, "from call list")
        ->required();
    capture(*call);
    auto* record = leaf(*call, "record", "Record a bridged call into Ogg/Opus files; the call goes on", "call.record",
                        [this](auto& into) {
                            put(into, "id", line_.id);
                            put(into, "action", line_.action);
                        });
    record->add_option("id", line_.id, "from call list")->required();
    record->add_option("action", line_.action, "start or stop")->required()->check(CLI::IsMember({"start", "stop"}));
    leaf(*call, "hangup", "End a call; both ends are told", "call.hangup", id)
        ->add_option("id", line_.id, "from call list")
        ->required();
}

/// "5x10M": how many files of how many octets; {0, 0} when it is none.
std::pair<std::int64_t, std::int64_t> ring_of(const std::string& text) {
    long long files = 0, size = 0;
    char unit = 0, extra = 0;
    const int read = std::sscanf(text.c_str(), "%lldx%lld%c%c", &files, &size, &unit, &extra);
    const auto factor = read == 2 ? 1 : unit == 'K' ? 1'024 : unit == 'M' ? 1'048'576 : unit == 'G' ? 1'073'741'824 : 0;
    if (read < 2 || read > 3 || files < 1 || files > 1000 || size < 1 || size > 1'000'000'000 || factor == 0) return {};
    return {files, size * factor};
}

void Builder::capture(CLI::App& call) {
    auto* app = leaf(call, "capture", "Write a call's packets, both legs, into a pcapng file", "call.capture",
                     [this](auto& into) {
                         put(into, "id", line_.id);
                         if (!line_.path.empty()) into["out"] = std::filesystem::absolute(line_.path).string();
                         if (line_.decrypted) into["decrypted"] = true;
                         if (line_.keys) into["keys"] = true;
                         if (line_.snap > 0) into["snap"] = line_.snap;
                         if (line_.seconds > 0) into["seconds"] = line_.seconds;
                         put(into, "stop", line_.stop);
                         if (line_.ring.empty()) return;
                         const auto [files, octets] = ring_of(line_.ring);
                         into["files"] = files;
                         into["octets"] = octets;
                     });
    app->add_option("id", line_.id, "from call list")->required();
    app->add_option("--out", line_.path, "the file, which must not be there [one in the server's data folder]");
    app->add_flag("--decrypted", line_.decrypted, "without SRTP; bridged calls only");
    app->add_flag("--keys", line_.keys, "note SDES keys in the file; bridged calls only");
    app->add_option("--snap", line_.snap, "octets kept of a packet [all]")->check(CLI::Range(64, 65535));
    app->add_option("--ring", line_.ring,
                    "FILESxSIZE, as 5x10M: the oldest of so many files goes [1x100M, then it ends]")
        ->check([](const std::string& text) {
            return ring_of(text).first > 0 ? std::string{} : "write FILESxSIZE, as 5x10M (K, M or G)";
        });
    app->add_option("--seconds", line_.seconds, "ends after so long [3600, or with the call]")
        ->check(CLI::Range(1, 86400));
    app->add_option("--stop", line_.stop, "end the capture of this name instead of beginning one");
}

void Builder::relays(CLI::App& root) {
    auto* relay = group(root, "relay", "Media relay workers");
    const auto name = [this](auto& into) { put(into, "name", line_.name); };
    for (const auto* listing : {"list", "status"}) leaf(*relay, listing, "List workers and their load", "relay.list");
    leaf(*relay, "drain", "Give a worker no new sessions", "relay.drain", name)
        ->add_option("name", line_.name, "from relay list")
        ->required();
    for (const auto* again : {"undrain", "resume"}) {
        leaf(*relay, again, "Give a drained worker sessions again", "relay.resume", name)
            ->add_option("name", line_.name, "from relay list")
            ->required();
    }
    auto* channel = group(*relay, "channel", "Relay channels (XEP-0278), for tests and for other systems");
    auto* open = leaf(*channel, "open", "Open port pairs", "relay.channel.open", [this](auto& into) {
        into["count"] = line_.count;
        into["expire"] = line_.expire;
    });
    open->add_option("--count", line_.count, "how many")->check(CLI::Range(1, 1000))->capture_default_str();
    open->add_option("--expire", line_.expire, "seconds of silence after which one closes")
        ->check(CLI::Range(1, 86400))
        ->capture_default_str();
    leaf(*channel, "close", "Close channels", "relay.channel.close",
         [this](auto& into) {
             boost::json::array ids;
             for (const auto& one : line_.ids) ids.emplace_back(one);
             into["ids"] = std::move(ids);
         })
        ->add_option("id", line_.ids, "from relay channel open")
        ->required();
}

void Builder::modules(CLI::App& root) {
    auto* module = group(root, "module", "Modules (XEPs), while users stay online");
    const auto fill = [this](auto& into) {
        put(into, "name", line_.name);
        put(into, "host", line_.host);
    };
    leaf(*module, "list", "List modules", "module.list", fill)->add_option("--host", line_.host, "on this domain only");
    for (const auto& [word, help] : {std::pair{"load", "Load a module"},
                                     {"unload", "Unload a module"},
                                     {"reload", "Unload and load a module, with its settings read again"}}) {
        auto* app = leaf(*module, word, help, std::string{"module."} + word, fill);
        app->add_option("name", line_.name, "from module list")->required();
        app->add_option("--host", line_.host, "on this domain only");
    }
}

void Builder::tls(CLI::App& root) {
    auto* certificates = group(root, "tls", "Certificates");
    leaf(*certificates, "reload", "Read the certificates again, while users stay online", "tls.reload");
}

}  // namespace

std::expected<Invocation, Failure> parse(const std::vector<std::string>& words, const PasswordSources& passwords) {
    CLI::App app{"Operates a running carillond through its admin socket.", "carillonctl"};
    app.footer(kFooter);
    app.require_subcommand(1);
    app.fallthrough();
    Invocation out;
    std::string data = "./var";
    Line line;
    app.add_option("--data", data, "the server's data folder")->capture_default_str();
    app.add_option("--socket", out.socket, "the admin socket, when it is not carillond.sock in the data folder");
    app.add_flag("--json", out.json, "answer in JSON, as docs/admin-protocol.md tells");
    Builder builder{line};
    builder.users(app);
    builder.invites(app);
    builder.sessions(app);
    builder.calls(app);
    builder.relays(app);
    builder.modules(app);
    builder.tls(app);
    builder.leaf(app, "status", "How the server is", "status");
    try {
        std::vector<std::string> reversed{words.rbegin(), words.rend()};  // as CLI11 wants them
        app.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
        std::ostringstream text;
        std::ostringstream problem;
        const auto code = app.exit(error, text, problem);
        return std::unexpected{Failure{code == 0 ? Exit::ok : Exit::usage, "usage", text.str() + problem.str()}};
    }
    if (out.socket.empty()) out.socket = data + "/carillond.sock";
    out.command = builder.command();
    out.arguments = std::move(builder.arguments());
    if (out.command == "user.add" || out.command == "user.passwd") {
        auto secret = !line.password.empty() ? std::expected<Secret, std::string>{Secret{line.password}}
                      : line.password_stdin  ? passwords.from_stdin()
                                             : passwords.from_prompt(line.jid);
        if (!secret) return std::unexpected{Failure{Exit::usage, "usage", secret.error() + '\n'}};
        out.arguments["password"] = secret->reveal();
    }
    return out;
}

}  // namespace carillon::ctl
