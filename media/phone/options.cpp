#include "media/phone/options.h"

#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "config/base/log.h"

namespace carillon::phone {
namespace {

constexpr const char* kAbout =
    "A telephone without a face: an XMPP/Jingle endpoint for tests, demonstrations and measurements.\n"
    "It plays a recording into a call, records what it hears, and says how good the call was.\n"
    "\n"
    "Two of them, one calling the other through a server on this machine:\n"
    "  carillon-phone answer --jid bob@localhost --password B --host 127.0.0.1 --trust var/certificates/localhost.crt "
    "\\\n"
    "                 --count 1 --record heard.wav\n"
    "  carillon-phone call bob@localhost --jid alice@localhost --password A --host 127.0.0.1 \\\n"
    "                 --trust var/certificates/localhost.crt --play hello.wav --seconds 10 --raw-udp --json\n"
    "  carillon-phone compare hello.wav heard.wav\n"
    "\n"
    "Exit status: 0 it worked (a call: sound arrived and the call ended as it should), 1 it did not, 2 a wrong option.";

constexpr double kMaxSeconds = 24 * 3600;

/// What the option parser fills before it becomes types.
struct Raw {
    std::string password;
    bool password_stdin = false;
    bool raw_udp = false;
    bool ice = false;
    bool verbose = false;
    std::string play;
    double seconds = 0;
    double ring_seconds = 0;
    double ring_timeout = 30;
    double connect_timeout = 20;
    double media_timeout = 10;
    double restart_after = 0;
    double hold_after = 0, hold_for = 3;
    double timeout = 15;
    unsigned playout_ms = 80;
    std::vector<std::string> codecs;
    bool no_trickle = false;
};

std::chrono::milliseconds millis(double seconds) {
    return std::chrono::milliseconds{static_cast<long long>(seconds * 1000)};
}

std::string ask_password() {
    std::cerr << "Password: " << std::flush;
    termios before{};
    const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        auto quiet = before;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    std::string password;
    std::getline(std::cin, password);
    if (terminal) tcsetattr(STDIN_FILENO, TCSANOW, &before);
    std::cerr << '\n';
    return password;
}

void add_account(CLI::App& app, ProgramOptions& out, Raw& raw) {
    constexpr const char* kGroup = "Account";
    app.add_option("--jid", out.account.jid, "Own address, user@domain or user@domain/resource")
        ->required()
        ->group(kGroup);
    auto* password =
        app.add_option("--password", raw.password, "Seen by other users of this machine: for tests")->group(kGroup);
    app.add_flag("--password-stdin", raw.password_stdin, "Read it from standard input; without either it is asked for")
        ->excludes(password)
        ->group(kGroup);
    app.add_option("--host", out.account.host, "Server to connect to; default: what DNS says about the domain")
        ->group(kGroup);
    app.add_option("--port", out.account.port, "Its port; default 5222, with --direct-tls 5223")->group(kGroup);
    app.add_flag("--direct-tls", out.account.direct_tls, "TLS from the first octet instead of STARTTLS")->group(kGroup);
    auto* trust = app.add_option("--trust,--tls-trust", out.account.trust, "Trust this certificate (PEM) as well")
                      ->check(CLI::ExistingFile)
                      ->group(kGroup);
    app.add_flag("--insecure", out.account.insecure, "Take any certificate: anybody in between can listen")
        ->excludes(trust)
        ->group(kGroup);
    app.add_option("--timeout", raw.timeout, "Seconds for logging in")
        ->check(CLI::Range(1.0, 600.0))
        ->capture_default_str()
        ->group(kGroup);
    app.add_flag("--json", out.json, "Print the summary as JSON, one object a line")->group("Output");
    app.add_flag("--verbose", raw.verbose, "Tell on standard error what happens")->group("Output");
}

void add_media(CLI::App& app, ProgramOptions& out, Raw& raw) {
    constexpr const char* kGroup = "Sound";
    app.add_option("--play", raw.play, "WAV file to say; then silence")->check(CLI::ExistingFile)->group(kGroup);
    app.add_flag("--loop", out.call.loop, "Say it again and again")->group(kGroup);
    app.add_option("--record", out.call.record, "WAV file to write what is heard to")->group(kGroup);
    app.add_option("--codec", raw.codecs,
                   "opus, g722, pcmu, pcma, l16; may be given several times, best first; default opus, pcmu, pcma")
        ->check(CLI::IsMember({"opus", "g722", "pcmu", "pcma", "l16"}, CLI::ignore_case))
        ->group(kGroup);
    app.add_option("--playout", raw.playout_ms, "Milliseconds gathered before sound plays, against jitter")
        ->check(CLI::Range(0, 400))
        ->capture_default_str()
        ->group(kGroup);
    constexpr const char* kPath = "Path";
    app.add_flag("--relay-only", out.call.relay_only,
                 "ICE: only relayed candidates, own addresses stay unknown to the peer")
        ->group(kPath);
    app.add_option("--bind", out.call.bind_address,
                   "Local address for media; default: ICE all, raw UDP the one towards the server")
        ->check(CLI::ValidIPV4 | CLI::Validator(
                                     [](std::string& text) {
                                         return text.find(':') == std::string::npos ? std::string{"not an IP address"}
                                                                                    : std::string{};
                                     },
                                     "IPV6"))
        ->group(kPath);
    app.add_option("--connect-timeout", raw.connect_timeout, "Seconds from accepted to sound")
        ->check(CLI::Range(1.0, 120.0))
        ->capture_default_str()
        ->group(kPath);
    app.add_option("--media-timeout", raw.media_timeout, "Seconds of silence on the wire that end the call")
        ->check(CLI::Range(1.0, 600.0))
        ->capture_default_str()
        ->group(kPath);
    app.add_option("--restart-after", raw.restart_after, "Seconds into the call to restart ICE; default never")
        ->check(CLI::Range(0.1, kMaxSeconds))
        ->group(kPath);
    app.add_option("--hold-after", raw.hold_after, "Seconds into the call to put the other one on hold; default never")
        ->check(CLI::Range(0.1, kMaxSeconds))
        ->group(kPath);
    app.add_option("--hold-for", raw.hold_for, "And for how many")
        ->check(CLI::Range(0.1, kMaxSeconds))
        ->capture_default_str()
        ->group(kPath);
}

CLI::App* add_call(CLI::App& app, ProgramOptions& out, Raw& raw) {
    auto* call = app.add_subcommand("call", "Call somebody, talk for a while, hang up");
    add_account(*call, out, raw);
    add_media(*call, out, raw);
    call->add_option("peer", out.peer, "Whom: user@domain rings everywhere, user@domain/resource one device")
        ->required();
    call->add_option("--seconds", raw.seconds,
                     "How long to talk; default the length of --play and one second more, or 10")
        ->check(CLI::Range(0.1, kMaxSeconds));
    auto* plain =
        call->add_flag("--raw-udp", raw.raw_udp, "RTP to the address signalled (XEP-0177), in the clear unless --sdes");
    call->add_flag("--ice", raw.ice, "ICE with DTLS-SRTP (XEP-0176, XEP-0320); the default")->excludes(plain);
    call->add_flag("--sdes", out.call.sdes, "Keys told in the signalling (XEP-0167 §7) instead of DTLS");
    call->add_flag("--jmi,!--no-jmi", out.call.jmi, "Ring by message first (XEP-0353); default for a bare JID");
    call->add_flag("--no-trickle", raw.no_trickle, "Offer only once all candidates are known");
    call->add_option("--ring-timeout", raw.ring_timeout, "Seconds until nobody answers")
        ->check(CLI::Range(1.0, 600.0))
        ->capture_default_str();
    return call;
}

CLI::App* add_answer(CLI::App& app, ProgramOptions& out, Raw& raw) {
    auto* answer = app.add_subcommand("answer", "Stay online and take calls, with whatever transport they offer");
    add_account(*answer, out, raw);
    add_media(*answer, out, raw);
    answer->add_option("--count", out.count, "Leave after so many calls; default: stay until interrupted");
    answer->add_option("--idle", out.idle_seconds, "Give up when no call came for so many seconds")
        ->check(CLI::Range(1.0, kMaxSeconds));
    answer->add_option("--seconds", raw.seconds, "Hang up after so long; default: the caller decides")
        ->check(CLI::Range(0.1, kMaxSeconds));
    answer->add_option("--ring", raw.ring_seconds, "Seconds to ring before accepting")
        ->check(CLI::Range(0.0, 120.0))
        ->capture_default_str();
    answer->add_option("--ring-timeout", raw.ring_timeout, "Seconds until an unanswered ring ends")
        ->check(CLI::Range(1.0, 600.0))
        ->capture_default_str();
    auto* plain = answer->add_flag("--raw-udp", raw.raw_udp,
                                   "Announce and take nothing but XEP-0177: in the clear unless --sdes");
    answer->add_flag("--ice", raw.ice, "Announce and take nothing but XEP-0176")->excludes(plain);
    answer->add_flag("--sdes", out.call.sdes, "Keys told in the signalling (XEP-0167 §7) instead of DTLS");
    auto* reject = answer->add_flag("--reject", out.call.reject, "Decline every call");
    answer->add_flag("--ring-only", out.call.ring_only, "Ring, but never accept")->excludes(reject);
    return answer;
}

CLI::App* add_compare(CLI::App& app, ProgramOptions& out) {
    auto* compare = app.add_subcommand("compare", "How alike is a received recording to the sent one, after alignment");
    compare->add_option("sent", out.sent, "WAV file that was played")->required()->check(CLI::ExistingFile);
    compare->add_option("received", out.received, "WAV file that was recorded")->required()->check(CLI::ExistingFile);
    compare->add_option("--least", out.least, "Correlation below which the exit status is 1")
        ->check(CLI::Range(-1.0, 1.0))
        ->capture_default_str();
    compare->add_flag("--json", out.json, "Print the result as JSON");
    return compare;
}

/// Turns what was typed into types; the error is a sentence.
std::expected<void, std::string> settle(ProgramOptions& out, const Raw& raw) {
    if (out.command == Command::compare) return {};
    if (raw.verbose) log::set_level(log::Level::debug);
    const auto at = out.account.jid.find('@');
    if (at == 0 || at == std::string::npos) return std::unexpected{"--jid has to be user@domain"};
    std::string password = raw.password;
    if (raw.password_stdin) {
        std::getline(std::cin, password);
    } else if (password.empty()) {
        password = ask_password();
    }
    out.account.password = Secret{password};
    out.account.timeout = millis(raw.timeout);
    auto& call = out.call;
    call.transport = raw.raw_udp ? TransportKind::raw_udp : TransportKind::ice_udp;
    call.only_transport = raw.raw_udp || raw.ice;
    call.trickle = !raw.no_trickle;
    call.ring_before_accept = millis(raw.ring_seconds);
    call.ring_timeout = millis(raw.ring_timeout);
    call.connect_timeout = millis(raw.connect_timeout);
    call.media_timeout = millis(raw.media_timeout);
    call.restart_after = millis(raw.restart_after);
    call.hold_after = millis(raw.hold_after);
    call.hold_for = millis(raw.hold_for);
    call.playout = std::chrono::milliseconds{raw.playout_ms};
    if (!raw.codecs.empty()) {
        call.codecs.clear();
        for (const auto& name : raw.codecs) call.codecs.push_back(*codecs::codec_named(name));
    }
    call.talk = millis(raw.seconds);
    if (!raw.play.empty()) {
        auto recording = load_recording(raw.play);
        if (!recording) return std::unexpected{recording.error()};
        if (raw.seconds == 0 && out.command == Command::call) {
            call.talk = std::chrono::milliseconds{static_cast<long long>(recording->at(8000).size() / 8 + 1000)};
        }
        call.play = std::make_shared<const Recording>(std::move(*recording));
    }
    if (call.talk.count() == 0 && out.command == Command::call) call.talk = std::chrono::seconds{10};
    return {};
}

}  // namespace

std::variant<ProgramOptions, int> parse_options(int argc, char** argv) {
    ProgramOptions out;
    Raw raw;
    log::set_level(log::Level::warning);
    CLI::App app{kAbout, "carillon-phone"};
    app.require_subcommand(1);
    auto* enroll = app.add_subcommand("register", "Create the account on the server, where it allows that (XEP-0077)");
    add_account(*enroll, out, raw);
    auto* login = app.add_subcommand("login", "Log in, print roster and who is online, leave");
    add_account(*login, out, raw);
    auto* call = add_call(app, out, raw);
    auto* answer = add_answer(app, out, raw);
    auto* compare = add_compare(app, out);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (enroll->parsed()) out.command = Command::register_account;
    if (login->parsed()) out.command = Command::login;
    if (call->parsed()) out.command = Command::call;
    if (answer->parsed()) out.command = Command::answer;
    if (compare->parsed()) out.command = Command::compare;
    const bool jmi_said = call->parsed() && call->get_option("--jmi")->count() > 0;
    if (!jmi_said) out.call.jmi = out.peer.find('/') == std::string::npos;
    if (const auto settled = settle(out, raw); !settled) {
        std::cerr << "carillon-phone: " << settled.error() << '\n';
        return 2;
    }
    return out;
}

}  // namespace carillon::phone
