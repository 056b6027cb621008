#include "signaling/runtime/shard.h"

#include <pthread.h>

#include <exception>
#include <string>

#include "config/base/log.h"

namespace carillon::runtime {

void Shard::start() {
    thread_ = std::thread{[this] {
        ::pthread_setname_np(::pthread_self(), ("shard " + std::to_string(index_)).c_str());
        for (;;) {
            try {
                io_.run();
                return;
            } catch (const std::exception& error) {
                // A handler threw past its own guards: that request is lost, the others go on.
                log::error("unhandled exception on a shard", {{"shard", index_}, {"what", error.what()}});
            }
        }
    }};
}

void Shard::stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace carillon::runtime
