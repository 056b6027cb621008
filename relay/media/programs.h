/// Makes media programs of what signaling asks for and gives them to the media threads.
/// Spec: relay/api/control.proto (Program).
/// Not here: sessions and streams (control/worker.h).
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "relay/media/media_link.h"
#include "relay/media/media_outlet.h"
#include "relay/media/media_pool.h"
#include "relay/media/sound_library.h"

namespace carillon::relay {

/// Empty when the program can be made; else what is wrong with it.
std::string program_fault(const api::Program& program);

/// Threading: the control thread.  Owns: the media threads, made with the first program.
class MediaPrograms {
  public:
    explicit MediaPrograms(MediaPoolOptions options) : options_{options} {}

    struct Refused {
        bool busy = false;  ///< else it cannot be made
        std::string reason;
    };
    struct Started {
        std::unique_ptr<MediaLink> link;    ///< the program ends with it
        std::optional<MediaTicket> ticket;  ///< none: no job is needed
    };
    std::expected<Started, Refused> start(const api::Program& program, MediaOutlet& outlet, MediaJob::Tell tell);
    /// Of the same kind and formats: other sources and sinks.
    std::expected<void, Refused> change(const MediaTicket& ticket, const api::Program& program);
    MediaLoad load() const { return pool_ ? pool_->load() : MediaLoad{}; }

  private:
    std::expected<std::unique_ptr<MediaJob>, std::string> make_job(const api::Program& program,
                                                                   const MediaJob::Tell& tell);

    MediaPoolOptions options_;
    SoundLibrary library_;
    std::unique_ptr<MediaPool> pool_;
};

}  // namespace carillon::relay
