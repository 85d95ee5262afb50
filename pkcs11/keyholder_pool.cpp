#include "pkcs11/keyholder_pool.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>

namespace chancery {

using keyholder::Keyholder;
using keyholder::Lane;
using keyholder::Op;
using keyholder::Reply;
using keyholder::Request;
using keyholder::StartFailure;
using keyholder::Status;
using std::chrono::milliseconds;

/// Where one keyholder at a time serves.
struct KeyholderPool::Place {
  unsigned number = 0;
  std::unique_ptr<Keyholder> keyholder;  // none before the first start and between two
  std::vector<Lane*> free;               // the last one used is taken first: it is warm
  unsigned loaned = 0;
  bool broken = false;  // killed; is retired once its lanes are back
  bool had_one = false;
  std::string problem = "not started";
  Clock::time_point last_start{}, next_start{};
  milliseconds delay{};

  [[nodiscard]] bool serving() const { return keyholder && !broken; }
};

/// One lane out of the pool, for one request.
class KeyholderPool::Loan {
 public:
  Loan(KeyholderPool& pool, Place& place, Lane& lane)
      : pool_(&pool), place_(&place), lane_(&lane) {}
  Loan(Loan&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), place_(other.place_), lane_(other.lane_) {}
  Loan& operator=(Loan&&) = delete;
  ~Loan() {
    if (!pool_) return;
    const std::lock_guard lock(pool_->mutex_);
    --place_->loaned;
    if (place_->broken) {
      if (place_->loaned == 0) pool_->lanes_returned_.notify_all();
      return;
    }
    place_->free.push_back(lane_);
    pool_->lane_free_.notify_one();
  }

  [[nodiscard]] Place& place() const { return *place_; }
  [[nodiscard]] Lane& lane() const { return *lane_; }

 private:
  KeyholderPool* pool_;
  Place* place_;
  Lane* lane_;
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

// ---------------------------------------------------------------------------------- requests

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
  ASSIGN_OR_RETURN(const Loan loan, borrow_lane());
  Keyholder& keyholder = *loan.place().keyholder;
  const auto reply = loan.lane().exchange(request, deadline);
  if (!reply) {
    Error error = reply.error();
    error.detail = keyholder.name() + ": " + error.detail;
    const std::lock_guard lock(mutex_);
    mark_broken(loan.place(), error.detail);
    return Failure(std::move(error));
  }
  keyholder.note_signatures(reply->signatures);
  if (reply->status != Status::ok) return failure_of(*reply, keyholder.name());
  return copy_of(reply->payload);
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

Result<KeyholderPool::Loan> KeyholderPool::borrow_lane() {
  std::unique_lock lock(mutex_);
  Place* place = nullptr;
  const auto ready = [this, &place] {
    place = place_with_most_free_lanes();
    return place || !any_serving();
  };
  if (!ready() && !lane_free_.wait_for(lock, options_.lane_wait, ready)) {
    return fail(ErrorCode::busy, "too many requests for the token at once");
  }
  if (!place) return unavailable();
  Lane* lane = place->free.back();
  place->free.pop_back();
  ++place->loaned;
  return Loan(*this, *place, *lane);
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
  status.restarts = restarts_;
  status.signatures = retired_signatures_;
  for (const auto& place : places_) {
    if (place->keyholder) status.signatures += place->keyholder->signatures();
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
  if (!any_serving()) lane_free_.notify_all();
  wake_supervisor();
}

// -------------------------------------------------------------------------------- supervisor

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

void KeyholderPool::supervise() {
  // One after the other, and no more after the first that fails: a wrong PIN is tried once, and a
  // token that hangs makes start() wait for one of them only.
  for (const auto& place : places_) {
    if (!try_to_start(*place)) break;
  }
  std::unique_lock lock(mutex_);
  started_ = true;
  tried_all_.notify_all();
  while (!stopping_) {
    lock.unlock();
    replace_what_failed();
    wait_for_work();
    lock.lock();
  }
  lock.unlock();
  // Here and not in the destructor: a child is killed when the thread that started it ends.
  for (const auto& place : places_) place->keyholder.reset();
}

void KeyholderPool::replace_what_failed() {
  for (const auto& place : places_) {
    std::unique_lock lock(mutex_);
    const bool broken = place->broken;
    lock.unlock();
    if (broken) retire(*place);
  }
  for (const auto& place : places_) {
    std::unique_lock lock(mutex_);
    const bool due =
        !stopping_ && !pin_refused_ && !place->keyholder && place->next_start <= Clock::now();
    lock.unlock();
    if (due) try_to_start(*place);
  }
}

void KeyholderPool::retire(Place& place) {
  std::unique_lock lock(mutex_);
  lanes_returned_.wait(lock, [&place] { return place.loaned == 0; });
  const std::unique_ptr<Keyholder> keyholder = std::move(place.keyholder);
  retired_signatures_ += keyholder->signatures();
  place.broken = false;
  const auto now = Clock::now();
  if (now - place.last_start >= options_.restart_delay_at_most)
    place.delay = options_.restart_delay;
  place.next_start = place.last_start + place.delay;
  place.delay = std::min(place.delay * 2, options_.restart_delay_at_most);
  lock.unlock();

  const auto ended = keyholder->end();
  lock.lock();
  if (ended && ended->pin_refused) pin_refused_ = true;
  const bool others_serve = any_serving();
  const std::string reason = place.problem;
  lock.unlock();
  tell(others_serve ? TokenEvent::Kind::lost : TokenEvent::Kind::down, place, reason);
}

bool KeyholderPool::try_to_start(Place& place) {
  place.last_start = Clock::now();
  auto keyholder = start_keyholder();
  if (keyholder) {
    take_into_service(place, std::move(*keyholder));
    return true;
  }
  const std::lock_guard lock(mutex_);
  place.problem = keyholder.error().reason;
  if (keyholder.error().pin_refused) pin_refused_ = true;
  place.next_start = Clock::now() + place.delay;
  place.delay = std::min(place.delay * 2, options_.restart_delay_at_most);
  return false;
}

tl::expected<std::unique_ptr<Keyholder>, StartFailure> KeyholderPool::start_keyholder() {
  auto keyholder = Keyholder::start(options_);
  if (!keyholder || !knows_key_.load(std::memory_order_acquire)) return keyholder;
  if (auto wrong = check_known_key(**keyholder)) {
    return tl::unexpected(StartFailure{std::move(*wrong), false});
  }
  return keyholder;
}

/// The token may have been exchanged or restored while it was away. No signature is asked for: each
/// one has an intent in the log, and every real one is verified anyway.
std::optional<std::string> KeyholderPool::check_known_key(Keyholder& keyholder) {
  const auto reply = keyholder.lanes().front().exchange(
      Request{.op = Op::public_key, .key = known_id_}, options_.start_deadline);
  if (!reply) return reply.error().detail;
  if (reply->status != Status::ok) return std::string(text_of(reply->payload));
  if (copy_of(reply->payload) == known_spki_) return std::nullopt;
  return "the token holds another key under an id that is known";
}

void KeyholderPool::take_into_service(Place& place, std::unique_ptr<Keyholder> keyholder) {
  std::unique_lock lock(mutex_);
  const bool was_down = !any_serving();
  const bool replaces = place.had_one;
  const std::string old_problem = place.problem;
  place.keyholder = std::move(keyholder);
  place.had_one = true;
  place.problem.clear();
  for (Lane& lane : place.keyholder->lanes()) place.free.push_back(&lane);
  if (replaces) ++restarts_;
  lane_free_.notify_all();
  const keyholder::TokenInfo token = place.keyholder->token();
  lock.unlock();
  if (replaces) tell(TokenEvent::Kind::replaced, place, old_problem);
  if (was_down) {
    tell(TokenEvent::Kind::up, place, token.model + " " + token.serial + " '" + token.label + "'");
  }
}

/// Sleeps until a keyholder ends or breaks, one is due to be started, or the pool stops.
void KeyholderPool::wait_for_work() {
  std::vector<pollfd> watched = {{wake_.get(), POLLIN, 0}};
  std::vector<Place*> places;
  auto next = Clock::time_point::max();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& place : places_) {
      if (place->serving()) {
        watched.push_back({place->keyholder->watched_descriptor(), 0, 0});
        places.push_back(place.get());
      } else if (!place->keyholder && !pin_refused_) {
        next = std::min(next, place->next_start);
      }
    }
  }
  int timeout = -1;
  if (next != Clock::time_point::max()) {
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now());
    timeout = static_cast<int>(std::max(left, milliseconds(0)).count());
  }
  ::poll(watched.data(), watched.size(), timeout);
  eventfd_t count = 0;
  (void)::eventfd_read(wake_.get(), &count);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (watched[i + 1].revents != 0) mark_broken(*places[i], "the keyholder ended");
  }
}

std::string_view name_of(TokenEvent::Kind kind) {
  switch (kind) {
    case TokenEvent::Kind::up:
      return "up";
    case TokenEvent::Kind::lost:
      return "lost";
    case TokenEvent::Kind::down:
      return "down";
    case TokenEvent::Kind::replaced:
      return "replaced";
  }
  return "";
}

void KeyholderPool::tell(TokenEvent::Kind kind, const Place& place, std::string reason) const {
  if (listener_) listener_(TokenEvent{kind, place.number, std::move(reason)});
}

}  // namespace chancery
