#pragma once

#include <cstdint>
#include <string_view>

namespace chancery {

/// The names that can be asked for at all, by what they are of: an analysis looks for examples
/// among these alone.
enum class NameUniverse {
  machine_name,     ///< MachineName
  dns_name,         ///< in a certificate; a leading "*." is one too
  spiffe_id,        ///< is_uri() with the scheme spiffe, without query and fragment
  key,              ///< KeyName
  uri,              ///< is_uri()
  email,            ///< is_email()
  common_name,      ///< printable text of 64 bytes at most
  attribute_value,  ///< parse_machine_attribute()
  message_value,    ///< printable text
};

/// Whether `name` is one of them.
bool is_in(NameUniverse universe, std::string_view name);

/// The same, character by character, but for limits of lengths: of these only the shortest names
/// are asked. Labels of DNS names are counted where `labels` is set, which makes many states.
class UniverseAutomaton {
 public:
  using State = std::uint32_t;
  UniverseAutomaton(NameUniverse universe, bool labels) : universe_(universe), labels_(labels) {}

  static constexpr State kDead = ~State{0};
  [[nodiscard]] State initial() const { return 0; }
  /// kDead where no name goes on so.
  [[nodiscard]] State step(State state, char character) const;
  [[nodiscard]] bool accepts(State state) const;
  /// Characters with the same number have the same effect in every state; 0: of no name.
  [[nodiscard]] unsigned sort(char character) const;

 private:
  [[nodiscard]] State step_dns(State state, char character, bool wildcard) const;

  NameUniverse universe_;
  bool labels_;
};

}  // namespace chancery
