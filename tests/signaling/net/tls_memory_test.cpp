#include "signaling/net/tls_memory.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstring>
#include <thread>
#include <vector>

namespace carillon::net {
namespace {

const bool kKept = keep_record_buffers();  // before any test uses OpenSSL

TEST(TlsMemory, ARecordsBufferComesBackAndOthersAreAsEver) {
    ASSERT_TRUE(kKept);
    void* first = OPENSSL_malloc(16 * 1024 + 330);
    std::memset(first, 1, 16 * 1024 + 330);
    OPENSSL_free(first);
    void* again = OPENSSL_malloc(17 * 1024);
    EXPECT_EQ(again, first);
    std::memset(again, 2, 17 * 1024);
    OPENSSL_free(again);
    EXPECT_EQ(OPENSSL_malloc(0), nullptr);
    void* grown = OPENSSL_realloc(OPENSSL_malloc(100), 17 * 1024);
    std::memset(grown, 3, 17 * 1024);
    OPENSSL_free(grown);
}

TEST(TlsMemory, BuffersMayComeBackOnAnotherThread) {
    ASSERT_TRUE(kKept);
    std::vector<void*> all;
    for (int i = 0; i < 20; ++i) all.push_back(OPENSSL_malloc(16 * 1024 + 700));
    std::thread{[&] {
        for (void* each : all) OPENSSL_free(each);
        OPENSSL_free(OPENSSL_malloc(16 * 1024 + 700));
    }}.join();
}

}  // namespace
}  // namespace carillon::net
