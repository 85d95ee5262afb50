#include "core/certificate_view.h"

namespace chancery {
namespace {

constexpr std::string_view kField = "certificate";

Result<void> read_validity(DerReader& tbs, CertificateView& view) {
  ASSIGN_OR_RETURN(const DerElement validity, tbs.element(der::sequence));
  DerReader times(validity.content, tbs.field()), elements(validity.content, tbs.field());
  ASSIGN_OR_RETURN(view.not_before, times.time());
  ASSIGN_OR_RETURN(view.not_after, times.time());
  RETURN_IF_ERROR(times.end());
  ASSIGN_OR_RETURN(view.not_before_element, elements.any());
  ASSIGN_OR_RETURN(view.not_after_element, elements.any());
  return {};
}

Result<ByteView> read_whole(DerReader& in, std::uint8_t tag) {
  ASSIGN_OR_RETURN(const DerElement element, in.element(tag));
  return element.whole;
}

Result<void> read_tbs(DerReader tbs, CertificateView& view) {
  if (tbs.next_is(der::constructed(0))) {
    ASSIGN_OR_RETURN(DerReader version, tbs.enter(der::constructed(0)));
    ASSIGN_OR_RETURN(view.version, version.small_integer());
    RETURN_IF_ERROR(version.end());
  }
  ASSIGN_OR_RETURN(view.serial, tbs.integer());
  ASSIGN_OR_RETURN(view.inner_algorithm, read_whole(tbs, der::sequence));
  ASSIGN_OR_RETURN(view.issuer, read_whole(tbs, der::sequence));
  RETURN_IF_ERROR(read_validity(tbs, view));
  ASSIGN_OR_RETURN(view.subject, read_whole(tbs, der::sequence));
  ASSIGN_OR_RETURN(view.spki, read_whole(tbs, der::sequence));
  for (unsigned unique_id : {1U, 2U}) {
    if (!tbs.next_is(der::primitive(unique_id))) continue;
    view.unique_ids = true;
    RETURN_IF_ERROR(tbs.any());
  }
  if (tbs.next_is(der::constructed(3))) {
    ASSIGN_OR_RETURN(DerReader tagged, tbs.enter(der::constructed(3)));
    ASSIGN_OR_RETURN(DerReader list, tagged.enter(der::sequence));
    RETURN_IF_ERROR(tagged.end());
    ASSIGN_OR_RETURN(view.extensions, read_extensions(list));
  }
  return tbs.end();
}

}  // namespace

Result<CertificateView> read_certificate(ByteView der) {
  CertificateView view;
  DerReader outer(der, kField);
  ASSIGN_OR_RETURN(DerReader in, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  ASSIGN_OR_RETURN(view.tbs, read_whole(in, der::sequence));
  ASSIGN_OR_RETURN(view.outer_algorithm, read_whole(in, der::sequence));
  ASSIGN_OR_RETURN(view.signature, in.bit_string());
  RETURN_IF_ERROR(in.end());
  DerReader tbs(view.tbs, kField);
  ASSIGN_OR_RETURN(const DerReader content, tbs.enter(der::sequence));
  RETURN_IF_ERROR(read_tbs(content, view));
  return view;
}

Result<CertificateView> read_tbs_certificate(ByteView der, std::string_view field) {
  CertificateView view;
  view.tbs = der;
  DerReader outer(der, field);
  ASSIGN_OR_RETURN(const DerReader content, outer.enter(der::sequence));
  RETURN_IF_ERROR(outer.end());
  RETURN_IF_ERROR(read_tbs(content, view));
  return view;
}

}  // namespace chancery
