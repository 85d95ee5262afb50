#include "core/crl_publisher.h"

namespace chancery {
namespace {

std::shared_ptr<const PublishedCrl> published(CrlRecord row) {
  return std::make_shared<const PublishedCrl>(
      PublishedCrl{std::move(row.der), row.number, row.this_update, row.next_update, row.entries});
}

}  // namespace

CrlPublisher::CrlPublisher(SigningService& service, Store& store, const Config& config)
    : service_(service), store_(store), config_(config) {
  for (const CertificateAuthority* ca : service.cas()) {
    // What was revoked shortly before a stop may not be on the stored CRL.
    changed_[ca->record.name] = true;
    // Until the new one is there, the last good one is served.
    if (auto row = store.crl(ca->record.name); row && *row) {
      current_[ca->record.name] = published(std::move(**row));
    }
  }
}

Result<void> CrlPublisher::publish_due() {
  Result<void> last;
  for (const CertificateAuthority* ca : service_.cas()) {
    const CaName& name = ca->record.name;
    if (!due(name, now())) continue;
    if (auto made = refresh(name); !made) {
      last = std::move(made);
      revoked(name);  // still to be done at the next call
    }
  }
  const std::lock_guard lock(mutex_);
  problem_ = last ? "" : last.error().message;
  return last;
}

bool CrlPublisher::due(const CaName& ca, Time at) const {
  const std::lock_guard lock(mutex_);
  const auto changed = changed_.find(ca);
  if (changed == changed_.end() || changed->second) return true;
  const auto found = current_.find(ca);
  return found == current_.end() || at - found->second->this_update >= config_.crl_refresh;
}

Result<void> CrlPublisher::refresh(const CaName& ca) {
  {
    // Before the entries are read: a revocation from here on marks the CA again.
    const std::lock_guard lock(mutex_);
    changed_[ca] = false;
  }
  Caller self{{new_request_id(), Machine::self()}, {}, {}};
  ASSIGN_OR_RETURN([[maybe_unused]] const Outcome outcome, service_.sign(self, SignCrl{ca}));
  ASSIGN_OR_RETURN(auto row, store_.crl(ca));
  if (!row || row->der != outcome.certificate) {
    return fail(ErrorCode::internal, "the new CRL of \"" + ca.text() + "\" failed its checks");
  }
  const std::lock_guard lock(mutex_);
  current_[ca] = published(std::move(*row));
  return {};
}

std::shared_ptr<const PublishedCrl> CrlPublisher::current(const CaName& ca) const {
  const std::lock_guard lock(mutex_);
  const auto found = current_.find(ca);
  return found == current_.end() ? nullptr : found->second;
}

void CrlPublisher::revoked(const CaName& ca) {
  const std::lock_guard lock(mutex_);
  changed_[ca] = true;
}

std::string CrlPublisher::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace chancery
