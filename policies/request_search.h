#pragma once

#include <optional>
#include <vector>

#include "policies/request_values.h"

namespace chancery {

/// Looks for a request of one operation of which formulas are true, and proves where there is none.
/// It tries values of each dimension by which the formulas can tell requests apart, so that what it
/// does not find does not exist, unless doubts() says otherwise.
///
/// Requests are those that can be asked: names are valid, and a certificate's common name, DNS
/// names and their number, and a message's class and fields fit together. The service itself is no
/// machine.
class RequestSearch {
 public:
  RequestSearch(Operation operation, Time at);

  /// Adds to what has to be true.
  void require(RequestFormula formula);
  /// The machine is this one. What it does not say of its address and its certificate can be
  /// anything.
  void fix(const Machine& machine);

  /// A request of which everything is true, or nothing where there is none. too_large where there
  /// are too many cases.
  Result<std::optional<ExampleRequest>> find();

  /// Why "nothing" of the last find() is no proof.
  [[nodiscard]] const Doubts& doubts() const { return doubts_; }

 private:
  Operation operation_;
  Time at_;
  std::optional<Machine> machine_;
  std::vector<RequestFormula> formulas_;
  std::vector<std::shared_ptr<const RequestPredicate>> predicates_;
  Doubts doubts_;
};

}  // namespace chancery
