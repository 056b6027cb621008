/// Integers as Ogg and pcapng write them on every machine of ours: the least octet first.
#pragma once
#include <concepts>
#include <cstddef>
#include <vector>

namespace carillon::record {

template <std::unsigned_integral T>
void put_le(std::vector<std::byte>& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

template <std::unsigned_integral T>
void store_le(std::byte* at, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

}  // namespace carillon::record
