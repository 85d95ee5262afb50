#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/incident_report.h"
#include "core/incident_runner.h"
#include "policies/pattern.h"
#include "tests/flow/flow_fixture.h"

namespace chancery {

inline Result<MachineMatcher> machine_matcher(std::string_view text) {
  ASSIGN_OR_RETURN(Pattern pattern,
                   Pattern::parse_without_variables(PatternKind::machine_name, text));
  return MachineMatcher([pattern = std::move(pattern)](const std::string& machine) {
    return pattern.matches(machine, Machine{});
  });
}

/// What carries incidents out, on an installation of its own.
struct IncidentFixture : FlowFixture {
  IncidentFixture() { begin(); }

  /// As the daemon has it after a start.
  void begin() {
    incidents.emplace(service(), store(), instance().log(), instance().config(), machine_matcher);
    runner.emplace(*incidents, service(), store(), instance().log(),
                   [this](const Revocation& revocation) {
                     told.push_back(revocation.serial);
                     if (stop_at == told.size()) runner->stop();
                   });
  }
  void restart() {
    runner.reset();
    incidents.reset();
    reopen();
    begin();
  }

  std::vector<Serial> issued(const std::string& machine, int count) {
    std::vector<Serial> serials;
    for (int i = 0; i < count; ++i) {
      serials.push_back(Serial::parse(issue(machine).serial).value());
    }
    return serials;
  }
  static OpenIncident about(const std::string& selector) {
    OpenIncident request;
    request.name = IncidentName::literal("inc-1");
    request.selector = CertificateSelector::parse(selector).value();
    request.reason = RevocationReason::superseded;
    request.per_second = limits::incident_rate_at_most;
    return request;
  }
  /// Opened by the operator and carried out as far as it goes.
  IncidentRecord run(const OpenIncident& request) {
    const auto opened = incidents->open(as("operator"), request);
    BOOST_REQUIRE_MESSAGE(opened, opened.error().message);
    runner->work();
    BOOST_TEST(runner->problem() == "");
    return state(opened->name);
  }
  IncidentRecord state(const IncidentName& name = IncidentName::literal("inc-1")) {
    return store().incident(name).value().value();
  }
  bool revoked(const Serial& serial) { return service().is_revoked(serial).value(); }
  std::size_t count_revoked(const std::vector<Serial>& serials) {
    return static_cast<std::size_t>(
        std::ranges::count_if(serials, [this](const Serial& serial) { return revoked(serial); }));
  }
  std::string report(const IncidentRecord& incident) {
    std::string text;
    for (std::optional<std::uint64_t> first = 0; first;) {
      const auto page = incident_report(store(), incident, *first).value();
      text += page.lines;
      first = page.next;
    }
    return text;
  }
  void expect_good_log() {
    const VerifyReport verified = verify();
    BOOST_TEST(verified.good, summary(verified));
  }

  std::optional<Incidents> incidents;
  std::optional<IncidentRunner> runner;
  std::vector<Serial> told;
  std::size_t stop_at = 0;  ///< of those; none: never
};

inline std::string text_of_entry(const std::string& entry, const char* member) {
  return nlohmann::json::parse(entry).value(member, "");
}

}  // namespace chancery
