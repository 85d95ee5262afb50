#include <boost/test/unit_test.hpp>

#include "api/receipt_preference.h"
#include "core/limits.h"

namespace chancery {

BOOST_AUTO_TEST_CASE(preferences_for_receipts) {
  const long usual = std::chrono::seconds(limits::receipt_wait).count();
  const long most = std::chrono::seconds(limits::receipt_wait_at_most).count();
  const struct {
    const char* header;
    long seconds;  // -1: none wanted
  } cases[] = {
      {"", -1},
      {"receipt", usual},
      {" receipt ", usual},
      {"Receipt", usual},
      {"receipt, wait=5", 5},
      {"wait=5,receipt", 5},
      {"receipt, WAIT=2", 2},
      {"receipt, wait=0", 0},
      {"receipt, wait=11", most},
      {"receipt, wait=4000000000", most},
      {"receipt, wait=99999999999999999999", usual},
      {"receipt, wait=-1", usual},
      {"receipt, wait=", usual},
      {"receipt, wait=5s", usual},
      {"wait=5", -1},
      {"receipts", -1},
      {"respond-async, receipt", usual},
      {"handling=lenient;receipt", -1},
      {",,receipt,,", usual},
  };
  for (const auto& one : cases) {
    const auto wait = receipt_preference(one.header);
    BOOST_TEST((wait ? wait->count() : -1) == one.seconds, one.header);
  }
}

}  // namespace chancery
