#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/http_client.h"

namespace chancery {

/// The failure that an answer other than 2xx stands for. `detail` keeps the whole problem document
/// (RFC 9457), or one made from the status where the answer is none, for the two functions below;
/// a failure of our own has no document.
Error problem_of(const HttpAnswer& answer);

/// For people, several lines: what happened, the field, the nearest grant, the request, what to do
/// next.
std::string render_problem(const Error& error);

/// For programs: the problem document with a member "next", what to do; of a failure of our own,
/// {"detail", "field"?}.
nlohmann::json problem_json(const Error& error);

}  // namespace chancery
