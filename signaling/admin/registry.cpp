#include "signaling/admin/registry.h"

#include <exception>
#include <stdexcept>

#include "config/base/log.h"

namespace carillon::admin {

void Registry::add(std::string name, std::string help, Handler handler) {
    const auto [at, fresh] = commands_.try_emplace(std::move(name), Command{std::move(help), std::move(handler)});
    if (!fresh) throw std::logic_error{"two owners of the admin command " + at->first};
}

namespace {
void report(std::string_view command, const std::exception& problem) {
    log::error("admin command failed", {{"command", command}, {"error", problem.what()}});
}
}  // namespace

boost::json::value Registry::help() const {
    boost::json::array out;
    for (const auto& [name, command] : commands_) out.push_back({{"command", name}, {"help", command.help}});
    return out;
}

boost::asio::awaitable<Reply> Registry::run(std::string_view name, const boost::json::object& arguments) const {
    if (name == "help") co_return help();
    const auto at = commands_.find(name);
    if (at == commands_.end()) {
        const auto text =
            "This server has no command " + std::string{name.substr(0, 64)} + "; \"help\" lists those it has.";
        co_return refuse("unknown_command", text);
    }
    try {
        co_return co_await at->second.handler(arguments);
    } catch (const std::exception& problem) {
        report(name, problem);
        co_return refuse("failed", problem.what());
    }
}

std::expected<std::string, Error> text_argument(const boost::json::object& arguments, std::string_view key) {
    const auto* value = arguments.if_contains(key);
    if (!value) return std::unexpected{Error{"bad_arguments", "The argument \"" + std::string{key} + "\" is missing."}};
    const auto* text = value->if_string();
    if (!text || text->empty())
        return std::unexpected{Error{"bad_arguments", "The argument \"" + std::string{key} + "\" must be a text."}};
    return std::string{text->data(), text->size()};
}

std::expected<std::int64_t, Error> number_argument(const boost::json::object& arguments, std::string_view key,
                                                   std::int64_t low, std::int64_t high, std::int64_t fallback) {
    const auto* value = arguments.if_contains(key);
    if (!value) return fallback;
    const auto* number = value->if_int64();
    if (!number || *number < low || *number > high)
        return std::unexpected{Error{"bad_arguments", "The argument \"" + std::string{key} +
                                                          "\" must be a whole number from " + std::to_string(low) +
                                                          " to " + std::to_string(high) + "."}};
    return *number;
}

}  // namespace carillon::admin
