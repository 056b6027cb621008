/// xmpp_load: puts one load on an XMPP server and prints its figures as JSON. compare.py runs it.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <iostream>

#include "load.h"

int main(int argc, char** argv) {
    using namespace carillon::bench;
    CLI::App app{"Load generator for XMPP servers: users u0@DOMAIN, u1@DOMAIN ... with one password."};
    Plan plan;
    std::string mode;
    bool no_management = false;
    app.add_option("mode", mode)
        ->required()
        ->check(CLI::IsMember({"idle", "chat", "logins", "room-joins", "room-chat"}));
    app.add_option("--host", plan.target.host);
    app.add_option("--port", plan.target.port)->required();
    app.add_option("--domain", plan.target.domain)->required();
    app.add_option("--password", plan.target.password);
    app.add_option("--pid", plan.server, "Processes of the server");
    app.add_option("--users", plan.users);
    app.add_option("--at-once", plan.at_once, "Log-ins under way at a time");
    app.add_option("--seconds", plan.seconds);
    app.add_option("--warm-up", plan.warm_up);
    app.add_option("--settle", plan.settle, "Seconds from the last log-in to reading memory");
    app.add_option("--window", plan.window, "Messages of one sender under way, at saturation");
    app.add_option("--rate", plan.rate, "Messages a second in all; 0: as many as go through");
    app.add_option("--body", plan.body);
    app.add_flag("--no-sm", no_management, "Without stream management");
    CLI11_PARSE(app, argc, argv);
    plan.target.management = !no_management;
    std::signal(SIGPIPE, SIG_IGN);
    try {
        Load load{plan};
        const auto figures = mode == "idle"         ? load.idle()
                             : mode == "chat"       ? load.chat()
                             : mode == "room-joins" ? load.room_joins()
                             : mode == "room-chat"  ? load.room_chat()
                                                    : load.logins();
        std::printf(
            "{\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"events\": %.0f, \"lost\": %.0f, \"p50_us\": %.0f, "
            "\"p99_us\": %.0f, \"resident_before_kib\": %.0f, \"resident_after_kib\": %.0f, "
            "\"generator_cpu_seconds\": %.3f}\n",
            figures.seconds, figures.cpu_seconds, figures.events, figures.lost, figures.p50_us, figures.p99_us,
            figures.resident_before_kib, figures.resident_after_kib, figures.generator_cpu_seconds);
    } catch (const std::exception& error) {
        std::cerr << "xmpp_load: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
