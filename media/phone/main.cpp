/// carillon-phone: a headless Jingle endpoint. `carillon-phone --help` tells how to use it.
#include <exception>
#include <iostream>

#include "media/phone/commands.h"

int main(int argc, char** argv) {
    try {
        const auto options = carillon::phone::parse_options(argc, argv);
        if (const auto* status = std::get_if<int>(&options)) return *status;
        return carillon::phone::run(std::get<carillon::phone::ProgramOptions>(options));
    } catch (const std::exception& error) {
        std::cerr << "carillon-phone: " << error.what() << '\n';
        return 1;
    }
}
