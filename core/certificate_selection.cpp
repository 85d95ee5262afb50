#include "core/certificate_selection.h"

#include <algorithm>

#include "core/entry_view.h"
#include "core/limits.h"

namespace chancery {
namespace {

/// When the first certificate from that number on was issued: the time of its outcome.
Result<Time> issued_at(Store& store, std::uint64_t number) {
  ASSIGN_OR_RETURN(const auto rows, store.certificates_by_number(number, 1));
  if (rows.empty()) {
    return fail(ErrorCode::internal, "there is no certificate number " + std::to_string(number));
  }
  ASSIGN_OR_RETURN(const std::string text, store.entry(rows[0].row.outcome));
  const auto entry = EntryView::parse(text);
  if (!entry) return fail(ErrorCode::internal, "an outcome in the log does not parse");
  return entry->time();
}

/// The number of the first certificate that was issued at or after `time`; numbers are in the order
/// of their outcomes.
Result<std::uint64_t> first_from(Store& store, Time time) {
  ASSIGN_OR_RETURN(const std::uint64_t count, store.certificate_count());
  std::uint64_t low = 1, high = count + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const Time issued, issued_at(store, middle));
    if (issued < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

Result<CertificateSelection> CertificateSelection::make(Store& store, CertificateSelector selector,
                                                        const MachinePatternParser& parse_pattern) {
  CertificateSelection selection(store, std::move(selector));
  const CertificateSelector& wanted = selection.selector_;
  if (!wanted.machines.empty()) {
    auto matcher = parse_pattern(wanted.machines);
    if (!matcher) return invalid("machines", matcher.error().message);
    selection.matches_ = std::move(*matcher);
  }
  if (wanted.issued_from) {
    ASSIGN_OR_RETURN(selection.next_, first_from(store, *wanted.issued_from));
  }
  if (wanted.issued_before) {
    if (*wanted.issued_before > now()) {
      return invalid("issued_before", "must not be in the future");
    }
    ASSIGN_OR_RETURN(const std::uint64_t end, first_from(store, *wanted.issued_before));
    selection.last_ = end - 1;
  }
  return selection;
}

bool CertificateSelection::done(std::uint64_t through) const {
  if (!selector_.serials.empty()) return position_ == selector_.serials.size();
  return next_ > std::min(through, last_);
}

Result<std::vector<SelectedCertificate>> CertificateSelection::next(std::uint64_t through) {
  if (!selector_.serials.empty()) return next_serials();
  const std::uint64_t end = std::min(through, last_);
  if (next_ > end) return std::vector<SelectedCertificate>();
  // Those of one machine have an index of their own.
  const std::uint64_t last =
      selector_.machine.empty() ? std::min(end, next_ + limits::incident_scan - 1) : end;
  ASSIGN_OR_RETURN(
      auto rows, store_->select_certificates(selector_, next_, last, now(), limits::incident_rows));
  next_ = rows.size() == limits::incident_rows ? rows.back().number + 1 : last + 1;
  std::erase_if(rows, [&](const SelectedCertificate& row) { return !fits(row); });
  return rows;
}

void CertificateSelection::go_back_to(const SelectedCertificate& certificate) {
  if (selector_.serials.empty()) {
    next_ = certificate.number;
    return;
  }
  const auto found = std::ranges::lower_bound(selector_.serials, certificate.serial);
  position_ = static_cast<std::size_t>(found - selector_.serials.begin());
}

bool CertificateSelection::fits(const SelectedCertificate& certificate) const {
  if (certificate.machine.text() == "self" && selector_.machine.text() != "self") return false;
  return !matches_ || matches_(certificate.machine.text());
}

Result<std::vector<SelectedCertificate>> CertificateSelection::next_serials() {
  std::vector<SelectedCertificate> rows;
  const std::size_t end = std::min(position_ + limits::incident_batch, selector_.serials.size());
  for (; position_ < end; ++position_) {
    ASSIGN_OR_RETURN(auto row, store_->select_certificate(selector_.serials[position_]));
    if (!row) {
      ++missing_;
    } else if (row->not_after >= now()) {
      rows.push_back(std::move(*row));
    }
  }
  return rows;
}

}  // namespace chancery
