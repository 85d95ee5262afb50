#pragma once

#include <limits>

#include "core/store.h"

namespace chancery {

/// Reads the certificates that a selector is about, in the order of issue, some at a time: those
/// that have not expired. The service's own are only among them where they are asked for by serial
/// or as the machine "self".
class CertificateSelection {
 public:
  /// Compiles the pattern and finds the window. invalid_request with the member. `store` outlives
  /// it.
  static Result<CertificateSelection> make(Store& store, CertificateSelector selector,
                                           const MachinePatternParser& parse_pattern);

  /// What fits among the next ones that are read, limits::incident_rows at most; may be empty
  /// before the end. Certificates beyond
  /// the number `through` are not looked at (a list of serials has them all).
  Result<std::vector<SelectedCertificate>> next(std::uint64_t through);
  [[nodiscard]] bool done(std::uint64_t through) const;
  /// The next one that is read is this, which was read before.
  void go_back_to(const SelectedCertificate& certificate);
  /// Serials asked for that there are not.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }

 private:
  CertificateSelection(Store& store, CertificateSelector selector)
      : store_(&store), selector_(std::move(selector)) {}
  Result<std::vector<SelectedCertificate>> next_serials();
  [[nodiscard]] bool fits(const SelectedCertificate& certificate) const;

  Store* store_;
  CertificateSelector selector_;
  MachineMatcher matches_;  ///< empty: any
  std::size_t position_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t last_ = std::numeric_limits<std::int64_t>::max();
  std::uint64_t missing_ = 0;
};

}  // namespace chancery
