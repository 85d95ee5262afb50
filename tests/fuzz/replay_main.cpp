// Runs a fuzz target without libFuzzer: every seed of a corpus as it is, then pseudo-random
// mutations of them. The same seeds and number of runs always give the same inputs.
//
//   NAME_fuzz [--runs N] [--seconds S] CORPUS_DIRECTORY|FILE…

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t largest_input = 128 << 10;  // above every bound that the parsers have

struct Options {
  std::uint64_t runs = 20000;
  std::chrono::seconds seconds{20};
  std::vector<std::filesystem::path> paths;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--runs" && has_value) {
      options.runs = std::stoull(argv[++i]);
    } else if (argument == "--seconds" && has_value) {
      options.seconds = std::chrono::seconds(std::stoul(argv[++i]));
    } else {
      options.paths.emplace_back(argument);
    }
  }
  return options;
}

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(file), {});
}

std::vector<Input> read_seeds(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::filesystem::path> files;
  for (const auto& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> seeds;
  for (const auto& file : files) seeds.push_back(read_file(file));
  return seeds;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Input>& seeds) : seeds_(seeds) {}

  Input next() {
    Input input = seeds_[below(seeds_.size())];
    for (std::size_t steps = 1 + below(4); steps > 0; --steps) mutate(input);
    if (input.size() > largest_input) input.resize(largest_input);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
  static auto at(Input& input, std::size_t index) {
    return input.begin() + static_cast<Input::difference_type>(index);
  }

  void mutate(Input& input) {
    const std::size_t place = below(input.size());
    switch (below(8)) {
      case 0:
        return flip_bit(input, place);
      case 1:
        return replace(input, place, byte());
      case 2:
        return replace(input, place, edges_[below(edges_.size())]);
      case 3:
        return insert(input, place, Input(1 + below(8), byte()));
      case 4:
        return erase(input, place);
      case 5:
        return insert(input, place, slice(input));
      case 6:
        return insert(input, place, slice(seeds_[below(seeds_.size())]));
      default:
        return input.resize(place);
    }
  }

  void flip_bit(Input& input, std::size_t place) {
    if (!input.empty()) input[place] ^= static_cast<std::uint8_t>(1U << below(8));
  }
  static void replace(Input& input, std::size_t place, std::uint8_t value) {
    if (!input.empty()) input[place] = value;
  }
  static void insert(Input& input, std::size_t place, const Input& bytes) {
    input.insert(at(input, place), bytes.begin(), bytes.end());
  }
  void erase(Input& input, std::size_t place) {
    const std::size_t count = std::min(1 + below(16), input.size() - place);
    input.erase(at(input, place), at(input, place + count));
  }
  Input slice(const Input& from) {
    const std::size_t begin = below(from.size());
    const std::size_t count = std::min(1 + below(64), from.size() - begin);
    return Input(from.data() + begin, from.data() + begin + count);
  }

  // Values at which lengths, signs and delimiters change.
  static constexpr std::array<std::uint8_t, 16> edges_ = {
      0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xfe, 0xff, '"', '\\', '{', '[', '\n', '/', '%'};
  const std::vector<Input>& seeds_;
  std::mt19937_64 random_{20260101};
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  const std::vector<Input> seeds = read_seeds(options.paths);
  if (seeds.empty()) {
    std::fprintf(stderr, "no seeds in the given corpus\n");
    return EXIT_FAILURE;
  }
  for (const Input& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());

  const auto deadline = Clock::now() + options.seconds;
  Mutator mutator(seeds);
  std::uint64_t run = 0;
  for (; run < options.runs && Clock::now() < deadline; ++run) {
    const Input input = mutator.next();
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu seeds and %llu mutations\n", seeds.size(), static_cast<unsigned long long>(run));
  return EXIT_SUCCESS;
}
