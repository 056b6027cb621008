/// How calls sounded, beside their records.
#pragma once
#include <optional>
#include <string>

#include "signaling/storage/storage.h"

namespace carillon::storage {

struct CallQuality {
    std::string id;            ///< of the call
    double mos_to_callee = 0;  ///< of what the caller said; 0: not known
    double mos_to_caller = 0;
    std::string trouble;  ///< one-way audio, dead air; empty: none
    friend bool operator==(const CallQuality&, const CallQuality&) = default;
};

class CallQualityStore {
  public:
    virtual ~CallQualityStore() = default;
    virtual awaitable<void> put(CallQuality quality) = 0;  ///< inserts or replaces by id
    virtual awaitable<std::optional<CallQuality>> get(std::string id) = 0;
};

/// A storage that has such a store.
class HasCallQuality {
  public:
    virtual ~HasCallQuality() = default;
    virtual CallQualityStore& call_quality() = 0;
};
/// nullptr when that storage has none.
inline CallQualityStore* call_quality_of(Storage& storage) {
    auto* has = dynamic_cast<HasCallQuality*>(&storage);
    return has ? &has->call_quality() : nullptr;
}

}  // namespace carillon::storage
