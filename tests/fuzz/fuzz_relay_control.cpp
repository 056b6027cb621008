/// Requests of any form get an answer from the worker and open no more streams than were asked for.
#include <cstdlib>

#include "relay/control/worker.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static boost::asio::io_context io;
    static auto worker = [] {
        relay::WorkerOptions options;
        options.ports.first = 29000;
        options.ports.last = 29031;
        options.max_sessions = 4;
        return std::make_unique<relay::Worker>(io, options);
    }();
    relay::api::proto::Request request;
    if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
    int answers = 0;
    worker->handle(request, [&](relay::api::proto::Reply reply) { answers += reply.id() == request.id(); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (answers == 0 && std::chrono::steady_clock::now() < end) {
        io.restart();
        io.run_for(std::chrono::milliseconds{1});
    }
    if (answers != 1 || worker->sessions() > 4) std::abort();
    return 0;
}
