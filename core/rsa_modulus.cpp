#include "core/rsa_modulus.h"

#include <openssl/bn.h>

#include <vector>

#include "core/openssl_ptr.h"

namespace chancery {
namespace {

using BignumPtr = HandlePtr<BIGNUM, BN_free>;
using BnCtxPtr = HandlePtr<BN_CTX, BN_CTX_free>;

constexpr unsigned kSmallPrimesBelow = 2048;
constexpr unsigned kRocaPrimesBelow = 168;
constexpr int kFermatSteps = 100;

BignumPtr new_number() {
  BignumPtr number(BN_new());
  CHECK(number);
  return number;
}

std::vector<unsigned> odd_primes_below(unsigned bound) {
  std::vector<unsigned> primes;
  for (unsigned candidate = 3; candidate < bound; candidate += 2) {
    bool prime = true;
    for (unsigned p : primes) prime = prime && candidate % p != 0;
    if (prime) primes.push_back(candidate);
  }
  return primes;
}

// Primes whose product fits a word: one long division serves all of them.
struct PrimeGroup {
  BN_ULONG product = 1;
  std::vector<unsigned> primes;
};

std::vector<PrimeGroup> group(const std::vector<unsigned>& primes) {
  constexpr BN_ULONG kWord = 0xffffffff;  // beyond it BN_mod_word() is slow
  std::vector<PrimeGroup> groups(1);
  for (unsigned p : primes) {
    if (groups.back().product > kWord / p) groups.emplace_back();
    groups.back().product *= p;
    groups.back().primes.push_back(p);
  }
  return groups;
}

// A prime, and for each residue whether it is a power of 65537.
struct RocaPrime {
  unsigned prime;
  std::vector<bool> is_power;
};

std::vector<RocaPrime> roca_primes() {
  std::vector<RocaPrime> table;
  for (unsigned p : odd_primes_below(kRocaPrimesBelow)) {
    RocaPrime row{p, std::vector<bool>(p, false)};
    unsigned power = 1;
    std::size_t order = 0;
    for (; !row.is_power[power]; ++order) {
      row.is_power[power] = true;
      power = power * (65537U % p) % p;
    }
    // Where 65537 generates everything, every modulus passes and there is nothing to see.
    if (order < p - 1) table.push_back(std::move(row));
  }
  return table;
}

// The largest number whose square is at most n (Newton's iteration from above).
BignumPtr square_root(const BIGNUM* n, BN_CTX* context) {
  BignumPtr root = new_number(), next = new_number();
  CHECK(BN_set_bit(root.get(), (BN_num_bits(n) + 1) / 2) == 1);
  for (;;) {
    CHECK(BN_div(next.get(), nullptr, n, root.get(), context) == 1);
    CHECK(BN_add(next.get(), next.get(), root.get()) == 1);
    CHECK(BN_rshift1(next.get(), next.get()) == 1);
    if (BN_cmp(next.get(), root.get()) >= 0) return root;
    root.swap(next);
  }
}

// Squares are rare among residues: these moduli tell all but one in some thousand others apart.
bool may_be_square(const BIGNUM* n) {
  constexpr BN_ULONG kProduct = 63UL * 65 * 11 * 17 * 19 * 23;
  const BN_ULONG residue = BN_mod_word(n, kProduct);
  for (unsigned modulus : {63U, 65U, 11U, 17U, 19U, 23U}) {
    const unsigned target = static_cast<unsigned>(residue % modulus);
    bool square = false;
    for (unsigned x = 0; x <= modulus / 2 && !square; ++x) square = x * x % modulus == target;
    if (!square) return false;
  }
  return true;
}

bool is_square(const BIGNUM* n, BN_CTX* context) {
  if (!may_be_square(n)) return false;
  const BignumPtr root = square_root(n, context);
  const BignumPtr square = new_number();
  CHECK(BN_sqr(square.get(), root.get(), context) == 1);
  return BN_cmp(square.get(), n) == 0;
}

}  // namespace

void RsaModulus::Free::operator()(bignum_st* number) const {
  BN_free(number);
}

RsaModulus::RsaModulus(ByteView big_endian)
    : n_(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr)) {
  CHECK(n_);
}
RsaModulus::~RsaModulus() = default;

unsigned RsaModulus::bits() const {
  return static_cast<unsigned>(BN_num_bits(n_.get()));
}

unsigned RsaModulus::small_factor() const {
  static const std::vector<PrimeGroup> groups = group(odd_primes_below(kSmallPrimesBelow));
  if (!BN_is_odd(n_.get())) return 2;
  for (const PrimeGroup& group : groups) {
    const BN_ULONG residue = BN_mod_word(n_.get(), group.product);
    for (unsigned p : group.primes) {
      if (residue % p == 0) return p;
    }
  }
  return 0;
}

bool RsaModulus::has_roca_fingerprint() const {
  static const std::vector<RocaPrime> table = roca_primes();
  for (const RocaPrime& row : table) {
    if (!row.is_power[BN_mod_word(n_.get(), row.prime)]) return false;
  }
  return true;
}

bool RsaModulus::has_close_factors() const {
  const BnCtxPtr context(BN_CTX_new());
  CHECK(context);
  // n = a^2 - b^2 = (a - b)(a + b): try a from the square root of n upwards.
  const BignumPtr a = square_root(n_.get(), context.get());
  const BignumPtr b_squared = new_number();
  CHECK(BN_sqr(b_squared.get(), a.get(), context.get()) == 1);
  if (BN_cmp(b_squared.get(), n_.get()) == 0) return true;
  CHECK(BN_sub(b_squared.get(), b_squared.get(), n_.get()) == 1);
  for (int step = 0; step < kFermatSteps; ++step) {
    // (a + 1)^2 = a^2 + a + (a + 1)
    CHECK(BN_add(b_squared.get(), b_squared.get(), a.get()) == 1);
    CHECK(BN_add_word(a.get(), 1) == 1);
    CHECK(BN_add(b_squared.get(), b_squared.get(), a.get()) == 1);
    if (is_square(b_squared.get(), context.get())) return true;
  }
  return false;
}

}  // namespace chancery
