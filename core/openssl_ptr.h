#pragma once

#include <memory>

namespace chancery {

/// Deleter for C handles: `using X509Ptr = HandlePtr<X509, X509_free>`.
template <auto function>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const {
    function(handle);
  }
};

template <class T, auto function>
using HandlePtr = std::unique_ptr<T, FreeWith<function>>;

}  // namespace chancery
