/// What a shared object exports to bring modules of its own, and how it is loaded.
/// A plugin is built with the same compiler and headers as carillond; both sides check kPluginAbi.
///
///     CARILLON_PLUGIN(std::vector<carillon::runtime::ModuleDescriptor>{describe_my_module()})
///
/// Not here: choosing which modules run where (repository.h).
#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "signaling/runtime/module.h"

namespace carillon::runtime {

inline constexpr std::uint32_t kPluginAbi = 1;  ///< goes up with every change of what a module sees

/// Starts with plain integers, so that a mismatch can be read before anything else is touched.
struct PluginManifest {
    std::uint32_t abi = kPluginAbi;
    std::uint32_t compiler = __GNUC__;
    std::vector<ModuleDescriptor> (*modules)() = nullptr;
};

/// Loads a shared object and answers its modules. Its code stays in the process until the end: sessions may keep
/// state that only it can destroy. The error is for people.
std::expected<std::vector<ModuleDescriptor>, std::string> load_plugin(const std::filesystem::path& file);

}  // namespace carillon::runtime

#define CARILLON_PLUGIN(...)                                                                                   \
    extern "C" __attribute__((visibility("default"))) const carillon::runtime::PluginManifest carillon_plugin{ \
        carillon::runtime::kPluginAbi, __GNUC__, [] { return __VA_ARGS__; }};
