/// carillon-replay: replays captured RTP. `carillon-replay --help` tells how to use it.
#include <exception>
#include <iostream>

#include "media/replay/commands.h"

int main(int argc, char** argv) {
    try {
        const auto options = carillon::replay::parse_options(argc, argv);
        if (const auto* status = std::get_if<int>(&options)) return *status;
        return carillon::replay::run(std::get<carillon::replay::Options>(options));
    } catch (const std::exception& error) {
        std::cerr << "carillon-replay: " << error.what() << '\n';
        return 1;
    }
}
