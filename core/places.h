#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace chancery {

/// So many may be in at once; whoever comes then is turned away, and never waits.
class Places {
 public:
  explicit Places(unsigned most) : most_(most) {}

  /// One of them; given back when it goes.
  class Place {
   public:
    explicit Place(Places& places) : places_(&places) {}
    Place(Place&& other) noexcept : places_(std::exchange(other.places_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (places_) --places_->taken_;
    }

   private:
    Places* places_;
  };
  /// Nothing where none is free.
  std::optional<Place> take() {
    if (++taken_ <= most_) return std::optional<Place>(std::in_place, *this);
    --taken_;
    ++refused_;
    return std::nullopt;
  }

  [[nodiscard]] unsigned taken() const { return taken_; }
  /// How many were turned away.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  const unsigned most_;
  std::atomic<unsigned> taken_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace chancery
