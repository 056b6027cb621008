/// A pool of threads with one database session each, and the coroutine door to it.
/// Internal to signaling/storage: SOCI is known here and in the stores alone.
#pragma once
#include <soci/soci.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/storage/dialect.h"
#include "signaling/storage/sql_storage.h"
#include "signaling/storage/storage.h"

namespace carillon::storage {

/// Threading: any thread calls run(); the work runs on the pool, one session to a thread.
/// Owns: the threads and sessions. Destruction waits for work in hand.
class Database {
  public:
    /// Opens the sessions and brings the schema up to date. Throws StorageError.
    Database(const soci::backend_factory& backend, const std::string& parameters, StorageOptions options);
    ~Database();

    /// Runs `work(session)`, one writer at a time and in the order of the calls, inside a transaction and resumes the
    /// caller on its own executor. Throws StorageError when the database fails or too much work waits.
    template <class Work>
    awaitable<std::invoke_result_t<Work&, soci::session&>> write(Work work) {
        return run(Access::write, std::move(work));
    }
    /// As write(), for work that changes nothing: side by side with a writer.
    template <class Work>
    awaitable<std::invoke_result_t<Work&, soci::session&>> read(Work work) {
        return run(Access::read, std::move(work));
    }

    /// As read(), for a single SELECT, which sees one state of the database without a transaction around it.
    template <class Work>
    awaitable<std::invoke_result_t<Work&, soci::session&>> look(Work work) {
        return run(Access::look, std::move(work));
    }

    /// Of one row and column, in turn with what is written; the caller waits: at start-up. Throws StorageError.
    std::int64_t number(const std::string& query);
    /// Of one column, likewise.
    std::vector<std::string> texts(const std::string& query);
    /// Runs `work` on the writer in a transaction, `delay` from now, in turn with write(); then `done`, there too, with
    /// whether it is committed. Closing waits for it.
    void write_later(std::chrono::milliseconds delay, std::function<void(soci::session&)> work,
                     std::function<void(bool committed)> done);

  private:
    enum class Access { look, read, write };

    template <class Work>
    awaitable<std::invoke_result_t<Work&, soci::session&>> run(Access access, Work work) {
        using Result = std::invoke_result_t<Work&, soci::session&>;
        using Held = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;
        if (pending_.fetch_add(1, std::memory_order_relaxed) >= max_pending_) {
            pending_.fetch_sub(1, std::memory_order_relaxed);
            throw StorageError{"the database is overloaded"};
        }
        struct State {
            std::optional<Held> value;
            std::string failure;
        };
        auto state = std::make_shared<State>();
        // A variable, not a temporary: g++ 12 destroys closures that are temporaries of a co_await expression twice.
        auto initiate = [this, access, state, work = std::move(work)](auto handler) mutable {
            boost::asio::post(access == Access::write ? writer_ : readers_,
                              [this, access, state, work = std::move(work), handler = std::move(handler)]() mutable {
                                  state->failure = attempt(access != Access::look, [&](soci::session& session) {
                                      if constexpr (std::is_void_v<Result>) {
                                          work(session);
                                          state->value.emplace();
                                      } else {
                                          state->value.emplace(work(session));
                                      }
                                  });
                                  pending_.fetch_sub(1, std::memory_order_relaxed);
                                  auto executor = boost::asio::get_associated_executor(handler);
                                  boost::asio::post(executor, std::move(handler));
                              });
        };
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                                           boost::asio::use_awaitable);
        if (!state->failure.empty()) throw StorageError{state->failure};
        if constexpr (!std::is_void_v<Result>) co_return std::move(*state->value);
    }

    /// Runs `work` on the writer and waits for it: no two threads use a session at a time. Throws StorageError.
    template <class Work>
    std::invoke_result_t<Work&, soci::session&> wait_for(Work work);
    /// Empty on success, else why it failed; a lock held too long is tried again, on a connection that broke as well.
    std::string attempt(bool in_transaction, const std::function<void(soci::session&)>& work);
    std::size_t index_of_this_thread();
    void make_ready(std::size_t index);
    bool restore(std::size_t index);
    void migrate();

    const std::size_t max_pending_;
    std::atomic<std::size_t> pending_{0};
    std::atomic<std::size_t> next_session_{0};
    std::vector<std::unique_ptr<soci::session>> sessions_;
    Dialect dialect_ = Dialect::sqlite;
    boost::asio::thread_pool readers_;
    // One thread: SQLite has one writer, and writes keep the order they were asked in.
    boost::asio::thread_pool writer_{1};
};

}  // namespace carillon::storage
