#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "core/document.h"
#include "tests/cli/scratch_directory.h"

namespace chancery {
namespace {

struct Folder {
  Folder() { std::filesystem::create_directory(path); }
  [[nodiscard]] FileHandle file_with(const Bytes& content) const {
    FileHandle file = create_unnamed_file(path).value();
    BOOST_REQUIRE(write_to(file, content));
    return file;
  }
  ScratchDirectory scratch;
  const std::string path = scratch.path("folder");
};

Bytes numbered(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
  return bytes;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(documents, Folder)

BOOST_AUTO_TEST_CASE(in_memory_and_in_a_file_are_read_alike) {
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 300000U}) {
    const Bytes content = numbered(size);
    for (const auto& document :
         {Document::in_memory(content), Document::in_file(file_with(content)).value()}) {
      BOOST_TEST(document->size() == size);
      BOOST_TEST((document->all().value() == content));
      Bytes buffer;
      for (const std::size_t offset : {std::size_t{0}, size / 2, size, size + 1}) {
        const ByteView piece = document->read(offset, 100, buffer).value();
        const std::size_t begin = std::min(offset, size);
        BOOST_TEST(piece.size() == std::min<std::size_t>(100, size - begin));
        BOOST_TEST(std::equal(piece.begin(), piece.end(), content.begin() + begin));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_was_cut_is_an_error_and_no_short_document) {
  FileHandle file = file_with(numbered(1000));
  const int descriptor = ::dup(file.get());
  const auto document = Document::in_file(std::move(file)).value();
  BOOST_REQUIRE(::ftruncate(descriptor, 500) == 0);
  ::close(descriptor);
  BOOST_TEST(document->size() == 1000U);
  const auto all = document->all();
  BOOST_REQUIRE(!all);
  BOOST_CHECK(all.error().code == ErrorCode::store_unavailable);
}

BOOST_AUTO_TEST_CASE(an_unnamed_file_leaves_nothing_behind) {
  const FileHandle file = file_with(numbered(10));
  BOOST_TEST(std::filesystem::is_empty(path));
  BOOST_TEST(!create_unnamed_file(path + "/not-there"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chancery
