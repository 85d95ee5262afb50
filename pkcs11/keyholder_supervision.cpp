// What the supervisor thread of a KeyholderPool does: it starts keyholders, and replaces those that
// failed.

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "pkcs11/keyholder_place.h"

namespace chancery {

using keyholder::Keyholder;
using keyholder::Lane;
using keyholder::Op;
using keyholder::Request;
using keyholder::StartFailure;
using keyholder::Status;
using std::chrono::milliseconds;

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
  retired_unaccounted_ += keyholder->unaccounted();
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
  hand_out_lanes();
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
