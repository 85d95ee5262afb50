#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace chancery {

/// Of those who want the same thing at the same time, one makes it, and the others wait for it.
class SingleFlight {
  struct Flight {
    bool over = false, made = false;
  };

 public:
  /// The right to make it, until this is gone.
  class Lead {
   public:
    Lead(SingleFlight& owner, std::string key, std::shared_ptr<Flight> flight)
        : owner_(owner), key_(std::move(key)), flight_(std::move(flight)) {}
    Lead(const Lead&) = delete;
    Lead& operator=(const Lead&) = delete;
    /// Those who wait are told how it went.
    ~Lead();
    /// It is where the others will find it.
    void succeed() { made_ = true; }

   private:
    SingleFlight& owner_;
    const std::string key_;
    const std::shared_ptr<Flight> flight_;
    bool made_ = false;
  };

  /// `lead` where nobody makes it now; otherwise, after at most this long, whether somebody has.
  struct Joined {
    std::unique_ptr<Lead> lead;
    bool made = false;
  };
  Joined join(const std::string& key, std::chrono::milliseconds at_most);

 private:
  std::mutex mutex_;
  std::condition_variable landed_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace chancery
