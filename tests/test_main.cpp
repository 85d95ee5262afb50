// main() of every test program. Not Boost.Test's own (BOOST_TEST_MODULE), because its headers are
// precompiled without that.
#include <boost/test/unit_test.hpp>

int main(int argc, char** argv) {
  auto name_the_suite = [] {
    boost::unit_test::framework::master_test_suite().p_name.value = "chancery";
    return true;
  };
  return boost::unit_test::unit_test_main(name_the_suite, argc, argv);
}
