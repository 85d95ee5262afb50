#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "cli/file.h"
#include "cli/hook.h"
#include "cli/lineage.h"
#include "cli/successor.h"
#include "tests/cli/certificate_fixture.h"
#include "tests/cli/scratch_directory.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A directory as `chancery enroll` makes it, with the certificate of serial number 1.
struct LineageFixture {
  LineageFixture() {
    fs::create_directory(directory);
    const Identity first = root.identity({});
    BOOST_REQUIRE(store_credentials(directory, {first.certificate, first.chain, &first.key}));
  }

  [[nodiscard]] Lineage open() const { return std::move(Lineage::open(directory)).value(); }

  [[nodiscard]] PendingRenewal renewal(unsigned replaces, unsigned serial) const {
    PendingRenewal pending{.replaces = serial_text(replaces),
                           .idempotency_key = "k",
                           .body = R"({"csr":"x"})",
                           .identity = root.identity({.serial = serial})};
    return pending;
  }

  /// All of one renewal, as Renewer does it.
  void renew(Lineage& lineage, unsigned replaces, unsigned serial) const {
    const PendingRenewal pending = renewal(replaces, serial);
    BOOST_REQUIRE(lineage.begin(pending));
    BOOST_REQUIRE(lineage.keep_answer(pending.identity.certificate, pending.identity.chain));
    const auto kept = lineage.pending();
    BOOST_REQUIRE(kept && *kept && (*kept)->answered());
    const auto installed = lineage.install(**kept);
    BOOST_REQUIRE_MESSAGE(installed, installed.error().message);
    BOOST_REQUIRE(lineage.finish());
  }

  [[nodiscard]] std::string serial_in(const std::string& name) const {
    const auto identity = Identity::load(directory + name);
    BOOST_REQUIRE_MESSAGE(identity, identity.error().message);
    return summarize_certificate(identity->certificate).value().serial;
  }

  [[nodiscard]] std::string serial() const { return serial_in(""); }

  ScratchDirectory scratch;
  std::string directory = scratch.path("tls");
  TestRoot root{"root"};
};

BOOST_FIXTURE_TEST_SUITE(lineage, LineageFixture)

BOOST_AUTO_TEST_CASE(plain_files_become_links_to_what_they_held) {
  Lineage lineage = open();
  renew(lineage, 1, 2);
  BOOST_TEST(serial() == "02");
  BOOST_TEST(serial_in("/previous") == "01");
  BOOST_TEST(link_target(directory + "/current") == "versions/02");
  for (const std::string& name : credential_names()) {
    BOOST_TEST(link_target(directory + "/" + name) == "current/" + name);
  }
  BOOST_TEST(!file_exists(directory + "/pending"));
}

BOOST_AUTO_TEST_CASE(the_one_before_is_kept_and_no_more) {
  Lineage lineage = open();
  renew(lineage, 1, 2);
  renew(lineage, 2, 3);
  renew(lineage, 3, 4);
  BOOST_TEST(serial() == "04");
  BOOST_TEST(serial_in("/previous") == "03");
  const fs::directory_iterator versions(directory + "/versions");
  BOOST_TEST(std::distance(fs::begin(versions), fs::end(versions)) == 2);
}

BOOST_AUTO_TEST_CASE(a_key_keeps_who_may_read_it_but_never_everybody) {
  const auto mode = [&] {
    struct stat status {};
    BOOST_REQUIRE(::stat((directory + "/key.pem").c_str(), &status) == 0);
    return status.st_mode & 0777;
  };
  Lineage lineage = open();
  renew(lineage, 1, 2);
  BOOST_TEST(mode() == 0600U);
  BOOST_REQUIRE(::chmod((directory + "/key.pem").c_str(), 0644) == 0);
  renew(lineage, 2, 3);
  BOOST_TEST(mode() == 0640U);
}

BOOST_AUTO_TEST_CASE(one_process_at_a_time) {
  {
    const Lineage lineage = open();
    BOOST_TEST(is_being_renewed(directory));
    const auto second = Lineage::open(directory);
    BOOST_REQUIRE(!second);
    BOOST_TEST((second.error().code == ErrorCode::conflict));
  }
  BOOST_TEST(!is_being_renewed(directory));
  BOOST_TEST(bool(Lineage::open(directory)));
  BOOST_TEST(!Lineage::open(scratch.path("none")));
}

BOOST_AUTO_TEST_CASE(what_was_replaced_by_hand_is_not_overwritten) {
  Lineage lineage = open();
  renew(lineage, 1, 2);
  const PendingRenewal pending = renewal(2, 3);
  const Identity by_hand = root.identity({.serial = 9});
  BOOST_REQUIRE(store_credentials(directory, {by_hand.certificate, by_hand.chain, &by_hand.key}));
  const auto installed = lineage.install(pending);
  BOOST_REQUIRE(!installed);
  BOOST_TEST((installed.error().code == ErrorCode::conflict));
  BOOST_TEST(serial() == "09");
  // And goes on from there.
  renew(lineage, 9, 10);
  BOOST_TEST(serial() == "0a");
  BOOST_TEST(serial_in("/previous") == "09");
}

BOOST_AUTO_TEST_CASE(a_version_of_a_crash_is_made_again) {
  Lineage lineage = open();
  renew(lineage, 1, 2);
  fs::create_directory(directory + "/versions/03");
  fs::create_directory(directory + "/versions/03.new");
  fs::create_directory(directory + "/pending.new");
  renew(lineage, 2, 3);
  BOOST_TEST(serial() == "03");
  BOOST_TEST(serial_in("/previous") == "02");
}

BOOST_AUTO_TEST_CASE(a_pending_renewal_is_read_again) {
  Lineage lineage = open();
  BOOST_TEST(!lineage.pending().value());
  const PendingRenewal begun = renewal(1, 2);
  BOOST_REQUIRE(lineage.begin(begun));
  const auto kept = lineage.pending();
  BOOST_REQUIRE(kept && *kept);
  BOOST_TEST((*kept)->replaces == "01");
  BOOST_TEST((*kept)->idempotency_key == "k");
  BOOST_TEST((*kept)->body == begun.body);
  BOOST_TEST(!(*kept)->answered());
  struct stat status {};
  BOOST_REQUIRE(::stat((directory + "/pending/key.pem").c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 0777) == 0600U);
  for (const char* broken : {"", "[]", "{}", R"({"replaces":"01","idempotency_key":"k","body":1})",
                             R"({"replaces":1,"idempotency_key":"k","body":{}})"}) {
    BOOST_REQUIRE(replace_file(directory + "/pending/request.json", broken, 0600));
    const auto read = lineage.pending();
    BOOST_REQUIRE(!read);
    BOOST_TEST((read.error().code == ErrorCode::invalid_request));
  }
  BOOST_REQUIRE(lineage.abandon());
  BOOST_TEST(!lineage.pending().value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(successor)

BOOST_AUTO_TEST_CASE(a_certificate_that_cannot_take_its_place) {
  const TestRoot root("root"), other("other");
  const Identity old = root.identity({});
  BOOST_TEST(bool(check_successor(old, root.identity({.serial = 2}), now())));

  Identity foreign_key = root.identity({.serial = 2});
  foreign_key.key = Secret(std::string(old.key.reveal()));
  Identity own_root = other.identity({.serial = 2});
  Identity borrowed_chain = other.identity({.serial = 2});
  borrowed_chain.chain = root.pem();
  struct Case {
    const char* name;
    const Identity& fresh;
    std::string says;
  };
  const Identity renamed = root.identity({.serial = 2, .dns = "web-2.example"});
  const Identity expired = root.identity({.serial = 2, .ends = -1min});
  const Identity early = root.identity({.serial = 2, .begins = 1h});
  const Case cases[] = {
      {"another name", renamed, "names"},
      {"the key of another", foreign_key, "not the key"},
      {"another root, which came with it", own_root, "does not lead to the root"},
      {"of another root", borrowed_chain, "does not lead to the root"},
      {"expired", expired, "expired"},
      {"not valid yet", early, "not yet valid"},
  };
  for (const Case& one : cases) {
    BOOST_TEST_CONTEXT(one.name) {
      const auto checked = check_successor(old, one.fresh, now());
      BOOST_REQUIRE(!checked);
      BOOST_TEST((checked.error().code == ErrorCode::conflict));
      BOOST_TEST(checked.error().message.find(one.says) != std::string::npos,
                 checked.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(who_can_be_a_client) {
  const TestRoot root("root");
  BOOST_TEST(is_client_certificate(root.identity({}).certificate));
  BOOST_TEST(is_client_certificate(root.identity({.usage = "clientAuth"}).certificate));
  BOOST_TEST(!is_client_certificate(root.identity({.usage = "serverAuth"}).certificate));
  BOOST_TEST(!is_client_certificate("nothing"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(hook)

struct HookFixture {
  std::string script(const std::string& text) {
    const std::string path = scratch.path("hook");
    BOOST_REQUIRE(replace_file(path, "#!/bin/sh\n" + text, 0700));
    return path;
  }
  ScratchDirectory scratch;
};

BOOST_FIXTURE_TEST_CASE(it_gets_its_variables_and_no_others_of_these_names, HookFixture) {
  BOOST_REQUIRE(::setenv("CHANCERY_SERIAL", "old", 1) == 0);
  const std::string out = scratch.path("out");
  const auto ran = run_hook(script("env | grep ^CHANCERY_SERIAL= > " + out +
                                   "; echo \"$# $PATH\" >> " + out + "; cat >> " + out + "\n"),
                            {"CHANCERY_SERIAL=a b"}, 60s);
  ::unsetenv("CHANCERY_SERIAL");
  BOOST_REQUIRE_MESSAGE(ran, ran.error().message);
  BOOST_TEST(read_file(out, 10'000).value() ==
             "CHANCERY_SERIAL=a b\n0 " + std::string(::getenv("PATH")) + "\n");
}

BOOST_FIXTURE_TEST_CASE(its_failures_are_told_apart, HookFixture) {
  const auto says = [](const Result<void>& ran, const std::string& text) {
    BOOST_REQUIRE(!ran);
    BOOST_TEST(ran.error().message.find(text) != std::string::npos, ran.error().message);
  };
  says(run_hook(script("exit 7\n"), {}, 60s), "ended with status 7");
  says(run_hook(script("kill -9 $$\n"), {}, 60s), "killed by signal 9");
  says(run_hook(scratch.path("none"), {}, 60s), "No such file");
  // What it started goes with it: else its end would have to be waited for.
  says(run_hook(script("sleep 600 & wait\n"), {}, 1s), "took longer than 1s");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chancery
