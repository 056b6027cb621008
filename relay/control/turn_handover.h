/// Connections that somebody else accepted, taken over: the signaling process hands on what speaks STUN at its own
/// ports.
/// Spec: docs/turn.md; unix(7) SCM_RIGHTS.
#pragma once
#include <filesystem>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "relay/turn/turn_shared.h"

namespace carillon::relay {

/// Threading: the control thread.  Owns: the socket and its file.
class TurnHandover {
  public:
    /// Throws std::runtime_error with the remedy.
    TurnHandover(boost::asio::io_context& io, std::filesystem::path path, std::shared_ptr<TurnShared> shared);
    ~TurnHandover();

  private:
    void wait();
    bool take_one();
    void give(int descriptor, const std::string& text);

    boost::asio::posix::stream_descriptor socket_;
    std::filesystem::path path_;
    std::shared_ptr<TurnShared> shared_;
    std::size_t next_ = 0;
};

}  // namespace carillon::relay
