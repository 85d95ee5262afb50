#include "tests/core/x509/request_builder.h"

#include "core/extension.h"
#include "core/oid.h"
#include "core/signature_identifier.h"

namespace chancery::test {

Bytes RequestBuilder::encode_subject(const std::vector<Attribute>& attributes) {
  DerWriter out;
  out.sequence([&] {
    for (const Attribute& attribute : attributes) {
      out.nested(der::set, [&] {
        out.sequence([&] {
          out.oid(attribute.oid);
          out.element(attribute.tag, attribute.value);
        });
      });
    }
  });
  return out.take();
}

RequestBuilder& RequestBuilder::add_attribute(std::string_view oid,
                                              const std::function<void(DerWriter&)>& write) {
  DerWriter out;
  out.sequence([&] {
    out.oid(oid);
    out.nested(der::set, [&] { write(out); });
  });
  attributes.insert(attributes.end(), out.bytes().begin(), out.bytes().end());
  return *this;
}

RequestBuilder& RequestBuilder::add_extensions(const std::function<void(DerWriter&)>& write) {
  return add_attribute(oid::extension_request,
                       [&](DerWriter& out) { out.sequence([&] { write(out); }); });
}

RequestBuilder& RequestBuilder::add_alt_names(
    const std::vector<std::pair<std::uint8_t, std::string_view>>& names) {
  return add_extensions([&](DerWriter& out) {
    write_extension(out, oid::subject_alt_name, false, [&] {
      out.sequence([&] {
        for (const auto& [tag, name] : names) out.element(tag, name);
      });
    });
  });
}

Bytes RequestBuilder::info() const {
  DerWriter out;
  out.sequence([&] {
    out.integer(version);
    out.raw(subject);
    out.raw(spki.empty() ? key->public_key().spki() : spki);
    out.nested(der::constructed(0), [&] { out.raw(attributes); });
  });
  return out.take();
}

Bytes RequestBuilder::build() const {
  const Bytes signed_part = info();
  DerWriter out;
  out.sequence([&] {
    out.raw(signed_part);
    if (signature_identifier.empty()) {
      out.raw(chancery::signature_identifier(algorithm));
    } else {
      out.raw(signature_identifier);
    }
    out.bit_string(key->sign(algorithm, signed_part));
  });
  return out.take();
}

}  // namespace chancery::test
