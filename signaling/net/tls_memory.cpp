#include "signaling/net/tls_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdlib>

namespace carillon::net {
namespace {

// A record of 16 KiB, its header and what ciphers and alignment add.
constexpr std::size_t kLeast = 16 * 1024 + 256;
constexpr std::size_t kMost = 17 * 1024 + 512;

/// Threading: one of each thread; a buffer may come back on another thread than it was taken on.
class Buffers {
  public:
    ~Buffers() {
        while (count_ > 0) std::free(kept_[--count_]);
        over_ = true;
    }
    void* take() { return count_ > 0 ? kept_[--count_] : nullptr; }
    bool give(void* buffer) {
        if (over_ || count_ == kept_.size()) return false;
        kept_[count_++] = buffer;
        return true;
    }

  private:
    std::array<void*, 4> kept_{};
    std::size_t count_ = 0;
    bool over_ = false;  // the thread ends
};
thread_local Buffers buffers;

void* allocate(std::size_t size, const char*, int) {
    if (size >= kLeast && size <= kMost) {
        if (void* kept = buffers.take()) return kept;
        return std::malloc(kMost);  // all of one size, so that each fits everybody
    }
    return size == 0 ? nullptr : std::malloc(size);
}

void* reallocate(void* old, std::size_t size, const char*, int) {
    if (size > 0) return std::realloc(old, size);
    std::free(old);
    return nullptr;
}

void release(void* given, const char*, int) {
    if (!given) return;
    const auto size = ::malloc_usable_size(given);
    if (size >= kMost && size < kMost + 256 && buffers.give(given)) return;
    std::free(given);
}

}  // namespace

bool keep_record_buffers() { return CRYPTO_set_mem_functions(allocate, reallocate, release) == 1; }

}  // namespace carillon::net
