/// Built without libbpf or without a compiler for the kernel's programs.
#include "relay/kernel/kernel_path.h"

namespace carillon::relay {

std::expected<std::shared_ptr<KernelPath>, std::string> KernelPath::open(const KernelPathOptions&) {
    return std::unexpected{"this program was built without it (libbpf-dev and clang are needed to build it)"};
}

}  // namespace carillon::relay
