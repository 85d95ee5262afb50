#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/network.h"
#include "policies/pattern.h"

// How reasons show what was asked and what is allowed: shortened, because they go into audit
// entries and answers.
namespace chancery {

/// "text" in quotation marks, cut after 200 bytes.
std::string quoted(std::string_view text);
/// a, b, c
std::string joined(std::span<const std::string_view> names);

/// ["a", "b"], with the first eight and the number of the others.
std::string listing(const std::vector<std::string>& values);
std::string listing(const std::vector<Network>& networks);
/// Where there are variables, also what they stand for: ["{machine.name}"] (= ["web-1"]).
std::string listing(const std::vector<Pattern>& patterns, const Machine& machine);

/// "asked" is not in LIST; or that nothing at all is allowed, or nothing was given.
std::string not_in(std::string_view asked, const std::string& list);
/// "asked" is in LIST.
std::string is_in(std::string_view asked, const std::string& list);

}  // namespace chancery
