#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/key.h"
#include "pkcs11/keyholder_pool.h"
#include "tests/contract/softhsm_home.h"

namespace chancery {

/// A SoftHSM token behind the fault module, and a pool on it.
class KeyholderFixture {
 public:
  KeyholderFixture();
  ~KeyholderFixture();

  SoftHsmHome home;
  KeyholderOptions options;  ///< one keyholder with two lanes; change before start()

  /// Starts the pool, which must be possible, though the token may be down.
  void start();
  void stop() { pool_.reset(); }
  [[nodiscard]] KeyholderPool& pool() const { return *pool_; }

  /// Events so far, as "kind number" such as "up 0".
  [[nodiscard]] std::vector<std::string> events() const;

  /// A P-256 key in the token.
  Key make_key();
  Result<Bytes> sign(const Key& key, std::string_view message);
  /// Signs and verifies; the token may be on its way back up to a minute.
  void sign_once_it_is_up(const Key& key);

  /// Orders and counters of the fault module.
  void order(const std::string& file, const std::string& text) const;
  void withdraw(const std::string& file) const;
  [[nodiscard]] std::size_t calls(const std::string& function) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> events_;
  std::unique_ptr<KeyholderPool> pool_;
};

/// Process ids of the keyholders that this process has started.
std::vector<pid_t> processes();
/// Whether there is such a process and it is not a zombie.
bool is_running(pid_t process);

/// Whether each of its threads stands still after SIGSTOP, which kill() does not wait for.
bool is_stopped(pid_t process);

/// Waits until the condition holds, a minute at most; whether it does.
bool eventually(const std::function<bool()>& condition);

}  // namespace chancery
