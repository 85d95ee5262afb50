#include "tests/fault/fault_run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <sstream>
#include <thread>

namespace chancery {
namespace {

using namespace std::chrono_literals;

constexpr int kDefect = 99;

/// The child's side: what it was given goes through the pipe at once, before the next step.
class Run {
 public:
  Run(FlowFixture& flow, const KeyName& key, const FaultPlan& plan, int pipe)
      : flow_(flow), key_(key), plan_(plan), pipe_(pipe) {}

  void all() {
    const std::uint64_t before = flow_.token().status().signatures;
    bool needs_restart = false;
    if (plan_.file) arm_file_calls(*plan_.file);
    if (const auto opened = flow_.try_reopen(); opened) {
      tell("ready");
      every_step();
      AuditLog& log = flow_.instance().log();
      if (log.counters().suspensions > 0) tell("suspended");
      if (log.ended()) tell("ended");
      needs_restart = log.needs_restart();
      if (plan_.wait_for_log && !log.ended()) go_on();
    } else {
      honest(opened.error());
    }
    const std::uint64_t calls = file_calls();
    flow_.close();
    if (needs_restart && file_calls() != calls) tell("wrong it wrote after a failed flush");
    if (plan_.file && disarm_file_calls()) tell("reached");
    tell("signatures " + std::to_string(flow_.token().status().signatures - before));
  }

 private:
  void every_step() {
    fault_at(0);
    sign();
    sign();
    fault_at(1);
    issue();
    fault_at(2);
    publish();
    sign();
  }

  void fault_at(unsigned step) {
    if (plan_.token && plan_.token_step == step) flow_.token().inject(*plan_.token);
  }

  void sign() {
    const auto outcome = flow_.service().sign(
        FlowFixture::as("web-1"),
        SignData{key_, SignatureAlgorithm::ecdsa_p256_sha256, copy_of(bytes_of("hello")), false});
    if (!outcome) return honest(outcome.error());
    tell("signature " + std::to_string(outcome->intent) + " " + std::to_string(outcome->outcome) +
         " " + to_hex(sha256(outcome->signature)));
  }

  void issue() {
    const auto outcome = flow_.service().sign(
        FlowFixture::as("web-1"),
        IssueCertificate{
            CaName::literal("issuing"), ProfileName::literal("machine"),
            FlowFixture::request_for({.dns = {"web-1"}, .ip = {}, .uri = {}, .email = {}}),
            std::nullopt});
    if (!outcome) return honest(outcome.error());
    tell("issued " + outcome->serial);
    const auto revoked = flow_.service().revoke(
        FlowFixture::as("operator"),
        {Serial::parse(outcome->serial).value(), RevocationReason::superseded});
    if (!revoked) return honest(revoked.error());
    tell("revoked " + outcome->serial);
  }

  void publish() {
    Instance& instance = flow_.instance();
    auto publisher = CheckpointPublisher::create(instance.log(), instance.store(), flow_.token(),
                                                 instance.keys(), instance.config().log_origin);
    CHECK(publisher.has_value());
    tell("publishing");
    const auto published = (*publisher)->publish();
    if (!published) return honest(published.error());
    tell("checkpoint " + std::to_string(instance.log().signed_checkpoint().size));
  }

  void go_on() {
    const auto until = std::chrono::steady_clock::now() + 60s;
    do {
      while (!flow_.instance().log().healthy()) {
        publish();  // what could not be kept is kept by the next attempt
        if (std::chrono::steady_clock::now() > until) return tell("wrong the log does not go on");
        std::this_thread::sleep_for(50ms);
      }
      sign();  // may meet the next fault
    } while (!flow_.instance().log().healthy());
  }

  void honest(const Error& error) {
    const bool token = plan_.token && error.code == ErrorCode::token_unavailable;
    if (error.code == ErrorCode::store_unavailable || token) return;
    tell("wrong " + error.message + " " + error.detail);
  }

  void tell(const std::string& line) {
    const std::string text = line + "\n";
    CHECK(::write(pipe_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  FlowFixture& flow_;
  const KeyName& key_;
  const FaultPlan& plan_;
  const int pipe_;
};

void read_line(const std::string& text, Given& given) {
  std::istringstream line(text);
  std::string kind;
  line >> kind;
  if (kind == "signature") {
    Given::Signature& one = given.signatures.emplace_back();
    line >> one.intent >> one.outcome >> one.signature_sha256;
  }
  if (kind == "issued") line >> given.issued.emplace_back();
  if (kind == "revoked") line >> given.revoked.emplace_back();
  if (kind == "publishing") ++given.checkpoints_tried;
  if (kind == "checkpoint") line >> given.checkpoint;
  if (kind == "signatures") line >> given.token_signatures;
  if (kind == "wrong") given.wrong.push_back(text);
  given.ready |= kind == "ready";
  given.suspended |= kind == "suspended";
  given.ended |= kind == "ended";
  given.reached |= kind == "reached";
}

}  // namespace

Given run_with_fault(FlowFixture& flow, const KeyName& key, const FaultPlan& plan) {
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    try {
      Run(flow, key, plan, ends[1]).all();
    } catch (...) {
      ::_exit(kDefect);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string told;
  std::array<char, 4096> part{};
  for (ssize_t size = 0; (size = ::read(ends[0], part.data(), part.size())) > 0;) {
    told.append(part.data(), static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  Given given;
  BOOST_REQUIRE(::waitpid(child, &given.status, 0) == child);
  std::istringstream lines(told);
  for (std::string line; std::getline(lines, line);) read_line(line, given);
  return given;
}

}  // namespace chancery
