/// A Server is one stage of the main flow on one shard: it owns the flow and no business. Business is in Components
/// (module.h) that the Repository makes for it.
/// Not here: what each stage does (stream/, router/, session/); how they are put together (host.h).
#pragma once
#include <string_view>

#include "signaling/runtime/counters.h"

namespace carillon::runtime {

/// Threading: lives and works on one shard; counters() may be read from any thread.
class Server {
  public:
    explicit Server(std::string_view name) : name_{name} {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    virtual ~Server() = default;

    std::string_view name() const { return name_; }  ///< stream, auth, parse, process, route, session
    const Counters& counters() const { return counters_; }

  protected:
    Counter& counter(std::string_view name) { return counters_.declare(name); }

  private:
    std::string_view name_;
    Counters counters_;
};

}  // namespace carillon::runtime
