/// What is wrong with a configuration, said so that the reader can put it right.
#pragma once
#include <string>
#include <vector>

namespace carillon::config {

struct Problem {
    int line = 0;        ///< in the file; 0 when it belongs to no line
    std::string key;     ///< dotted, e.g. limits.stanza_size; empty for the file as a whole
    std::string what;    ///< what is wrong
    std::string remedy;  ///< what to do about it
};

using Problems = std::vector<Problem>;

/// `carillon.toml:12: limits.stanza_size: is 3, less than 1024. Write a size from 1 KiB to 16 MiB.` One line a problem.
std::string to_text(const Problems& problems, const std::string& name);

}  // namespace carillon::config
