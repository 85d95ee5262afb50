#pragma once

#include "policies/request_formula.h"

namespace chancery {

/// That a request has what `question` has: attributes that are set exactly, of lists these elements
/// among others. What is empty in it can be anything.
RequestFormula question_formula(const PolicyQuestion& question);

}  // namespace chancery
