#include <atomic>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <fstream>
#include <mutex>

#include "core/audit_verify.h"
#include "core/cosigning.h"
#include "core/heartbeat.h"
#include "core/witness.h"
#include "tests/core/audit/log_fixture.h"
#include "tests/core/audit/python_verifier.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;

/// A witness of the log, in this process, reached without HTTP.
class NearWitness {
 public:
  NearWitness(const LogHome& log, const std::string& name) : path_(folder_.file("witness")) {
    vkey_ = Witness::init(path_, name).value();
    for (const NoteVerifier& verifier : log.verifiers()) {
      std::ofstream(path_ + "/logs", std::ios::app) << verifier.vkey() << "\n";
    }
    open();
  }
  void open() {
    witness_.reset();
    witness_ = Witness::open(path_).value();
  }
  /// As after the loss of its disk.
  void forget() {
    witness_.reset();
    std::filesystem::remove_all(path_ + "/state");
    std::filesystem::create_directory(path_ + "/state");
    open();
  }
  [[nodiscard]] const std::string& vkey() const { return vkey_; }
  [[nodiscard]] WitnessSubmission::Reply answer(const std::string& body) {
    const Witness::Answer answer = witness_->add_checkpoint(body);
    return {answer.status, answer.body};
  }
  /// May be called from another thread.
  [[nodiscard]] WitnessSubmission::Post post() {
    return [this](const std::string& url,
                  const std::string& body) -> Result<WitnessSubmission::Reply> {
      if (url != "https://w/add-checkpoint") return fail(ErrorCode::internal, "not here: " + url);
      ++asked;
      return answer(body);
    };
  }

  std::atomic<int> asked = 0;

 private:
  TemporaryFolder folder_;
  const std::string path_;
  std::string vkey_;
  std::unique_ptr<Witness> witness_;
};

WitnessPolicy policy_of(const std::string& text) {
  auto policy = WitnessPolicy::parse(text);
  BOOST_REQUIRE_MESSAGE(policy.has_value(), (policy ? "" : policy.error().message));
  return std::move(*policy);
}

/// A log whose checkpoints one witness has to cosign.
struct WitnessedLog : LogHome {
  WitnessedLog() {
    policy = policy_of("witness w " + near.vkey() + " https://w/\nquorum w\n");
    open_with_quorum();
  }
  void open_with_quorum() {
    close();
    store = Store::open(database()).value();
    log = AuditLog::open(*store, checkpoint_file(), [this](std::string_view note) {
            return policy.has_quorum(note);
          }).value();
    submission.emplace(*log, *store, policy.witnesses().front(), near.post());
  }
  [[nodiscard]] Result<void> submit() { return submission->submit(log->signed_checkpoint()); }

  NearWitness near{*this, "w.example"};
  WitnessPolicy policy;
  std::optional<WitnessSubmission> submission;
};

bool is_cosigned(const std::string& note, const std::string& vkey) {
  return CosignatureVerifier::parse(vkey)->find_in(note).has_value();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cosigning, WitnessedLog)

BOOST_AUTO_TEST_CASE(a_checkpoint_is_published_with_its_quorum) {
  const std::string first = checkpoint();
  BOOST_TEST(log->signed_checkpoint().note == first);
  BOOST_TEST(log->published_checkpoint() == "");
  BOOST_TEST(!log->wait_until_published(0, 0ms));
  BOOST_TEST(submit().has_value());
  BOOST_TEST(log->published_checkpoint().starts_with(first));
  BOOST_TEST(is_cosigned(log->published_checkpoint(), near.vkey()));
  BOOST_TEST(log->wait_until_published(0, 0ms));

  append();
  const std::string second = checkpoint();
  BOOST_TEST(log->published_checkpoint().starts_with(first), "the one before it stays");
  open_with_quorum();
  BOOST_TEST(log->signed_checkpoint().note == second);
  BOOST_TEST(log->published_checkpoint().starts_with(first), "also after a start");
  BOOST_TEST(submit().has_value());
  const std::string published = log->published_checkpoint();
  BOOST_TEST(published.starts_with(second));
  open_with_quorum();
  BOOST_TEST(log->published_checkpoint() == published);
}

BOOST_AUTO_TEST_CASE(without_a_quorum_cosignatures_are_added_to_what_is_published) {
  open();  // asks for none
  const std::string note = checkpoint();
  BOOST_TEST(log->published_checkpoint() == note);
  WitnessSubmission unasked(*log, *store, policy.witnesses().front(), near.post());
  BOOST_TEST(unasked.submit(log->signed_checkpoint()).has_value());
  const std::string cosigned = log->published_checkpoint();
  BOOST_TEST(cosigned.starts_with(note));
  BOOST_TEST(is_cosigned(cosigned, near.vkey()));
  open();
  BOOST_TEST(log->published_checkpoint() == cosigned);
}

BOOST_AUTO_TEST_CASE(the_size_that_a_witness_has_is_learnt_from_it) {
  checkpoint();
  BOOST_TEST(submit().has_value());
  BOOST_TEST(near.asked == 1);
  append();
  checkpoint();
  BOOST_TEST(submit().has_value());
  BOOST_TEST(near.asked == 2, "it is known");
  near.forget();
  append();
  checkpoint();
  BOOST_TEST(submit().has_value());
  BOOST_TEST(near.asked == 4, "it tells that it knows nothing, and signs");
  open_with_quorum();
  append();
  checkpoint();
  BOOST_TEST(submit().has_value());
  BOOST_TEST(near.asked == 5, "the database remembers");
}

BOOST_AUTO_TEST_CASE(answers_that_are_no_cosignature_publish_nothing) {
  checkpoint();
  NearWitness other(*this, "w.example");  // the same name, another key
  const struct {
    const char* name;
    WitnessSubmission::Reply reply;
  } rows[] = {
      {"nothing", {200, ""}},
      {"no note", {200, "good\n"}},
      {"another witness's",
       other.answer(to_text(WitnessRequest{0, {}, log->signed_checkpoint().note}))},
      {"another checkpoint", {200, log->signed_checkpoint().note}},
      {"an error", {500, ""}},
      {"another error", {404, "unknown log\n"}},
      {"a conflict without size", {409, ""}},
      {"a conflict with a word", {409, "many\n"}},
      {"a conflict for ever", {409, "0\n"}},
  };
  for (const auto& row : rows) {
    WitnessSubmission bad(
        *log, *store, policy.witnesses().front(),
        [&](const std::string&, const std::string&) -> Result<WitnessSubmission::Reply> {
          return row.reply;
        });
    BOOST_TEST(!bad.submit(log->signed_checkpoint()).has_value(), row.name);
    BOOST_TEST(log->published_checkpoint() == "", row.name);
    BOOST_TEST(log->healthy(), row.name);
  }
}

// Only its own line, which verifies behind the checkpoint alone, can be kept: `audit verify` would
// find any other for ever.
BOOST_AUTO_TEST_CASE(a_witness_cannot_plant_a_line_that_does_not_verify) {
  const std::string note = checkpoint();
  const WitnessKey key = WitnessKey::generate("m.example").value();
  const std::string text(split_note(note)->text);
  const WitnessPolicy its =
      policy_of("witness m " + key.verifier().vkey() + " https://m/\nquorum none\n");
  const auto submit_to = [&](const std::string& answer) {
    WitnessSubmission submission(
        *log, *store, its.witnesses().front(),
        [&](const std::string&, const std::string&) -> Result<WitnessSubmission::Reply> {
          return WitnessSubmission::Reply{200, answer};
        });
    return submission.submit(log->signed_checkpoint()).has_value();
  };
  const std::string good = key.cosign(text, now()) + "\n";
  const std::string longer = key.cosign(note + "x\n", now()) + "\n";
  const struct {
    const char* name;
    std::string answer;
  } rows[] = {{"over more than the checkpoint", "x\n\n" + longer},
              {"the same without more", longer},
              {"an empty line before it", "\n" + good},
              {"an empty line behind it", good + "\n"},
              {"another text in between", good + "x\n\n" + longer}};
  for (const auto& row : rows) {
    BOOST_TEST(!submit_to(row.answer), row.name);
    BOOST_TEST(store->cosignatures(log->signed_checkpoint().size)->empty(), row.name);
    BOOST_TEST(verify_log(*store, verifiers())->good, row.name);
  }
  BOOST_TEST(submit_to(good));
  BOOST_TEST(store->cosignatures(log->signed_checkpoint().size)->size() == 1U);
  BOOST_TEST(verify_log(*store, verifiers())->good);
}

// Over plain HTTP anybody on the way can claim it: that is a failure, and closes nothing.
BOOST_AUTO_TEST_CASE(what_closes_the_log_is_not_believed_over_plain_http) {
  checkpoint();
  const struct {
    const char* url;
    bool believed;
  } rows[] = {{"http://192.0.2.1:8090", false},     {"http://w.example", false},
              {"http://127.0.0.1.example/", false}, {"http://localhost.example", false},
              {"http://[2001:db8::1]:8090", false}, {"http://localhost@w.example/", false},
              {"http://127.0.0.1:8090", true},      {"http://[::1]:8090/w", true},
              {"http://localhost:8090", true},      {"https://w.example", true}};
  for (const auto& row : rows) BOOST_TEST(is_believed(row.url) == row.believed, row.url);
  for (const auto& reply :
       {WitnessSubmission::Reply{409, "1000000\n"}, WitnessSubmission::Reply{422, ""}}) {
    const WitnessPolicy plain =
        policy_of("witness w " + near.vkey() + " http://w.example\nquorum w\n");
    WitnessSubmission claiming(
        *log, *store, plain.witnesses().front(),
        [&](const std::string&, const std::string&) -> Result<WitnessSubmission::Reply> {
          return reply;
        });
    const auto outcome = claiming.submit(log->signed_checkpoint());
    BOOST_REQUIRE(!outcome);
    BOOST_TEST((outcome.error().code == ErrorCode::internal));
    BOOST_TEST((outcome.error().message.find("https://") != std::string::npos));
    BOOST_TEST(log->healthy());
  }
}

// What the witness holds was signed by a log that this one is not.
BOOST_AUTO_TEST_CASE(a_witness_that_knows_more_closes_the_log) {
  append();
  checkpoint();
  BOOST_TEST_REQUIRE(submit().has_value());
  const std::uint64_t known = log->signed_checkpoint().size;
  const struct {
    const char* name;
    WitnessSubmission::Reply reply;
    const char* says;
  } rows[] = {{"more", {409, std::to_string(known + 1) + "\n"}, "has signed a checkpoint of"},
              {"other", {422, ""}, "holds another history"}};
  for (const auto& row : rows) {
    open_with_quorum();
    append();
    checkpoint();
    WitnessSubmission knowing(
        *log, *store, policy.witnesses().front(),
        [&](const std::string&, const std::string&) -> Result<WitnessSubmission::Reply> {
          if (row.reply.status == 422) return row.reply;
          return WitnessSubmission::Reply{409,
                                          std::to_string(log->signed_checkpoint().size + 1) + "\n"};
        });
    const auto outcome = knowing.submit(log->signed_checkpoint());
    BOOST_TEST((outcome.error().code == ErrorCode::conflict), row.name);
    BOOST_TEST(!log->healthy(), row.name);
    BOOST_TEST((log->problem().find(row.says) != std::string::npos), log->problem());
    BOOST_TEST(!log->record(context_of("web"), AuditEntry(EntryKind::read)), row.name);
  }
}

BOOST_AUTO_TEST_CASE(a_witness_ahead_of_a_late_checkpoint_is_no_contradiction) {
  checkpoint();
  const auto late = log->signed_checkpoint();
  append();
  checkpoint();
  BOOST_TEST(submit().has_value());
  WitnessSubmission again(*log, *store, policy.witnesses().front(), near.post());
  BOOST_TEST(again.submit(late).has_value());
  BOOST_TEST(log->healthy());
}

// One hangs; the other's cosignatures are there, checkpoint by checkpoint.
BOOST_AUTO_TEST_CASE(a_witness_that_hangs_delays_no_other) {
  NearWitness hanging(*this, "h.example");
  policy = policy_of("witness h " + hanging.vkey() + " https://h/\nwitness w " + near.vkey() +
                     " https://w/\nquorum w\n");
  open_with_quorum();
  std::mutex mutex;
  std::condition_variable released;
  bool release = false;
  int made = 0;
  Cosigning both(*log, *store, policy, [&](const std::atomic<bool>&) -> WitnessSubmission::Post {
    if (made++ > 0) return near.post();
    return [&](const std::string&, const std::string&) -> Result<WitnessSubmission::Reply> {
      std::unique_lock lock(mutex);
      released.wait(lock, [&] { return release; });
      return fail(ErrorCode::deadline_exceeded, "it hangs");
    };
  });
  for (int i = 0; i < 3; ++i) {
    append();
    checkpoint();
    both.wake();
    BOOST_TEST(log->wait_until_published(log->signed_checkpoint().size - 1, 30s));
  }
  {
    const std::lock_guard lock(mutex);
    release = true;
  }
  released.notify_all();
}

BOOST_AUTO_TEST_CASE(kept_cosignatures_are_verified) {
  checkpoint();
  BOOST_TEST_REQUIRE(submit().has_value());
  const auto report = verify_log(*store, verifiers()).value();
  BOOST_TEST(report.good, summary(report));
  BOOST_TEST(report.cosigned.at(near.vkey()) == 1U);
  BOOST_TEST((summary(report).find("1 cosigned by w.example") != std::string::npos));
  close();
  BOOST_TEST(python_says_good(*this));
  for (const char* sql :
       {"UPDATE cosignature SET line = replace(line, ' w.example ', ' v.example ')",
        "UPDATE cosignature SET size = size - 1", "UPDATE cosignature SET vkey = 'w.example'",
        "UPDATE cosignature SET line = line || char(10) || line"}) {
    const std::string copy = folder().file("copy.db");
    std::filesystem::copy_file(database(), copy, std::filesystem::copy_options::overwrite_existing);
    tamper(database(), sql);
    const auto changed = verify_log(*Store::open(database()).value(), verifiers()).value();
    BOOST_TEST(!changed.good, sql);
    BOOST_TEST(!python_says_good(*this), sql);
    std::filesystem::copy_file(copy, database(), std::filesystem::copy_options::overwrite_existing);
  }
  BOOST_TEST(run_sql(database(), "DELETE FROM cosignature") != "");
  BOOST_TEST(run_sql(database(), "UPDATE cosignature SET line = ''") != "");
}

// What a home of the version before looks like.
BOOST_AUTO_TEST_CASE(a_database_of_the_version_before_is_taken_along) {
  append();
  const std::string note = checkpoint();
  close();
  tamper(database(),
         "DROP TABLE quota_use; DROP TABLE approval; DROP TABLE approval_signature;"
         "DROP VIEW going; DROP TABLE pruning; DROP TABLE pruning_range;"
         "ALTER TABLE key DROP COLUMN message_class; ALTER TABLE key DROP COLUMN context;"
         "DROP TABLE cosignature;"
         "ALTER TABLE machine DROP COLUMN attributes;"
         "ALTER TABLE machine DROP COLUMN attributes_entry;"
         "DROP INDEX certificate_replaces; ALTER TABLE certificate DROP COLUMN replaces;"
         "DROP TABLE renewal_request; DROP TABLE incident; DROP TABLE blocked_key;"
         "DROP INDEX certificate_selection; ALTER TABLE certificate DROP COLUMN grant_name;"
         "ALTER TABLE certificate DROP COLUMN policy; DROP INDEX policy_version_number;"
         "ALTER TABLE policy_version DROP COLUMN number; DROP INDEX revocation_incident;"
         "ALTER TABLE recovery DROP COLUMN last_start;"
         "ALTER TABLE certificate DROP COLUMN crl_shards;"
         "DROP TRIGGER IF EXISTS revocation_update; DROP INDEX revocation_list; DROP INDEX "
         "revocation_released;"
         "ALTER TABLE revocation DROP COLUMN crl_shards;"
         "ALTER TABLE revocation DROP COLUMN shard;"
         "ALTER TABLE revocation DROP COLUMN invalidity_date;"
         "ALTER TABLE revocation DROP COLUMN incident;"
         "DROP TABLE log_keys; DROP TABLE crl_shards; DROP TABLE crl; CREATE TABLE crl (issuer "
         "TEXT PRIMARY KEY) STRICT;"
         "PRAGMA user_version = 2");
  const auto older = Store::open_read_only(database());
  BOOST_REQUIRE(!older);
  BOOST_TEST(older.error().message.find("start chanceryd once") != std::string::npos);
  open_with_quorum();
  BOOST_TEST(store->last_start().value().value() == 0U);
  BOOST_TEST(log->signed_checkpoint().note == note);
  BOOST_TEST(submit().has_value());
  BOOST_TEST(is_cosigned(log->published_checkpoint(), near.vkey()));
  open_with_quorum();
  BOOST_TEST(is_cosigned(log->published_checkpoint(), near.vkey()));
}

BOOST_AUTO_TEST_CASE(a_heartbeat_comes_in_silence_only) {
  const std::uint64_t before = log->head().size;
  Heartbeat slow(*log, Seconds(3600));
  BOOST_TEST(slow.beat().has_value());
  BOOST_TEST(log->head().size == before);
  Heartbeat quick(*log, Seconds(0));
  BOOST_TEST(quick.beat().has_value());
  BOOST_TEST(log->head().size == before + 1);
  BOOST_TEST((store->entry(before)->find("\"kind\":\"heartbeat\"") != std::string::npos));
  append();
  BOOST_TEST(quick.beat().has_value());
  BOOST_TEST(log->head().size == before + 2, "there was something else");
  checkpoint();
  BOOST_TEST(verify_log(*store, verifiers())->good);
  close();
  BOOST_TEST(python_says_good(*this));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
