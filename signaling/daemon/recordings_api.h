/// Recordings over HTTP: begun, ended, listed, fetched, deleted by programs of the operator's.
/// Spec: docs/recording.md; RFC 6750 §2.1 (bearer tokens), RFC 9110 §14 (ranges).
/// Not here: recording (calls/tapping.h, relay/tap), the admin socket's commands (admin/).
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

#include <boost/asio/thread_pool.hpp>

#include "config/base/secret.h"
#include "signaling/admin/registry.h"
#include "signaling/http/routes.h"

namespace carillon::daemon {

/// The first line of the file; the error is a sentence.
std::expected<Secret, std::string> read_api_token(const std::filesystem::path& file);

/// /api/recordings, /api/recordings/NAME, /api/calls, /api/calls/ID/recording. `folder`: where recordings are.
void add_recordings_api(http::Routes& routes, const admin::Registry& commands, Secret token,
                        std::filesystem::path folder, boost::asio::thread_pool& disk);

/// Whether it is the name of a recording and of nothing else in the file system.
bool is_recording_name(std::string_view name);

}  // namespace carillon::daemon
