#include "core/result.h"

#include <cstdio>

namespace chancery {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: defect: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace chancery
