/// Answers for people: JSON as aligned text.
#pragma once
#include <string>

#include <boost/json/value.hpp>

namespace carillon::ctl {

/// An array of objects is a table with a column a key (in order of first appearance), an object is "key: value" lines,
/// anything else itself. Control characters are shown as '?': names come from the network.
std::string to_text(const boost::json::value& value);

}  // namespace carillon::ctl
