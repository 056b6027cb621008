/// Does wrong in a way that the sanitizer of the build sees: a race under ThreadSanitizer, else a read behind the end,
/// an overflow or a leak, as its argument says. Without one it does nothing. It ends well if nobody stops it.
#include <cstdint>
#include <limits>
#include <string_view>
#include <thread>
#include <vector>

namespace {

int shared = 0;
volatile int sink = 0;

void race() {
    std::thread other{[] { ++shared; }};
    ++shared;
    other.join();
}

int behind_the_end(int argc) {
    const std::vector<int> numbers(static_cast<std::size_t>(argc), 1);
    return *(numbers.data() + argc);
}

int overflow(int argc) { return std::numeric_limits<int>::max() - 2 + argc * 3; }

void leak(std::size_t octets) {
    volatile auto* lost = new char[octets];
    lost[0] = 1;
    lost = nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "nothing";
    if (what == "race") race();
    if (what == "address") sink = behind_the_end(argc);
    if (what == "overflow") sink = overflow(argc);
    if (what == "leak") leak(static_cast<std::size_t>(argc) * 100);
    return 0;
}
