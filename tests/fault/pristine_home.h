#pragma once

#include "tests/flow/flow_fixture.h"

namespace chancery {

/// An installation that is the same before each run.
class PristineHome : public FlowFixture {
 public:
  ~PristineHome() { std::filesystem::remove_all(pristine_); }

  /// Closes it, and remembers it as it is.
  void remember() {
    close();
    std::filesystem::copy(home(), pristine_, std::filesystem::copy_options::recursive);
  }
  /// Closes it, and makes it what was remembered.
  void restore() {
    close();
    std::filesystem::remove_all(home());
    std::filesystem::copy(pristine_, home(), std::filesystem::copy_options::recursive);
  }

 private:
  const std::filesystem::path pristine_ = home().string() + ".pristine";
};

}  // namespace chancery
