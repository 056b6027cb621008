/// A real worker, spoken to over its control socket, carrying real datagrams on loopback.
#include "tests/relay/control/worker_fixture.h"

namespace carillon::relay {
namespace {

TEST_F(WorkerTest, IceChecksAndMediaPassUnopenedBothWays) {
    start();
    const auto ports = open("call", ice_setup());
    ASSERT_TRUE(ports) << ports.error().reason;
    const auto a = ports->a.front().port;
    const auto b = ports->b.front().port;

    const auto from_caller = check("callee:caller", kCalleePassword, 1);
    caller_.send(from_caller, a);
    EXPECT_TRUE(callee_.receives_nothing()) << "nobody knows yet where the callee is";
    const auto from_callee = check("caller:callee", kCallerPassword, 2);
    callee_.send(from_callee, b);
    const auto [passed, from] = caller_.receive();
    EXPECT_EQ(passed, as_text(from_callee)) << "unchanged";
    EXPECT_EQ(from, a);
    EXPECT_EQ(callee_.receive().first, as_text(from_caller)) << "held until there was somewhere to send it";
    caller_.send(answer(2), a);
    EXPECT_EQ(callee_.receive().first, as_text(answer(2)));
    callee_.send(answer(1), b);
    EXPECT_EQ(caller_.receive().first, as_text(answer(1)));

    const std::string dtls = "\x16\xfe\xfd a ClientHello";
    caller_.send(as_bytes(dtls), a);
    EXPECT_EQ(callee_.receive().first, dtls);
    for (std::uint16_t i = 0; i < 20; ++i) {
        if (i == 7) continue;
        callee_.send(rtp(i), b);
        EXPECT_EQ(caller_.receive().first, as_text(rtp(i)));
    }
    const auto counters = count("call");
    EXPECT_EQ(counters.a.packets, 1u);
    EXPECT_EQ(counters.b.packets, 19u);
    EXPECT_EQ(counters.b.expected, 20u);
    EXPECT_EQ(counters.b.lost, 1u);
    EXPECT_EQ(counters.a.learned, "127.0.0.1:" + std::to_string(caller_.port()));
}

api::StreamSetup echo_setup(std::uint16_t port) {
    api::StreamSetup setup{.stream = "audio", .mode = api::Mode::bridge, .a = {}, .b = {}};
    setup.a.remotes = {{1, "127.0.0.1", port}};
    setup.a.rtcp_mux = true;
    setup.program.kind = api::Program::Kind::endpoint;
    setup.program.a = {.codec = "PCMU", .payload_type = 0};
    setup.program.source.kind = api::Source::Kind::echo;
    setup.program.returned = {96};
    return setup;
}

TEST_F(WorkerTest, AnswersWithSoundAndTurnsPicturesBack) {
    start();
    const auto ports = open("call", echo_setup(caller_.port()));
    ASSERT_TRUE(ports) << ports.error().reason;
    EXPECT_TRUE(ports->b.empty()) << "there is no other end";
    const auto a = ports->a.front().port;
    auto picture = rtp(1, 0xAABBCCDD);
    picture[1] = std::byte{96};
    caller_.send(picture, a);
    std::string back;
    std::size_t sound = 0;
    for (std::uint16_t i = 0; i < 50 && (back.empty() || sound < 10); ++i) {
        caller_.send(rtp(i), a);
        for (auto packet = caller_.receive(100ms).first; !packet.empty(); packet = caller_.receive(1ms).first) {
            if ((packet[1] & 0x7F) == 96) back = packet;
            if ((packet[1] & 0x7F) == 0 && packet.size() == 172) ++sound;
        }
    }
    ASSERT_EQ(back.size(), picture.size());
    EXPECT_NE(back.substr(8, 4), as_text(picture).substr(8, 4)) << "another source: no end meets itself";
    EXPECT_EQ(back.substr(12), as_text(picture).substr(12));
    EXPECT_GE(sound, 10U);
    const auto counters = count("call");
    EXPECT_GE(counters.a.packets, 10U);
    EXPECT_GE(counters.b.packets, 10U) << "what the relay has made";

    auto program = echo_setup(0).program;
    program.source = {.kind = api::Source::Kind::clips, .clips = {{{}, 440, 100ms}}};
    std::optional<api::Event> told;
    client_->on_event([&](const api::Event& event) {
        if (event.kind == api::Event::Kind::program) told = event;
    });
    EXPECT_TRUE(ask<bool>([&](auto done) { client_->set_program("call", "audio", program, done); }));
    EXPECT_TRUE(until([&] { return told.has_value(); }));
    EXPECT_EQ(told ? told->program.kind : api::ProgramEvent::Kind{}, api::ProgramEvent::Kind::source_ended);
    program.source.clips = {{"/nonexistent.wav"}};
    const auto missing = ask<bool>([&](auto done) { client_->set_program("call", "audio", program, done); });
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().failure, api::Failure::bad_request);
    EXPECT_FALSE(ask<bool>([&](auto done) { client_->set_program("call", "other", program, done); }));
}

TEST_F(WorkerTest, RefusesProgramsThatItHasNoThreadFor) {
    auto options = small();
    options.media.sound.jobs_per_thread = 1;
    options.media.sound.threads = 1;
    start(std::move(options));
    ASSERT_TRUE(open("one", echo_setup(caller_.port())));
    const auto refused = open("two", echo_setup(callee_.port()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, api::Failure::limit);
    EXPECT_NE(refused.error().reason.find("media programs"), std::string::npos);
    auto bridge = echo_setup(callee_.port());
    bridge.program = {};
    bridge.b.remotes = {{1, "127.0.0.1", stranger_.port()}};
    EXPECT_TRUE(open("three", bridge)) << "what needs no program has room";
    auto wrong = echo_setup(callee_.port());
    wrong.program.a.codec = "speex";
    EXPECT_EQ(open("four", wrong).error().failure, api::Failure::bad_request);
    auto unbridged = echo_setup(callee_.port());
    unbridged.mode = api::Mode::plain;
    EXPECT_EQ(open("five", unbridged).error().failure, api::Failure::bad_request);
}

TEST_F(WorkerTest, ABridgeBecomesATranscode) {
    start();
    api::StreamSetup setup{.stream = "audio", .mode = api::Mode::bridge, .a = {}, .b = {}};
    setup.a.remotes = {{1, "127.0.0.1", caller_.port()}};
    setup.b.remotes = {{1, "127.0.0.1", callee_.port()}};
    setup.a.rtcp_mux = setup.b.rtcp_mux = true;
    const auto ports = open("call", setup);
    ASSERT_TRUE(ports);
    caller_.send(rtp(1), ports->a.front().port);
    EXPECT_EQ(callee_.receive().first, as_text(rtp(1))) << "as it came";
    api::Program program{.kind = api::Program::Kind::transcode};
    program.a = {.codec = "PCMU", .payload_type = 0};
    program.b = {.codec = "PCMA", .payload_type = 8};
    ASSERT_TRUE(ask<bool>([&](auto done) { client_->set_program("call", "audio", program, done); }));
    std::string packet;
    for (std::uint16_t i = 2; i < 100 && packet.empty(); ++i) {
        caller_.send(rtp(i), ports->a.front().port);
        packet = callee_.receive(30ms).first;
        if (packet.size() > 1 && (packet[1] & 0x7F) != 8) packet.clear();  // a report
    }
    ASSERT_EQ(packet.size(), 172U);
}

TEST_F(WorkerTest, AStrangerGetsNothingAndChangesNothing) {
    start();
    const auto ports = open("call", ice_setup());
    ASSERT_TRUE(ports);
    const auto a = ports->a.front().port;
    caller_.send(check("callee:caller", kCalleePassword, 1), a);
    callee_.send(check("caller:callee", kCallerPassword, 2), ports->b.front().port);
    caller_.receive();
    callee_.receive();

    stranger_.send(check("callee:caller", "a-guessed-password-22+", 3), a);
    stranger_.send(answer(2), a);
    stranger_.send(rtp(1), a);
    stranger_.send(as_bytes("\x16\xfe\xfd hello"), a);
    stranger_.send(as_bytes(std::string(1500, 'x')), a);
    stranger_.send(as_bytes(std::string(3000, '\x80')), a);
    stranger_.send(as_bytes("\x80"), a);
    stranger_.send({}, a);
    EXPECT_TRUE(stranger_.receives_nothing());
    EXPECT_TRUE(callee_.receives_nothing());
    caller_.send(rtp(9), a);
    EXPECT_EQ(callee_.receive().first, as_text(rtp(9))) << "the call goes on";
    const auto counters = count("call");
    EXPECT_EQ(counters.a.learned, "127.0.0.1:" + std::to_string(caller_.port()));
    EXPECT_EQ(counters.a.packets, 1u);
    EXPECT_EQ(counters.a.drops.at("bad_check"), 1u);
    EXPECT_GE(counters.a.drops.at("unproven"), 5u);
    EXPECT_EQ(counters.a.drops.at("oversize"), 1u);
}

TEST_F(WorkerTest, APhoneThatMovesIsFollowedByItsNextCheck) {
    start();
    const auto ports = open("call", ice_setup());
    const auto a = ports->a.front().port;
    const auto b = ports->b.front().port;
    caller_.send(check("callee:caller", kCalleePassword, 1), a);
    callee_.send(check("caller:callee", kCallerPassword, 2), b);
    caller_.receive();
    callee_.receive();
    const Endpoint moved;
    moved.send(rtp(1), a);
    EXPECT_TRUE(callee_.receives_nothing());
    std::this_thread::sleep_for(IceLearner::kStale + 100ms);
    moved.send(check("callee:caller", kCalleePassword, 3), a);
    callee_.receive();
    callee_.send(rtp(2), b);
    EXPECT_EQ(moved.receive().first, as_text(rtp(2)));
}

TEST_F(WorkerTest, CredentialsThatComeLaterOpenTheWay) {
    start();
    auto setup = ice_setup();
    setup.b = {};  // the callee has not answered yet
    const auto ports = open("call", setup);
    caller_.send(check("callee:caller", kCalleePassword, 1), ports->a.front().port);
    callee_.send(check("caller:callee", kCallerPassword, 2), ports->b.front().port);
    EXPECT_TRUE(caller_.receives_nothing());
    EXPECT_EQ(count("call").a.learned, "");
    EXPECT_TRUE(ask<bool>([&](auto done) { client_->update_leg("call", "audio", api::Leg::b, ice_setup().b, done); }));
    EXPECT_EQ(caller_.receive().first, as_text(check("caller:callee", kCallerPassword, 2)))
        << "no need to send it again";
    EXPECT_EQ(callee_.receive().first, as_text(check("callee:caller", kCalleePassword, 1)));
}

TEST_F(WorkerTest, AHeldCheckOfAStrangerStaysOutside) {
    start();
    auto setup = ice_setup();
    setup.b = {};
    const auto ports = open("call", setup);
    stranger_.send(check("callee:caller", "a-guessed-password-22+", 1), ports->a.front().port);
    EXPECT_TRUE(ask<bool>([&](auto done) { client_->update_leg("call", "audio", api::Leg::b, ice_setup().b, done); }));
    callee_.send(check("caller:callee", kCallerPassword, 2), ports->b.front().port);
    EXPECT_TRUE(callee_.receives_nothing());
    EXPECT_TRUE(stranger_.receives_nothing());
    EXPECT_EQ(count("call").a.learned, "");
}

TEST_F(WorkerTest, PlainRtpPassesBetweenSignalledAddressesWithItsRtcp) {
    start();
    const Endpoint caller_rtcp;
    const Endpoint callee_rtcp;
    const auto ports =
        open("call",
             {.stream = "audio",
              .mode = api::Mode::plain,
              .rtcp = true,
              .a = {.ice = {}, .remotes = {{1, "127.0.0.1", caller_.port()}, {2, "127.0.0.1", caller_rtcp.port()}}},
              .b = {.ice = {}, .remotes = {{1, "127.0.0.1", callee_.port()}, {2, "127.0.0.1", callee_rtcp.port()}}}});
    ASSERT_TRUE(ports) << ports.error().reason;
    ASSERT_EQ(ports->a.size(), 2u);
    EXPECT_EQ(ports->a[0].port % 2, 0) << "RFC 3550 §11";
    EXPECT_EQ(ports->a[1].port, ports->a[0].port + 1);
    caller_.send(rtp(1), ports->a[0].port);
    EXPECT_EQ(callee_.receive().first, as_text(rtp(1))) << "at once, before the callee has sent anything";
    stranger_.send(rtp(1), ports->a[0].port);
    EXPECT_TRUE(callee_.receives_nothing());
    ByteWriter report;
    report.u8(0x80), report.u8(201), report.u16(1), report.u32(1);
    callee_rtcp.send(report.view(), ports->b[1].port);
    const auto [passed, from] = caller_rtcp.receive();
    EXPECT_EQ(passed, as_text(report.view()));
    EXPECT_EQ(from, ports->a[1].port);
}

TEST_F(WorkerTest, OpenChannelsLearnTheFirstSourceAndExpire) {
    start();
    std::vector<api::Event> events;
    client_->on_event([&](api::Event event) { events.push_back(std::move(event)); });
    const auto ports = open("channel", {.stream = "1", .mode = api::Mode::open, .expire = 1s});
    ASSERT_TRUE(ports);
    caller_.send(rtp(1), ports->a.front().port);
    callee_.send(rtp(1), ports->b.front().port);
    EXPECT_EQ(caller_.receive().first, as_text(rtp(1)));
    caller_.send(rtp(2), ports->a.front().port);
    EXPECT_EQ(callee_.receive().first, as_text(rtp(2)));
    ASSERT_TRUE(until([&] { return !events.empty() && events.back().kind == api::Event::Kind::expired; }));
    EXPECT_EQ(events.back().counters.a.packets, 2u);
    caller_.send(rtp(3), ports->a.front().port);
    EXPECT_TRUE(callee_.receives_nothing());
    const auto status = ask<api::WorkerStatus>([&](auto done) { client_->status(done); });
    EXPECT_EQ(status->ports_free, 200u) << "both ports came back";
}

TEST_F(WorkerTest, SilenceIsToldOnce) {
    auto options = small();
    options.media_timeout = 300ms;
    start(options);
    std::vector<api::Event> events;
    client_->on_event([&](api::Event event) {
        if (event.kind == api::Event::Kind::silent) events.push_back(std::move(event));
    });
    open("call", {.stream = "1", .mode = api::Mode::open});
    ASSERT_TRUE(until([&] { return events.size() >= 2; })) << "one for each leg";
    const auto end = std::chrono::steady_clock::now() + 600ms;
    until([&] { return std::chrono::steady_clock::now() > end; });
    EXPECT_EQ(events.size(), 2u);
}

TEST_F(WorkerTest, RequestsAreIdempotentAndConflictsRefused) {
    start();
    const auto first = open("call", ice_setup());
    const auto again = open("call", ice_setup());
    ASSERT_TRUE(first && again);
    EXPECT_EQ(first->a, again->a);
    auto other = ice_setup();
    other.mode = api::Mode::plain;
    EXPECT_EQ(open("call", other).error().failure, api::Failure::conflict);
    const auto closed =
        ask<std::vector<api::StreamCounters>>([&](auto done) { client_->close_stream("call", "", done); });
    EXPECT_EQ(closed->size(), 1u);
    EXPECT_TRUE(
        ask<std::vector<api::StreamCounters>>([&](auto done) { client_->close_stream("call", "", done); })->empty());
    EXPECT_TRUE(ask<std::vector<api::SessionId>>([&](auto done) { client_->list_sessions(done); })->empty());
    EXPECT_EQ(
        ask<bool>([&](auto done) { client_->update_leg("call", "audio", api::Leg::a, {}, done); }).error().failure,
        api::Failure::not_found);
}

TEST_F(WorkerTest, PortsRunOutWithAReasonAndComeBack) {
    auto options = small();
    options.ports.last = static_cast<std::uint16_t>(options.ports.first + 7);  // four pairs of legs
    start(options);
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(open("call" + std::to_string(i), {.stream = "1", .mode = api::Mode::open})) << i;
    }
    const auto refused = open("one too many", {.stream = "1", .mode = api::Mode::open});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, api::Failure::no_ports);
    EXPECT_FALSE(refused.error().reason.empty());
    ask<std::vector<api::StreamCounters>>([&](auto done) { client_->close_stream("call2", "", done); });
    EXPECT_TRUE(open("now", {.stream = "1", .mode = api::Mode::open}));
}

TEST_F(WorkerTest, ADrainedWorkerKeepsItsCallsAndTakesNoNew) {
    start();
    ASSERT_TRUE(open("old", {.stream = "1", .mode = api::Mode::open}));
    ask<bool>([&](auto done) { client_->drain(true, done); });
    EXPECT_EQ(open("new", {.stream = "1", .mode = api::Mode::open}).error().failure, api::Failure::draining);
    EXPECT_TRUE(open("old", {.stream = "2", .mode = api::Mode::open})) << "a running call may add video";
    ask<bool>([&](auto done) { client_->drain(false, done); });
    EXPECT_TRUE(open("new", {.stream = "1", .mode = api::Mode::open}));
}

TEST_F(WorkerTest, BadSetupsAreRefusedWithTheReason) {
    start();
    auto weak = ice_setup();
    weak.a.ice = {{"abcd", "short"}};
    auto no_address = ice_setup();
    no_address.a.remotes = {{1, "relay.example.org", 5000}};
    auto bad_component = ice_setup();
    bad_component.a.remotes = {{3, "127.0.0.1", 5000}};
    auto many = ice_setup();
    many.a.ice.assign(5, {"caller", std::string{kCallerPassword}});
    auto nameless = ice_setup();
    nameless.stream.clear();
    for (const auto& setup : {weak, no_address, bad_component, many, nameless}) {
        const auto refused = open("call", setup);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().failure, api::Failure::bad_request);
    }
    EXPECT_EQ(worker_->sessions(), 0u);
}

TEST_F(WorkerTest, GarbageOnTheControlSocketEndsOnlyThatConnection) {
    start();
    for (const std::string& garbage : {std::string("\xff\xff\xff\xff", 4), std::string("\0\0\0\x05hello", 9),
                                       std::string("GET / HTTP/1.1\r\n\r\n")}) {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        socket_.string().copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL), static_cast<ssize_t>(garbage.size()));
        pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&wait, 1, 2000), 1) << "it is cut off";
        char octet = 0;
        EXPECT_LE(::recv(fd, &octet, 1, 0), 0);
        ::close(fd);
    }
    EXPECT_TRUE(open("call", ice_setup())) << "others notice nothing";
}

TEST_F(WorkerTest, BindingRequestsAreAnsweredOverUdpAndTcp) {
    auto options = small();
    options.stun_bind = {"127.0.0.1"};
    const std::uint16_t port = options.stun_port = static_cast<std::uint16_t>(29'100 + ::getpid() % 800);
    start(options);
    BindingTcpServer tcp{worker_io_, "127.0.0.1", port};
    std::array<std::byte, 64> room;
    const auto request = stun::Builder{room, stun::Class::request, stun::Method::binding, {std::byte{5}}}.finish();
    caller_.send(request, port);
    const auto [reply, from] = caller_.receive();
    const auto message = stun::Message::parse(as_bytes(reply));
    ASSERT_TRUE(message);
    const auto mapped =
        stun::parse_xor_address(*message->attribute(stun::Attribute::xor_mapped_address), message->transaction_id());
    EXPECT_EQ(mapped->port, caller_.port());

    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in to{
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    for (int i = 0; i < 2; ++i) {
        ::send(fd, request.data(), request.size(), 0);
        std::array<std::byte, 256> in;
        pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&wait, 1, 2000), 1);
        const auto size = ::recv(fd, in.data(), in.size(), 0);
        ASSERT_GT(size, 0);
        EXPECT_TRUE(stun::Message::parse(Bytes{in}.first(static_cast<std::size_t>(size))));
    }
    ::close(fd);
}

}  // namespace
}  // namespace carillon::relay
