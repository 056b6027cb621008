/// Replays a fuzz corpus in normal test runs: each file once, then a few thousand cheap mutations of each.
/// Usage: <target> <corpus folder>. Fails when the folder holds no input.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    if (argc != 2) return std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]), 2;
    const char* wanted = std::getenv("CARILLON_FUZZ_MUTATIONS");  // fewer, where each takes long
    const int mutations = wanted ? std::atoi(wanted) : 2000;
    std::mt19937 random{20260101};  // fixed: a failure repeats
    int seeds = 0;
    for (const auto& entry : std::filesystem::directory_iterator{argv[1]}) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file{entry.path(), std::ios::binary};
        const std::vector<std::uint8_t> seed{std::istreambuf_iterator<char>{file}, {}};
        LLVMFuzzerTestOneInput(seed.data(), seed.size());
        ++seeds;
        for (int i = 0; i < mutations && !seed.empty(); ++i) {
            auto copy = seed;
            const auto edits = 1 + random() % 4;
            for (unsigned k = 0; k < edits; ++k) copy[random() % copy.size()] = static_cast<std::uint8_t>(random());
            if (random() % 4 == 0) copy.resize(random() % copy.size());
            LLVMFuzzerTestOneInput(copy.data(), copy.size());
        }
    }
    std::printf("replayed %d seeds with %d mutations each\n", seeds, mutations);
    return seeds > 0 ? 0 : 1;
}
