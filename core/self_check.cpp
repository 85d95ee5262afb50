#include "core/self_check.h"

#include <algorithm>

namespace chancery {
namespace {

constexpr std::uint64_t kLiveWindow = 256;  // certificates among which one is chosen

Failure bad(std::string what) {
  return fail(ErrorCode::internal, std::move(what));
}

std::string words(const FaceState& state) {
  return state.face + (state.ca.empty() ? "" : " of " + state.ca);
}

}  // namespace

SelfCheck::SelfCheck(Parts parts, std::function<std::string()> url, FaceFetch fetch,
                     std::function<void(const std::string&)> tell)
    : parts_(parts), where_(std::move(url)), fetch_(std::move(fetch)), tell_(std::move(tell)) {
  const Config& config = parts_.instance.config();
  for (const CertificateAuthority* ca : parts_.instance.service().cas()) {
    auto issuer = FaceIssuer::from(ca->record.certificate);
    CHECK(issuer);  // it is one of ours
    cas_.push_back(Ca{ca, std::move(*issuer), {}, 0, {}, 0});
    const std::string& name = ca->record.name.text();
    states_.push_back({name, "certificate"});
    states_.push_back({name, "crl"});
    states_.push_back({name, "shard"});
    if (config.crl_delta) states_.push_back({name, "delta"});
    if (parts_.ocsp) states_.push_back({name, "ocsp"});
  }
  states_.push_back({"", "checkpoint"});
}

std::vector<FaceState> SelfCheck::states() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

void SelfCheck::look() {
  url_ = where_();
  if (!remember_size()) return;  // the store's own failure is shown by the log
  for (Ca& ca : cas_) {
    // After its end nobody asks a CA, and it can make no lists.
    if (!parts_.stopping && now() < ca.issuer.not_after) look_at(ca);
  }
  if (!parts_.stopping) put("", "checkpoint", look_at_checkpoint());
}

/// What was revoked by then must be seen by now.
Result<void> SelfCheck::remember_size() {
  ASSIGN_OR_RETURN(const std::uint64_t size, parts_.instance.store().log_size());
  const auto at = Clock::now();
  sizes_.emplace_back(at, size);
  while (!sizes_.empty() && at - sizes_.front().first >= parts_.lag) {
    settled_ = sizes_.front().second;
    sizes_.pop_front();
  }
  return {};
}

void SelfCheck::put(const std::string& ca, const std::string& face, const Seen& seen) {
  // A stop cuts off what is on its way.
  if (parts_.stopping) return;
  FaceState state;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(
        states_, [&](const FaceState& row) { return row.ca == ca && row.face == face; });
    CHECK(found != states_.end());
    found->good = seen.has_value();
    found->problem = seen ? "" : seen.error().message;
    found->checked_at = now();
    if (seen && *seen) found->as_of = *seen;
    state = *found;
  }
  record(state);
}

/// One entry where it turns; what cannot be recorded now is tried at the next look.
void SelfCheck::record(FaceState& state) {
  bool& recorded_bad = recorded_[{state.ca, state.face}];
  if (recorded_bad == !state.good) return;
  AuditEntry entry(EntryKind::alarm);
  entry.set("event", state.good ? "cleared" : "raised");
  entry.set("alarm", "face");
  entry.set("ca", state.ca);
  entry.set("face", state.face);
  entry.set("reason", state.problem);
  if (!parts_.instance.log().record(Instance::self().context, std::move(entry))) return;
  recorded_bad = !state.good;
  tell_(state.good ? words(state) + " is good again"
                   : words(state) + " is not as it should be: " + state.problem);
}

void SelfCheck::look_at(Ca& ca) {
  const CaName& name = ca.authority->record.name;
  Store& store = parts_.instance.store();
  put(name.text(), "certificate", look_at_certificate(ca));
  const auto newest = store.newest_revocation(name, settled_, now());
  if (!newest) return;
  put(name.text(), "crl", look_at_list(ca, CrlScope::all(), *newest));
  if (parts_.instance.config().crl_delta) {
    put(name.text(), "delta", look_at_list(ca, CrlScope::delta_of_all(), std::nullopt));
  }
  if (parts_.instance.service().crl_shard_counts(name).back() > 1) {
    put(name.text(), "shard", look_at_shards(ca, *newest));
  }
  // Before its certificate is there, a responder has nothing to say: chancery_ocsp_responders.
  if (parts_.ocsp && parts_.ocsp->to_come() == 0) {
    put(name.text(), "ocsp", look_at_ocsp(ca, *newest));
  }
}

SelfCheck::Seen SelfCheck::look_at_certificate(const Ca& ca) {
  const std::string& name = ca.authority->record.name.text();
  ASSIGN_OR_RETURN(const std::string text, fetch_document(fetch_, url_ + "/ca/" + name + ".crt"));
  if (text != text_of(ca.authority->record.certificate)) return bad("it is another certificate");
  return ca.authority->issuer.not_before();
}

SelfCheck::Seen SelfCheck::look_at_list(Ca& ca, const CrlScope& scope,
                                        const std::optional<Revocation>& newest) {
  List& list = ca.lists[scope];
  const CaName& name = ca.authority->record.name;
  if (!parts_.crls.current(name, scope)) {
    // One that is being made for the first time.
    if (!list.missing_since) list.missing_since = Clock::now();
    if (Clock::now() - *list.missing_since < parts_.lag) return std::nullopt;
  }
  const bool is_on_it =
      newest && (!scope.is_shard() || (newest->crl_shards == scope.shards &&
                                       newest->serial.shard(scope.shards) == scope.shard));
  RETURN_IF_ERROR(read_list(ca, scope, list, is_on_it ? &*newest : nullptr));
  RETURN_IF_ERROR(expect_fresh(ca, list));
  if (is_on_it) RETURN_IF_ERROR(expect_listed(list, *newest));
  return list.this_update;
}

Result<void> SelfCheck::read_list(Ca& ca, const CrlScope& scope, List& list,
                                  const Revocation* sought) {
  const CaName& name = ca.authority->record.name;
  // Once it was found there it stays there, or another list comes.
  const bool known = !sought || (list.found && list.looked_for == sought->serial);
  std::vector<Serial> wanted;
  if (sought) wanted.push_back(sought->serial);
  auto fetched = fetch_crl(fetch_, url_ + "/crl/" + scope.path(name.text()), ca.issuer,
                           std::move(wanted), known ? list.etag : "");
  if (!fetched) return Failure(std::move(fetched.error()));
  if (!fetched->reading) return {};
  const CrlReading& reading = *fetched->reading;
  if (reading.base.has_value() != scope.delta) return bad("it is a list of another kind");
  if (scope.is_shard() && reading.point != ca.authority->issuer.crl_url(scope)) {
    return bad("its issuing distribution point names another list");
  }
  if (is_smaller_number(reading.number, list.number)) {
    return bad("its number went back from " + list.number + " to " + reading.number);
  }
  list.etag = std::move(fetched->etag);
  list.number = reading.number;
  list.this_update = reading.this_update;
  list.next_update = reading.next_update;
  list.looked_for = sought ? std::optional(sought->serial) : std::nullopt;
  list.found = sought && reading.found.front() &&
               reading.found.front()->reason != RevocationReason::remove_from_crl;
  return {};
}

Result<void> SelfCheck::expect_listed(const List& list, const Revocation& revocation) {
  if (list.found) return {};
  // It may have been released meanwhile.
  ASSIGN_OR_RETURN(const auto still, parts_.instance.store().revocation(revocation.serial));
  if (still && still->reason == RevocationReason::remove_from_crl) return {};
  return bad("certificate " + revocation.serial.hex() + ", revoked at " +
             to_rfc3339_seconds(revocation.revoked_at) + ", is not on it");
}

/// A list that is made anew in time has more than half of what then is left of its life.
Result<void> SelfCheck::expect_fresh(const Ca& ca, const List& list) const {
  const Config& config = parts_.instance.config();
  const Time at = now();
  if (list.next_update <= at) {
    return bad("it ended at " + to_rfc3339_seconds(list.next_update));
  }
  // The last lists of a CA end with it.
  if (list.next_update >= std::chrono::floor<Seconds>(ca.issuer.not_after)) return {};
  if (list.next_update - at >= (config.crl_lifetime - config.crl_refresh) / 2) return {};
  return bad("it is of " + to_rfc3339_seconds(list.this_update) +
             ", and should have been made anew since");
}

/// One list a look, in turn; that of the newest revocation first, once.
SelfCheck::Seen SelfCheck::look_at_shards(Ca& ca, const std::optional<Revocation>& newest) {
  std::vector<CrlScope> all;
  for (const unsigned count :
       parts_.instance.service().crl_shard_counts(ca.authority->record.name)) {
    for (unsigned shard = 0; count > 1 && shard < count; ++shard) {
      all.push_back(CrlScope::of_shard(count, shard));
    }
  }
  CrlScope scope = all[ca.turn % all.size()];
  if (newest && newest->crl_shards > 1 && newest->entry != ca.shard_of_entry) {
    scope = CrlScope::of_shard(newest->crl_shards, newest->serial.shard(newest->crl_shards));
    ca.shard_of_entry = newest->entry;
  } else {
    ++ca.turn;
  }
  auto seen = look_at_list(ca, scope, newest);
  ca.lists[scope].problem = seen ? "" : scope.name() + ": " + seen.error().message;
  for (const auto& [of, list] : ca.lists) {
    if (!list.problem.empty()) return bad(list.problem);
  }
  return seen;
}

Result<OcspReading> SelfCheck::ask_ocsp(const Ca& ca, const Serial& serial) {
  ASSIGN_OR_RETURN(const OcspReading reading,
                   fetch_ocsp(fetch_, url_ + "/ocsp", ca.issuer, serial, {}));
  const Seconds lifetime = parts_.instance.config().ocsp_lifetime;
  // A kept answer is given until half of its life is over.
  if (!reading.next_update || *reading.next_update - now() < lifetime / 4) {
    return bad("an answer of " + to_rfc3339_seconds(reading.this_update) +
               " is still given, and should have been made anew since");
  }
  return reading;
}

SelfCheck::Seen SelfCheck::look_at_ocsp(Ca& ca, const std::optional<Revocation>& newest) {
  std::optional<Time> oldest;
  Store& store = parts_.instance.store();
  if (newest) {
    ASSIGN_OR_RETURN(const OcspReading reading, ask_ocsp(ca, newest->serial));
    if (reading.status.kind != OcspStatus::Kind::revoked) {
      ASSIGN_OR_RETURN(const auto still, store.revocation(newest->serial));
      if (!still || still->reason != RevocationReason::remove_from_crl) {
        return bad("certificate " + newest->serial.hex() + " is revoked, and OCSP does not say so");
      }
    }
    oldest = reading.this_update;
  }
  ASSIGN_OR_RETURN(const auto live, live_certificate(ca));
  if (!live) return oldest;
  ASSIGN_OR_RETURN(const OcspReading reading, ask_ocsp(ca, *live));
  if (reading.status.kind != OcspStatus::Kind::good) {
    ASSIGN_OR_RETURN(const auto revoked, parts_.instance.service().is_revoked(*live));
    if (!revoked) return bad("certificate " + live->hex() + " is good, and OCSP does not say so");
  }
  return oldest ? std::min(*oldest, reading.this_update) : reading.this_update;
}

Result<bool> SelfCheck::is_good(const Ca& ca, const CertificateRecord& record) const {
  if (record.issuer != ca.authority->record.name || record.not_after <= now() ||
      record.state != CertificateState::issued) {
    return false;
  }
  ASSIGN_OR_RETURN(const auto revoked, parts_.instance.service().is_revoked(record.serial));
  return !revoked;
}

Result<std::optional<Serial>> SelfCheck::live_certificate(Ca& ca) {
  Store& store = parts_.instance.store();
  if (ca.live) {
    ASSIGN_OR_RETURN(const auto record, store.certificate(*ca.live));
    if (record) {  // else it was pruned
      ASSIGN_OR_RETURN(const bool good, is_good(ca, *record));
      if (good) return ca.live;
    }
    ca.live.reset();
  }
  ASSIGN_OR_RETURN(const std::uint64_t count, store.certificate_count());
  // Among the last, and, of a CA that issues seldom, the first.
  const std::uint64_t last = count > kLiveWindow ? count - kLiveWindow + 1 : 1;
  Time longest{};
  for (const std::uint64_t first : {last, std::uint64_t{1}}) {
    if (ca.live) break;
    ASSIGN_OR_RETURN(const auto rows, store.certificates_by_number(first, kLiveWindow));
    for (const auto& [number, record] : rows) {
      ASSIGN_OR_RETURN(const bool good, is_good(ca, record));
      if (!good || record.not_after <= longest) continue;
      longest = record.not_after;
      ca.live = record.serial;
    }
  }
  return ca.live;
}

SelfCheck::Seen SelfCheck::look_at_checkpoint() {
  ASSIGN_OR_RETURN(const std::string note, fetch_document(fetch_, url_ + "/log/checkpoint"));
  const auto checkpoint = parse_checkpoint(note);
  if (!checkpoint) return bad("what came is not a checkpoint");
  if (checkpoint->origin != parts_.checkpoints.origin()) return bad("it is of another log");
  bool signed_by_one = false;
  for (const std::string& vkey : parts_.checkpoints.vkeys()) {
    ASSIGN_OR_RETURN(const NoteVerifier verifier, NoteVerifier::parse(vkey));
    const bool verifies = verifier.verify(note);
    if (!verifies && verifier.has_line_in(note)) return bad("a signature does not verify");
    signed_by_one = signed_by_one || verifies;
  }
  if (!signed_by_one) return bad("none of the log's keys has signed it");
  if (checkpoint->size < last_checkpoint_.size) {
    return bad("its size went back from " + std::to_string(last_checkpoint_.size) + " to " +
               std::to_string(checkpoint->size));
  }
  ASSIGN_OR_RETURN(const auto own, parts_.instance.store().checkpoint(checkpoint->size));
  if (!own || own->root != checkpoint->root) return bad("it has another root than the log");
  last_checkpoint_ = *checkpoint;
  if (checkpoint->size < settled_) {
    return bad("it does not cover entry " + std::to_string(settled_ - 1) +
               ", which was there at the last look");
  }
  return now();
}

}  // namespace chancery
