/// Runs a function on a blocking pool and resumes the caller's coroutine where it was.
#pragma once
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carillon::runtime {

/// What `work` throws is thrown here. `work` must not return void.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work&>> on_pool(boost::asio::thread_pool& pool, Work work) {
    namespace asio = boost::asio;
    struct State {
        std::optional<std::invoke_result_t<Work&>> value;
        std::exception_ptr failure;
    };
    auto state = std::make_shared<State>();
    // A variable, not a temporary: g++ 12 destroys closures that are temporaries of a co_await expression twice.
    auto initiate = [&pool, state, work = std::move(work)](auto handler) mutable {
        asio::post(pool, [state, work = std::move(work), handler = std::move(handler)]() mutable {
            try {
                state->value.emplace(work());
            } catch (...) {
                state->failure = std::current_exception();
            }
            auto executor = asio::get_associated_executor(handler);
            asio::post(executor, std::move(handler));
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
    if (state->failure) std::rethrow_exception(state->failure);
    co_return std::move(*state->value);
}

}  // namespace carillon::runtime
