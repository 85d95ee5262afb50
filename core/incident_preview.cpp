#include <algorithm>
#include <iterator>

#include "core/incidents.h"
#include "core/signing_task.h"

// What an incident is about, counted, and as far as the policy lets the caller see it.

namespace chancery {
namespace {

constexpr std::size_t kFirst = 20;

}  // namespace

Result<IncidentPreview> Incidents::look(const Caller& caller, const CertificateSelector& selector,
                                        std::uint64_t through, const IncidentRecord* opened) const {
  ASSIGN_OR_RETURN(const auto turn, looks_.take());
  ASSIGN_OR_RETURN(CertificateSelection selection, select(selector));
  Machine opener;
  if (opened != nullptr) {
    ASSIGN_OR_RETURN(opener, this->opener(*opened));
  }
  IncidentPreview preview;
  while (!selection.done(through)) {
    ASSIGN_OR_RETURN(const auto batch, selection.next(through));
    for (const SelectedCertificate& certificate : batch) {
      if (opened != nullptr && certificate.number > opened->through &&
          !permits(opener, certificate)) {
        ++preview.passed_over;
        continue;
      }
      RETURN_IF_ERROR(count(caller, certificate, preview));
    }
  }
  preview.missing = selection.missing();
  return preview;
}

Result<IncidentPreview> Incidents::look(const Caller& caller,
                                        const IncidentRecord& incident) const {
  ASSIGN_OR_RETURN(const auto selector, CertificateSelector::parse(incident.selector));
  std::uint64_t through = incident.through;
  if (!incident.deadline) {
    ASSIGN_OR_RETURN(through, store_.certificate_count());
  }
  return look(caller, selector, through, &incident);
}

std::string Incidents::why_not(const Machine& machine,
                               const SelectedCertificate& certificate) const {
  const auto needs_approval = [](const Decision& decision) {
    return decision.allowed() && decision.duties() != nullptr && decision.duties()->approval;
  };
  const auto policy = service_.policy();
  const Decision decision =
      policy->decide(machine, question_about(Operation::certificate_revoke, certificate));
  if (!decision.allowed()) return decision.reason();
  if (!needs_approval(decision)) return {};
  if (needs_approval(policy->decide(machine, {.operation = Operation::incident_open}))) return {};
  return "\"" + decision.duties()->approval->rule +
         "\" asks for approval of it; revoke it on its own";
}

Result<void> Incidents::count(const Caller& caller, const SelectedCertificate& certificate,
                              IncidentPreview& preview) const {
  ASSIGN_OR_RETURN(const auto revocation, store_.revocation(certificate.serial));
  if (revocation && is_final(revocation->reason)) {
    ++preview.already;
    return {};
  }
  ++preview.matched;
  const std::string& machine = certificate.machine.text();
  if (machine == "self" && preview.own++ == 0) preview.first_own = certificate.serial;
  const std::string refusal = why_not(caller.context.machine, certificate);
  if (!refusal.empty()) {
    // Whose it is, is none of the caller's business beyond the reason.
    if (preview.refused++ == 0) preview.refusal = certificate.serial.hex() + ": " + refusal;
    return {};
  }
  if (preview.first.size() < kFirst) preview.first.push_back(certificate.serial);
  ++preview.issuers[certificate.issuer.text()];
  ++preview.profiles[certificate.profile.text()];
  if (preview.machines.size() < limits::incident_machines || preview.machines.contains(machine)) {
    ++preview.machines[machine];
  } else {
    preview.more_machines = true;
  }
  constexpr std::array<std::chrono::hours, 3> kSpans = {
      std::chrono::hours{24}, std::chrono::hours{24 * 7}, std::chrono::hours{24 * 30}};
  const auto left = certificate.not_after - now();
  const auto span = std::ranges::find_if(kSpans, [&](auto most) { return left <= most; });
  ++preview.ending[static_cast<std::size_t>(span - kSpans.begin())];
  preview.last_end = std::max(preview.last_end, certificate.not_after);

  if (machine != "self") return {};
  ASSIGN_OR_RETURN(auto under, dependants(certificate.serial));
  std::ranges::move(under, std::back_inserter(preview.dependants));
  return {};
}

Result<std::vector<IncidentPreview::Dependants>> Incidents::dependants(
    const Serial& ca_certificate) const {
  std::vector<IncidentPreview::Dependants> found;
  // Nearly every certificate is a machine's: for these no CA is looked at.
  ASSIGN_OR_RETURN(const auto certificate, store_.select_certificate(ca_certificate));
  if (!certificate || certificate->machine.text() != "self") return found;
  std::vector<CaName> below;
  for (const CertificateAuthority* ca : service_.cas()) {
    ASSIGN_OR_RETURN(const CertificateInfo info, parse_certificate(ca->record.certificate));
    if (std::ranges::equal(info.serial, ca_certificate.bytes)) below.push_back(ca->record.name);
  }
  for (std::size_t i = 0; i < below.size(); ++i) {
    CertificateSelector all;
    all.issuer = below[i];
    IncidentPreview::Dependants of_one{below[i]};
    ASSIGN_OR_RETURN(const std::uint64_t through, store_.certificate_count());
    for (std::uint64_t first = 1; first <= through; first += limits::incident_scan) {
      ASSIGN_OR_RETURN(const auto rows,
                       store_.select_certificates(
                           all, first, std::min(through, first + limits::incident_scan - 1), now(),
                           limits::incident_scan));
      of_one.certificates += rows.size();
    }
    found.push_back(std::move(of_one));
    for (const CertificateAuthority* ca : service_.cas()) {
      const bool root = ca->record.issuer == ca->record.name;
      if (!root && ca->record.issuer == below[i]) below.push_back(ca->record.name);
    }
  }
  return found;
}

}  // namespace chancery
