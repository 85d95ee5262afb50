#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound in the system, with its reason.
namespace chancery::limits {

using namespace std::chrono_literals;

// HTTP
inline constexpr std::size_t body_bytes = 1 << 20;     // a 10,000-SAN CSR is 300 kB; data to sign
inline constexpr std::size_t header_count = 64;        // browsers send about 15
inline constexpr std::size_t header_bytes = 16 << 10;  // all header fields together
inline constexpr std::size_t path_bytes = 1024;        // longest route plus a serial and a query
inline constexpr auto request_read_deadline = 10s;     // first byte of a request to its last
inline constexpr auto tls_handshake_deadline = 10s;    // ClientHello to Finished
inline constexpr auto idle_connection = 5min;          // keep-alive without a request
inline constexpr auto response_write_deadline = 10s;  // to take an answer, and more for a long one:
inline constexpr std::size_t response_bytes_per_second = 64 << 10;  // a CRL over a poor line
inline constexpr auto linger_deadline = 2s;           // for a client to read its last answer
inline constexpr std::size_t requests_queued = 1024;  // while no worker is free, then 503
inline constexpr auto queue_deadline = 10s;           // in that queue, then 503
inline constexpr std::size_t held_request_bytes = 256
                                                  << 20;  // of bodies under way, all connections
inline constexpr auto stop_deadline = 20s;                // for requests under way when stopping
inline constexpr std::size_t page_rows = 1000;            // rows in one page of a listing

// JSON
inline constexpr int json_depth = 16;  // our deepest document has 5 levels

// Names
inline constexpr std::size_t name_bytes = 64;              // keys, CAs, profiles, grants
inline constexpr std::size_t machine_name_bytes = 253;     // RFC 1035 section 2.3.4, as text
inline constexpr std::size_t attribute_name_bytes = 32;    // of a machine: team, environment
inline constexpr std::size_t attribute_value_bytes = 128;  // "eu/zurich/hall-2/rack-17"
inline constexpr std::size_t machine_attributes = 32;      // of one machine
inline constexpr std::size_t idempotency_key_bytes = 128;
inline constexpr std::size_t request_id_bytes = 64;

// Certificates
inline constexpr std::size_t csr_bytes = 64 << 10;     // DER; an RSA-4096 CSR with 100 SANs is 5 kB
inline constexpr std::size_t subject_alt_names = 100;  // what public CAs allow too
inline constexpr std::size_t certificate_bytes = 48 << 10;  // fits a keyholder frame (Ed25519) too
inline constexpr auto backdate_at_most = 1h;  // of notBefore, for clocks that are behind

// Renewal
inline constexpr std::size_t explanation_url_bytes = 1024;
// Between two looks at renewal information, as RFC 9773 section 4.3.1 bounds it.
inline constexpr auto renewal_look_at_least = 1min;
// What a client makes of the Retry-After beside it: a mistaken 0 is no busy loop, and a request to
// replace the certificate is seen within a day.
inline constexpr auto renewal_look_soonest = 10s;
inline constexpr auto renewal_look_latest = 24h;
inline constexpr auto renewal_retry_delay = 10s;         // after a failure, doubled for each
inline constexpr auto renewal_retry_delay_at_most = 1h;  // a third of the life is left for retries
inline constexpr auto renewal_wait_step = 1min;          // a clock that jumps is noticed by then
inline constexpr auto renewal_hook_deadline = 5min;      // the restart of a slow server
// Of a certificate that came but is refused where it is tried out; then another one is asked for.
inline constexpr unsigned renewal_candidate_tries = 5;
inline constexpr std::size_t renewal_state_bytes = 64 << 10;  // messages are the longest part
inline constexpr std::size_t renewal_message_bytes = 2000;    // of an error that is remembered
inline constexpr std::size_t renewal_information_bytes = 16 << 10;  // two times and a URL

// Raw signing
inline constexpr std::size_t sign_data_bytes = 512 << 10;  // fits a body in base64
inline constexpr std::size_t ed25519_message_bytes =
    60 << 10;  // one frame; Ed25519 cannot be hashed first
inline constexpr std::size_t message_values =
    300;  // names and the like: an SSH certificate may have 256 principals
inline constexpr std::size_t message_value_bytes = 2048;  // as a URI in a certificate
// Extensions of a certificate or CRL, attributes of CMS: about ten are usual. Each is compared with
// all others, as none may be there twice.
inline constexpr std::size_t message_members = 64;
inline constexpr int message_depth = 16;            // a signing certificate's attribute is 6 deep
inline constexpr std::size_t ssh_nonce_bytes = 64;  // PROTOCOL.certkeys: "typically 16 or 32"
inline constexpr std::size_t ssh_modulus_bits = 16'384;  // of a subject's key, as OpenSSH reads
inline constexpr std::size_t context_bytes = 64;         // of a key for data

// Keyholder
inline constexpr std::uint32_t frame_bytes = 64 << 10;
// In one packet: beyond it a batch gains nothing more, and its last one waits for all before it.
inline constexpr std::size_t frames_per_packet = 16;
inline constexpr unsigned lanes_at_most = 256;           // per keyholder
inline constexpr unsigned keyholders_at_most = 16;       // per token
inline constexpr auto token_call_deadline = 10s;         // default; one signature on a slow token
inline constexpr auto token_call_deadline_at_most = 1h;  // a lane is held as long by a dead token
inline constexpr std::size_t token_label_bytes = 32;     // CK_TOKEN_INFO, PKCS#11 v2.40 section 3.2
inline constexpr auto key_generation_deadline = 120s;    // RSA-4096 on a smart card takes a minute
inline constexpr auto lane_wait = 10s;                   // for a free lane, then "busy"
inline constexpr auto keyholder_start_deadline =
    30s;  // a network HSM's module connects and logs in
inline constexpr auto keyholder_restart_delay = 200ms;  // doubled for each start in vain
inline constexpr auto keyholder_restart_delay_at_most = 30s;

// Audit log
inline constexpr std::size_t entry_bytes = 65535;  // C2SP tlog-tiles: u16 length
// An entry in base64, 64 hashes, and a checkpoint with cosignatures.
inline constexpr std::size_t receipt_bytes = 256 << 10;
inline constexpr std::size_t key_changes_bytes = 4 << 20;  // a thousand changes
inline constexpr auto receipt_wait = 3s;  // "Prefer: receipt"; a checkpoint comes each second
inline constexpr auto receipt_wait_at_most = 10s;  // it holds a worker
// Of the workers: so many at most may wait for receipts, and the rest serve.
inline constexpr unsigned receipt_workers_divisor = 4;
inline constexpr unsigned audit_verify_waiting = 4;      // for the result of the one under way
inline constexpr std::size_t records_per_commit = 1024;  // one transaction
inline constexpr std::size_t records_waiting = 16384;    // then "busy"
inline constexpr auto checkpoint_interval = 1s;
inline constexpr auto audit_index_slice = 1s;               // of reading new entries, per search
inline constexpr std::size_t audit_search_bytes = 8 << 20;  // of entries in one answer
inline constexpr auto audit_time_tolerance =
    0us;                                         // one process orders entries, and never goes back
inline constexpr auto retention_at_least = 24h;  // a day's mirror has what goes
inline constexpr std::size_t pruning_batch = 256;    // entries removed in one transaction
inline constexpr std::size_t pruning_ranges = 1024;  // planned in one
inline constexpr std::size_t pruning_certificates = 1'000'000;  // at once: 20 MB of serials

// Witnesses
inline constexpr std::size_t witness_request_bytes = 128 << 10;  // 63 hashes, 16 signatures of 5 kB
inline constexpr std::size_t witness_signatures = 16;            // of one checkpoint, verified
inline constexpr std::size_t witness_proof_hashes = 63;          // C2SP tlog-witness
inline constexpr std::size_t witness_answer_bytes = 64 << 10;    // a few lines, two of them long
inline constexpr std::size_t witness_policy_bytes = 256 << 10;   // a hundred lines of long keys
inline constexpr std::size_t witness_policy_names =
    32;  // of each sort, as C2SP tlog-policy asks for
inline constexpr std::size_t witness_logs_bytes = 1 << 20;  // some thousand logs of a witness
inline constexpr auto witness_deadline = 5s;                // of one submission, all in all
inline constexpr auto witness_round = 2s;        // for all to sign the same, then the next one
inline constexpr auto witness_retry_delay = 1s;  // doubled for each failure
inline constexpr auto witness_retry_delay_at_most = 60s;

// Store
// Kept free for what must still be recorded on a full disk: the outcome of each request that a
// worker handles (1,024 at most), with its certificate some 3 pages of 4 KiB, and checkpoints.
inline constexpr long store_reserve_bytes = 16 << 20;
inline constexpr auto store_probe_interval = 1s;  // after a failure that may pass
inline constexpr std::size_t store_readers = 16;  // connections; a read takes microseconds
inline constexpr int store_log_pages = 2000;      // 8 MB, then copied from the WAL: 10 ms

// Policy
inline constexpr std::size_t config_bytes =
    1 << 20;  // config.yaml; that of a new installation has 5 kB
inline constexpr std::size_t policy_bytes = 64 << 20;  // 100,000 grants are 20 MB of YAML
inline constexpr std::size_t policy_files = 1000;  // of a directory: a team or a service has one
inline constexpr std::size_t policy_file_name_bytes = 200;  // with its folders
inline constexpr unsigned policy_directory_depth = 16;      // folders below each other
inline constexpr std::size_t policy_import_depth = 16;  // files that import each other in a chain
inline constexpr std::size_t policy_uses = 100'000;     // of templates
inline constexpr std::size_t policy_parameters = 64;    // of one template
inline constexpr std::size_t policy_template_values = 100'000;  // of all templates: 25 MB in memory
inline constexpr std::size_t policy_expansion_bytes = 64 << 20;  // as much as can be written out
inline constexpr std::size_t policy_grants = 1'000'000;
inline constexpr std::size_t policy_groups = 100'000;
inline constexpr std::size_t policy_denials = 100'000;
inline constexpr std::size_t policy_approvals = 1000;         // each is for many grants
inline constexpr std::size_t policy_quotas = 8;               // of one grant
inline constexpr std::uint64_t policy_quota = 1'000'000'000;  // uses in one window
inline constexpr std::size_t policy_windows = 64;  // hours of one rule; read in each decision
inline constexpr unsigned approvers_needed = 16;   // of one request
inline constexpr auto approval_life = 24h;         // default; a working day, wherever they are
inline constexpr auto approval_life_at_most = 24h * 30;
inline constexpr auto break_glass_at_least = 5min;  // to be of use once others have agreed
inline constexpr auto break_glass_at_most = 24h;    // longer is a grant
inline constexpr std::size_t pattern_bytes = 512;
inline constexpr std::size_t shadow_answer_bytes = 1024;  // in an entry: a reason may be long
inline constexpr std::size_t shadow_grants = 1000;      // that a shadow's report counts one by one
inline constexpr std::size_t shadow_differences = 100;  // the last ones, in that report
inline constexpr std::size_t policy_versions_shown =
    100;                                              // the last ones; each is looked up in the log
inline constexpr std::size_t policy_cases = 100'000;  // in one file of tests, kept in memory
inline constexpr std::size_t policy_depth = 10;  // templates[].grants[].when.hours[].days is 9 deep
inline constexpr std::size_t policy_nodes =
    1'000'000;  // YAML values in memory at once: roles and one grant
inline constexpr std::size_t policy_lookahead =
    256 << 10;  // text the YAML scanner may hold back: one value or {…}
inline constexpr std::size_t policy_condition_values =
    1000;  // times subject_alt_names: 100,000 comparisons
inline constexpr std::size_t policy_segments =
    128;  // labels of a name (RFC 1035: 127), segments of a path

// Analysis of policies, on the machine of who asks: 100 MB and some seconds at most
inline constexpr std::size_t analysis_states = 200'000;        // of automata, to tell names apart
inline constexpr std::size_t analysis_state_words = 20 << 20;  // what those states consist of
inline constexpr std::size_t analysis_classes = 4096;          // of names that differ
inline constexpr std::size_t analysis_steps = 1'000'000;       // of one search for a request
inline constexpr std::size_t analysis_exclusions = 100;  // rules taken out of one search, in turn
inline constexpr std::size_t analysis_pairs = 20'000;    // of rules compared with each other

// Enrolment
inline constexpr auto enrollment_token_life = 1h;  // default
inline constexpr auto enrollment_token_life_at_most = 24h * 7;

// Certificate revocation lists
inline constexpr unsigned crl_shards = 4096;  // of one CA at most
// A larger one is read from its file for each answer; many shards are small.
inline constexpr std::size_t document_in_memory = 64 << 10;
inline constexpr std::size_t crl_pem_bytes = 4 << 20;  // longer ones are served as DER only
// After a failure of a list or of a responder's certificate; doubled for each, as each is an entry.
inline constexpr auto publishing_retry_delay = 10s;
inline constexpr auto publishing_retry_delay_at_most = 1h;

inline constexpr std::size_t crl_entry_bytes = 4096;      // read; ours have 54
inline constexpr std::size_t crl_frame_bytes = 64 << 10;  // read, before and behind the entries

// What is published, as clients see it
inline constexpr auto face_lag =
    60s;  // from a revocation to the last list: one of a million takes 2 s, then rests 18 s
inline constexpr auto face_deadline =
    60s;  // of one request: 58 MB within the machine take a second
inline constexpr std::size_t ocsp_response_bytes = 64 << 10;  // 16 certificates, and a chain
inline constexpr auto self_check_interval_at_most = 1h;       // slower is no alarm
inline constexpr std::size_t publication_scan =
    8192;  // entries that are read for one answer, 40 ms: a list comes within so many as a rule
inline constexpr std::size_t publications_kept = 128;  // of each list, with their times
inline constexpr auto alarm_after_at_most = 24h;  // CA/B BR 4.9.1.1: some must be revoked by then

// Incidents
inline constexpr std::size_t incident_serials = 20'000;     // of one; with their body 880 kB
inline constexpr std::size_t incident_text_bytes = 32'000;  // longer selectors by their hash only
inline constexpr std::uint64_t incident_scan = 65'536;      // certificates looked at in one query
inline constexpr std::size_t incident_rows = 4096;          // of these, in memory: about 1 MB
inline constexpr auto incident_look_wait = 10s;   // one reads all certificates, the others wait
inline constexpr unsigned incident_looks = 8;     // that one and those: workers that they may hold
inline constexpr auto incident_interval = 1s;     // what waits, and what is new, is looked at again
inline constexpr std::size_t incident_left = 20;  // shown of those that have not renewed
inline constexpr std::size_t incident_left_looked = 20'000;  // for those: as long as a list may be
inline constexpr std::size_t incident_batch = 256;           // committed together
inline constexpr std::uint64_t incident_rate = 1000;         // certificates a second, default
inline constexpr std::uint64_t incident_rate_at_most = 100'000;
inline constexpr std::size_t incident_machines = 100'000;  // counted apart in a preview

// Approvals
inline constexpr std::uint64_t approvals_pending =
    100;  // of one requester: each waits in the store
inline constexpr std::size_t approval_summary_bytes = 16 << 10;  // stored, and in an answer
inline constexpr std::size_t request_line_bytes = 512;           // of it: method and path
inline constexpr std::size_t approval_rows_ended = 100;          // recorded as ended in one go
inline constexpr unsigned approver_renewals = 32;  // of its certificate while a request waits
inline constexpr auto approval_interval = 5s;  // what has expired or closed is recorded; it ends
                                               // by the clock, whenever that is

// OCSP
inline constexpr std::size_t ocsp_request_bytes = 4096;
inline constexpr std::size_t ocsp_certificates = 16;       // in one request
inline constexpr std::size_t ocsp_cache_bytes = 64 << 20;  // answers that are kept
// Of the workers: so many at most may wait for signatures of answers, and the rest serve.
inline constexpr unsigned ocsp_workers_divisor = 2;
inline constexpr auto ocsp_flight_wait = 20s;  // for another's signature: a lane, and the call
inline constexpr int ocsp_attempts = 3;        // what was waited for may have changed meanwhile
inline constexpr auto ocsp_max_age =
    10s;  // a revocation is seen within seconds, also through caches

// Failed authentications: one entry per source and interval at most, with a count
inline constexpr auto authentication_failure_interval = 60s;
inline constexpr std::size_t authentication_failure_sources = 1024;

// Command line client
inline constexpr std::size_t answer_bytes = 64 << 20;  // 256 entries of 65,535 bytes, escaped
inline constexpr std::size_t crl_bytes = 256 << 20;    // a million revocations are 49 MB
inline constexpr std::size_t credential_file_bytes = 1 << 20;  // keys, certificates, CSRs, tokens
inline constexpr unsigned http_attempts = 3;                   // the first one included
inline constexpr auto connect_deadline = 10s;
inline constexpr auto answer_deadline = 150s;                  // above key_generation_deadline
inline constexpr auto audit_verify_deadline = 10min;           // the service reads its whole log
inline constexpr auto retry_after_at_most = 10s;               // longer: the caller decides
inline constexpr std::size_t verified_state_bytes = 64 << 20;  // as large as open intents are
inline constexpr std::size_t tile_bytes = 17 << 20;            // 256 entries of 65,535 bytes
inline constexpr std::size_t audit_page_entries = 256;         // per request; bounds answer_bytes

}  // namespace chancery::limits
