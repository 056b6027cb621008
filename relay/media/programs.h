/// Makes media programs of what signaling asks for and gives them to the media threads.
/// Spec: relay/api/control.proto (Program).
/// Not here: sessions and streams (control/worker.h).
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/media/interlude.h"
#include "relay/media/lip_sync.h"
#include "relay/media/media_link.h"
#include "relay/media/media_outlet.h"
#include "relay/media/media_pool.h"
#include "relay/media/sound_library.h"

namespace carillon::relay {

/// Threads for pictures are apart from those for sound, and let them go first: a picture takes as long as many voices.
struct MediaOptions {
    MediaPoolOptions sound{};
    MediaPoolOptions video{
        .jobs_per_thread = 16, .guess = 0.25, .tick = std::chrono::milliseconds{10}, .nice = 5, .name = "relay-video"};
};

/// Empty when the program can be made; else what is wrong with it.
std::string program_fault(const api::Program& program);

/// Threading: the control thread.  Owns: the media threads, made with the first program of their kind.
class MediaPrograms {
  public:
    explicit MediaPrograms(MediaOptions options) : options_{std::move(options)} {}

    struct Refused {
        bool busy = false;  ///< else it cannot be made
        std::string reason;
    };
    /// The jobs of a program; none: nothing needs to be done.
    struct Running {
        std::optional<MediaTicket> sound{}, video{};
        std::shared_ptr<LipSync> lip{};
        std::shared_ptr<MediaChannel> sound_way{};
    };
    struct Started {
        std::unique_ptr<MediaLink> link;  ///< the program ends with it
        Running running;
    };
    /// Of a predecessor's program: where it stood, and what is known of the stream to both (LipSync).
    struct Before {
        std::string_view stream{};
        Continuation stood{};
    };
    std::expected<Started, Refused> start(const api::Program& program, MediaOutlet& outlet, const MediaJob::Tell& tell,
                                          const Before& before);
    std::expected<Started, Refused> start(const api::Program& program, MediaOutlet& outlet,
                                          const MediaJob::Tell& tell) {
        return start(program, outlet, tell, {});
    }
    /// Of the same kind: other sources and sinks, formats that are known now. Answers the way to a job that is new, for
    /// MediaLink::set(), or null.
    std::expected<std::shared_ptr<MediaChannel>, Refused> change(Running& running, const api::Program& program,
                                                                 MediaOutlet& outlet, const MediaJob::Tell& tell);
    MediaLoad load() const { return pool_ ? pool_->load() : MediaLoad{}; }
    MediaLoad video_load() const { return video_pool_ ? video_pool_->load() : MediaLoad{}; }
    /// Encoding names that a transcode may have.
    static std::vector<std::string> video_codecs();

  private:
    std::expected<Interlude::Sources, std::string> make_interludes(const api::Program& program);
    std::expected<void, Refused> change_interludes(const MediaTicket& ticket, const api::Program& program);
    std::expected<std::unique_ptr<MediaJob>, std::string> make_job(const api::Program& program,
                                                                   const std::shared_ptr<LipSync>& lip,
                                                                   const MediaJob::Tell& tell,
                                                                   const Continuation& stood);
    std::expected<void, Refused> change_endpoint(const MediaTicket& ticket, const api::Program& program);
    std::expected<void, Refused> start_sound(Running& running, const api::Program& program,
                                             std::shared_ptr<MediaChannel> channel, MediaOutlet& outlet,
                                             const MediaJob::Tell& tell, const Continuation& stood = {});
    std::expected<std::shared_ptr<MediaChannel>, Refused> start_video(Running& running, const api::Program& program,
                                                                      MediaOutlet& outlet, const MediaJob::Tell& tell,
                                                                      const Continuation& stood = {});

    MediaOptions options_;
    SoundLibrary library_;
    std::unique_ptr<MediaPool> pool_;
    std::unique_ptr<MediaPool> video_pool_;
};

}  // namespace carillon::relay
