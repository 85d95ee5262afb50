#include "pkcs11/keyholder_pool.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "core/gate.h"
#include "pkcs11/keyholder_place.h"

namespace chancery {

using keyholder::Keyholder;
using keyholder::Lane;
using keyholder::Op;
using keyholder::Reply;
using keyholder::Request;
using keyholder::Status;
using std::chrono::milliseconds;

/// A request on the stack of the thread that makes it, and what that thread waits for.
struct KeyholderPool::Call {
  Request request;
  milliseconds deadline;

  Gate ready = {};  // opens with a lane or with the answer
  // With a lane it answers a batch of which it is the first; the others wait for their answers.
  Place* place = nullptr;
  Lane* lane = nullptr;
  std::vector<Call*> batch = {};
  std::optional<Result<Bytes>> answer = {};
};

/// The right to generate a key: one at a time, waited for as long as for a lane.
class KeyholderPool::GenerationTurn {
 public:
  explicit GenerationTurn(KeyholderPool& pool) : pool_(pool) {
    std::unique_lock lock(pool_.mutex_);
    taken_ = pool_.generated_.wait_for(lock, pool_.options_.lane_wait,
                                       [this] { return !pool_.generating_; });
    if (taken_) pool_.generating_ = true;
  }
  GenerationTurn(const GenerationTurn&) = delete;
  ~GenerationTurn() {
    if (!taken_) return;
    const std::lock_guard lock(pool_.mutex_);
    pool_.generating_ = false;
    pool_.generated_.notify_one();
  }
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  KeyholderPool& pool_;
  bool taken_ = false;
};

namespace {

Result<void> check_bounds(const KeyholderOptions& options) {
  if (options.keyholders < 1 || options.keyholders > limits::keyholders_at_most) {
    return invalid("keyholders",
                   "keyholders must be 1 to " + std::to_string(limits::keyholders_at_most));
  }
  if (options.lanes < 1 || options.lanes > limits::lanes_at_most) {
    return invalid("lanes", "lanes must be 1 to " + std::to_string(limits::lanes_at_most));
  }
  if (!options.socket_path.empty() && options.keyholders != 1) {
    return invalid("keyholders", "there is one keyholder at a socket");
  }
  return {};
}

/// What a reply's status means to the caller; its text is for the log.
Failure failure_of(const Reply& reply, const std::string& keyholder) {
  std::string detail = keyholder + ": " + std::string(text_of(reply.payload));
  switch (reply.status) {
    case Status::not_found:
      return fail(ErrorCode::not_found, "no key, or several, with this id are in the token", {},
                  std::move(detail));
    case Status::conflict:
      return fail(ErrorCode::conflict, "a key with this id is in the token already", {},
                  std::move(detail));
    case Status::busy:
      return fail(ErrorCode::busy, "the token has no room for another request", {},
                  std::move(detail));
    case Status::ok:
    case Status::refused:
    case Status::token_failed:
      break;
  }
  return fail(ErrorCode::token_unavailable, "the token failed", {}, std::move(detail));
}

}  // namespace

Result<std::unique_ptr<KeyholderPool>> KeyholderPool::start(KeyholderOptions options,
                                                            Listener listener) {
  RETURN_IF_ERROR(check_bounds(options));
  std::unique_ptr<KeyholderPool> pool(new KeyholderPool(std::move(options), std::move(listener)));
  std::unique_lock lock(pool->mutex_);
  pool->tried_all_.wait(lock, [&pool] { return pool->started_; });
  lock.unlock();
  return pool;
}

KeyholderPool::KeyholderPool(KeyholderOptions options, Listener listener)
    : options_(std::move(options)),
      listener_(std::move(listener)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_.is_open());
  for (unsigned number = 0; number < options_.keyholders; ++number) {
    auto place = std::make_unique<Place>();
    place->number = number;
    place->delay = options_.restart_delay;
    places_.push_back(std::move(place));
  }
  supervisor_ = std::thread([this] { supervise(); });
}

KeyholderPool::~KeyholderPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_supervisor();
  supervisor_.join();
}

void KeyholderPool::wake_supervisor() const {
  (void)::eventfd_write(wake_.get(), 1);
}

Result<Bytes> KeyholderPool::sign(const Intent& intent) {
  return sign_input(intent.input());
}

Result<Bytes> KeyholderPool::sign(const CheckpointText& checkpoint, const Key& key) {
  ASSIGN_OR_RETURN(const SigningInput input, checkpoint_input(checkpoint, key));
  return sign_input(input);
}

Result<Bytes> KeyholderPool::sign_input(const SigningInput& input) {
  RETURN_IF_ERROR(check_signing_input(input));
  auto signature = exchange(Request{.op = Op::sign,
                                    .key = input.key->id,
                                    .algorithm = input.algorithm,
                                    .payload = input.input},
                            options_.deadline);
  if (signature && !knows_key_.load(std::memory_order_acquire)) remember(*input.key);
  return signature;
}

Result<Bytes> KeyholderPool::generate(const Intent& intent, KeyType type, const KeyId& id,
                                      const std::string& label) {
  CHECK(intent.input().key == nullptr);
  if (label.empty() || label.size() > limits::name_bytes) {
    return invalid("label", "a label has 1 to " + std::to_string(limits::name_bytes) + " bytes");
  }
  const GenerationTurn turn(*this);
  if (!turn.taken()) return fail(ErrorCode::busy, "another key is being generated");
  ASSIGN_OR_RETURN(
      const Bytes payload,
      exchange(Request{.op = Op::generate, .key = id, .key_type = type, .payload = bytes_of(label)},
               options_.generation_deadline));
  const auto generated = keyholder::decode_generated_key(payload);
  const auto key = generated ? PublicKey::from_spki(generated->spki) : invalid("key", "cut short");
  if (!key || key->type() != type ||
      !key->verify(row(type).default_algorithm, keyholder::trial_input(type, id),
                   generated->trial_signature)) {
    return fail(ErrorCode::token_unavailable, "the token made a key that does not work");
  }
  return key->spki();
}

Result<Bytes> KeyholderPool::exchange(const Request& request, milliseconds deadline) {
  Call call{.request = request, .deadline = deadline};
  {
    const std::lock_guard lock(mutex_);
    if (!any_serving()) return unavailable();
    waiting_.push_back(&call);
    hand_out_lanes();
  }
  if (!call.ready.wait_for(options_.lane_wait)) {
    {
      const std::lock_guard lock(mutex_);
      if (std::erase(waiting_, &call) == 1) {
        return fail(ErrorCode::busy, "too many requests for the token at once");
      }
    }
    call.ready.wait();  // it is in a batch, whose lane has a deadline
  }
  if (call.lane != nullptr) use_lane(call);
  return std::move(*call.answer);
}

/// Sends the batch, and gives the lane on once all of it is answered.
void KeyholderPool::use_lane(Call& first) {
  std::vector<Request> requests;
  requests.reserve(first.batch.size());
  for (const Call* call : first.batch) requests.push_back(call->request);
  const auto answer = [&first](std::size_t position, Result<Bytes> result) {
    Call& call = *first.batch[position];
    call.answer = std::move(result);
    if (&call != &first) call.ready.open();  // and may be gone
  };

  Keyholder& keyholder = *first.place->keyholder;
  keyholder.note_asked(static_cast<std::size_t>(
      std::count_if(requests.begin(), requests.end(), [](const Request& request) {
        return request.op == Op::sign || request.op == Op::generate;
      })));
  std::size_t answered = 0;
  const auto done =
      first.lane->exchange(requests, first.deadline, [&](std::size_t position, const Reply& reply) {
        keyholder.note_signatures(reply.signatures);
        answer(position, reply.status == Status::ok ? Result<Bytes>(copy_of(reply.payload))
                                                    : failure_of(reply, keyholder.name()));
        answered = position + 1;
      });
  if (done) return give_back_lane(first);

  Error error = done.error();
  error.detail = keyholder.name() + ": " + error.detail;
  {
    const std::lock_guard lock(mutex_);
    mark_broken(*first.place, error.detail);
  }
  give_back_lane(first);
  while (answered < first.batch.size()) answer(answered++, Failure(error));
}

void KeyholderPool::give_back_lane(const Call& call) {
  Place& place = *call.place;
  const std::lock_guard lock(mutex_);
  --place.loaned;
  if (place.broken) {
    if (place.loaned == 0) lanes_returned_.notify_all();
    return;
  }
  place.free.push_back(call.lane);
  hand_out_lanes();
}

void KeyholderPool::hand_out_lanes() {
  while (!waiting_.empty()) {
    Place* place = place_with_most_free_lanes();
    if (place == nullptr) return;
    std::vector<Call*> batch = next_batch();
    Call& first = *batch.front();
    first.batch = std::move(batch);
    first.place = place;
    first.lane = place->free.back();
    place->free.pop_back();
    ++place->loaned;
    first.ready.open();
  }
}

/// A fair share of what waits: a lane that comes free takes no more than leaves each other lane as
/// much, so that slow tokens sign in all their sessions at once, and the faster the token is
/// compared to what a packet and two thread switches cost, the fewer of them there are.
std::vector<KeyholderPool::Call*> KeyholderPool::next_batch() {
  std::size_t lanes = 0;
  for (const auto& place : places_) {
    if (place->serving()) lanes += place->loaned + place->free.size();
  }
  const std::size_t share =
      std::min((waiting_.size() + lanes - 1) / lanes, limits::frames_per_packet);
  std::vector<Call*> batch;
  std::size_t room = limits::frame_bytes;
  do {
    const Request& request = waiting_.front()->request;
    const std::size_t size = keyholder::header_bytes + request.payload.size();
    if (!batch.empty() && (size > room || request.op != Op::sign)) break;
    room -= size;
    batch.push_back(waiting_.front());
    waiting_.pop_front();
  } while (batch.size() < share && batch.front()->request.op == Op::sign);
  return batch;
}

KeyholderPool::Place* KeyholderPool::place_with_most_free_lanes() const {
  Place* best = nullptr;
  for (const auto& place : places_) {
    if (!place->free.empty() && (!best || place->free.size() > best->free.size())) {
      best = place.get();
    }
  }
  return best;
}

void KeyholderPool::remember(const Key& key) {
  const std::lock_guard lock(mutex_);
  if (knows_key_) return;
  known_id_ = key.id;
  known_spki_ = key.public_key.spki();
  knows_key_.store(true, std::memory_order_release);
}

Result<keyholder::TokenInfo> KeyholderPool::token_info() const {
  const std::lock_guard lock(mutex_);
  for (const auto& place : places_) {
    if (place->serving()) return place->keyholder->token();
  }
  return unavailable();
}

TokenStatus KeyholderPool::status() const {
  const std::lock_guard lock(mutex_);
  TokenStatus status;
  status.up = any_serving();
  if (!status.up) status.problem = problem();
  status.waiting = waiting_.size();
  status.restarts = restarts_;
  status.signatures = retired_signatures_;
  status.unaccounted = retired_unaccounted_;
  for (const auto& place : places_) {
    if (place->keyholder) {
      status.signatures += place->keyholder->signatures();
      status.unaccounted += place->keyholder->unaccounted();
    }
    if (!place->serving()) continue;
    status.lanes_busy += place->loaned;
    status.lanes += place->loaned + static_cast<unsigned>(place->free.size());
  }
  return status;
}

bool KeyholderPool::any_serving() const {
  return std::any_of(places_.begin(), places_.end(),
                     [](const auto& place) { return place->serving(); });
}

std::string KeyholderPool::problem() const {
  if (pin_refused_) return "the token refused the PIN; it is not tried again before a restart";
  return places_.front()->problem;
}

Failure KeyholderPool::unavailable() const {
  return fail(ErrorCode::token_unavailable, "the token is not available", {}, problem());
}

/// From here on nobody borrows its lanes, and exchanges under way end at once.
void KeyholderPool::mark_broken(Place& place, const std::string& reason) {
  if (place.broken) return;
  place.broken = true;
  place.problem = reason;
  place.free.clear();
  place.keyholder->kill();
  if (!any_serving()) {
    for (Call* call : std::exchange(waiting_, {})) {
      call->answer = unavailable();
      call->ready.open();
    }
  }
  wake_supervisor();
}

}  // namespace chancery
