/// Memory of OpenSSL's.
/// Not here: anything about TLS itself (tls_context.h).
#pragma once

namespace carillon::net {

/// A connection that waits gives OpenSSL's two buffers of a record back and takes them again for the next record: some
/// 17 KiB each, which makes malloc tidy up every time. From here on a few of them stay with each thread instead.
/// Call it before anything else of OpenSSL is used; later it does nothing and says false.
bool keep_record_buffers();

}  // namespace carillon::net
