/// The settings of the upload service.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "signaling/runtime/module.h"

namespace carillon::modules::upload {

struct Settings {
    std::string address;
    std::size_t max_file = 100ULL * 1024 * 1024;
    std::size_t max_profile = 1024 * 1024;
    std::size_t quota = 1024ULL * 1024 * 1024;
    std::chrono::milliseconds quota_period = std::chrono::hours{24};
    std::size_t space = 4096ULL * 1024 * 1024;
    std::size_t slots = 20;
    std::chrono::milliseconds keep = std::chrono::hours{24 * 30};
    std::vector<std::string> types;
    bool permanent = true;
    bool metadata = true;
};

Settings read_upload_settings(const runtime::ModuleContext& context);

}  // namespace carillon::modules::upload
