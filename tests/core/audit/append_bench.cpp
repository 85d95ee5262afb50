// How many entries a second the audit log takes: `append_bench [FOLDER]`. Each thread waits for its
// entry to be durable before it appends the next, as a request does.

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/core/audit/log_fixture.h"

namespace chancery {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void sign_one(LogHome& home, const Decision& decision, const RequestContext& context) {
  AuditEntry entry(EntryKind::intent);
  entry.set("operation", "key.sign").set("key", "release").set("algorithm", "ecdsa-p256-sha256");
  entry.set("digest", std::string(64, 'a')).set("digest_algorithm", "sha256");
  auto intent = home.log->intend(context, decision, std::move(entry), SigningInput{});
  CHECK(intent);
  AuditEntry outcome(EntryKind::outcome);
  outcome.set("signature_sha256", std::string(64, 'b'));
  CHECK(home.log->conclude(context, std::move(*intent), Conclusion::ok, std::move(outcome)));
}

void issue_one(LogHome& home, const Decision& decision, const RequestContext& context) {
  CertificateRecord certificate = new_certificate();
  certificate.der.resize(900);
  auto intent =
      home.log->intend(context, decision, certificate_intent_entry(certificate), SigningInput{});
  CHECK(intent);
  CHECK(home.log->conclude(context, std::move(*intent), Conclusion::ok,
                           certificate_outcome_entry(certificate), {AddCertificate{certificate}}));
}

void measure(const char* name, unsigned threads,
             void (*once)(LogHome&, const Decision&, const RequestContext&)) {
  LogHome home;
  const Decision decision = home.policy.allow();
  std::atomic<bool> stop{false};
  const auto before = home.log->counters();
  const double cpu = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      const RequestContext context = context_of("web", new_request_id());
      while (!stop) once(home, decision, context);
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(3));
  stop = true;
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  const auto after = home.log->counters();
  const auto entries = static_cast<double>(after.entries - before.entries);
  const auto commits = static_cast<double>(after.commits - before.commits);
  std::printf("%-12s %3u threads: %7.0f entries/s, %5.1f entries/commit, %5.1f us CPU/entry\n",
              name, threads, entries / elapsed.count(), entries / commits,
              (cpu_seconds() - cpu) / entries * 1e6);
}

}  // namespace
}  // namespace chancery

int main() {
  for (unsigned threads : {1U, 8U, 64U}) {
    chancery::measure("signatures", threads, chancery::sign_one);
    chancery::measure("certificates", threads, chancery::issue_one);
  }
}
