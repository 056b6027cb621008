/// Small pictures of uploaded ones, made by a process of its own (carillon-thumbnail) within limits.
/// Spec: XEP-0264 0.4.2 §2 (what a thumbnail is for).
/// Not here: decoding (thumbnail_main.cpp).
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::files {

struct Thumbnail {
    int image_width = 0;
    int image_height = 0;
    int width = 0;
    int height = 0;
    std::string jpeg;
};

/// Whether files of that type may have one.
bool may_have_thumbnail(std::string_view type);

/// Blocks until the process has ended or `patience` is over; then it is killed. Nothing: no picture that it can read.
std::optional<Thumbnail> make_thumbnail(const std::filesystem::path& program, int picture,
                                        std::chrono::milliseconds patience);
/// What the process wrote; nothing for anything else.
std::optional<Thumbnail> parse_thumbnail(std::string_view output);

}  // namespace carillon::files
