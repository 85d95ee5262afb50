#pragma once

#include <curl/curl.h>

#include "core/openssl_ptr.h"
#include "core/result.h"

namespace chancery {

using CurlPtr = HandlePtr<CURL, curl_easy_cleanup>;
using HeadersPtr = HandlePtr<curl_slist, curl_slist_free_all>;

/// CHECK: an option that this libcurl does not know is a defect.
template <class T>
void set(CURL* handle, CURLoption option, T value) {
  CHECK(curl_easy_setopt(handle, option, value) == CURLE_OK);
}

}  // namespace chancery
