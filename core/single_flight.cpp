#include "core/single_flight.h"

namespace chancery {

SingleFlight::Lead::~Lead() {
  {
    const std::lock_guard lock(owner_.mutex_);
    flight_->over = true;
    flight_->made = made_;
    owner_.flights_.erase(key_);
  }
  owner_.landed_.notify_all();
}

SingleFlight::Joined SingleFlight::join(const std::string& key, std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  auto [place, first] = flights_.try_emplace(key);
  if (first) {
    place->second = std::make_shared<Flight>();
    return {std::make_unique<Lead>(*this, key, place->second), false};
  }
  const std::shared_ptr<Flight> flight = place->second;
  landed_.wait_for(lock, at_most, [&] { return flight->over; });
  return {nullptr, flight->made};
}

}  // namespace chancery
