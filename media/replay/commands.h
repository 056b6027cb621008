/// What carillon-replay does, from start to exit status.
#pragma once
#include "media/replay/options.h"

namespace carillon::replay {

int run(const Options& options);

}  // namespace carillon::replay
