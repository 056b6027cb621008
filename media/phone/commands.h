/// What each command of carillon-phone does, from start to exit status.
#pragma once
#include "media/phone/options.h"

namespace carillon::phone {

int run(const ProgramOptions& options);

}  // namespace carillon::phone
