#pragma once

#include <string_view>

/// OBJECT IDENTIFIERs as content octets (ITU-T X.690 section 8.19).
namespace chancery::oid {

using namespace std::string_view_literals;

// Name attributes, RFC 5280 appendix A.1
inline constexpr auto common_name = "\x55\x04\x03"sv;          // 2.5.4.3
inline constexpr auto country = "\x55\x04\x06"sv;              // 2.5.4.6
inline constexpr auto organization = "\x55\x04\x0a"sv;         // 2.5.4.10
inline constexpr auto organizational_unit = "\x55\x04\x0b"sv;  // 2.5.4.11
inline constexpr auto locality = "\x55\x04\x07"sv;             // 2.5.4.7
inline constexpr auto state = "\x55\x04\x08"sv;                // 2.5.4.8
inline constexpr auto street = "\x55\x04\x09"sv;               // 2.5.4.9
inline constexpr auto user_id = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"sv;
inline constexpr auto domain_component = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"sv;
inline constexpr auto email_address = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"sv;  // PKCS #9

// Certificate and CRL extensions, RFC 5280 sections 4.2 and 5.2
inline constexpr auto subject_key_id = "\x55\x1d\x0e"sv;              // 2.5.29.14
inline constexpr auto key_usage = "\x55\x1d\x0f"sv;                   // 2.5.29.15
inline constexpr auto subject_alt_name = "\x55\x1d\x11"sv;            // 2.5.29.17
inline constexpr auto basic_constraints = "\x55\x1d\x13"sv;           // 2.5.29.19
inline constexpr auto crl_number = "\x55\x1d\x14"sv;                  // 2.5.29.20
inline constexpr auto reason_code = "\x55\x1d\x15"sv;                 // 2.5.29.21
inline constexpr auto invalidity_date = "\x55\x1d\x18"sv;             // 2.5.29.24
inline constexpr auto delta_crl_indicator = "\x55\x1d\x1b"sv;         // 2.5.29.27
inline constexpr auto issuing_distribution_point = "\x55\x1d\x1c"sv;  // 2.5.29.28
inline constexpr auto crl_distribution_points = "\x55\x1d\x1f"sv;     // 2.5.29.31
inline constexpr auto authority_key_id = "\x55\x1d\x23"sv;            // 2.5.29.35
inline constexpr auto extended_key_usage = "\x55\x1d\x25"sv;          // 2.5.29.37
inline constexpr auto freshest_crl = "\x55\x1d\x2e"sv;                // 2.5.29.46
inline constexpr auto authority_info_access = "\x2b\x06\x01\x05\x05\x07\x01\x01"sv;
inline constexpr auto ca_issuers = "\x2b\x06\x01\x05\x05\x07\x30\x02"sv;
inline constexpr auto ocsp_no_check = "\x2b\x06\x01\x05\x05\x07\x30\x01\x05"sv;  // RFC 6960

// OCSP: RFC 6960 sections 4.2.1 and 4.4
inline constexpr auto ocsp = "\x2b\x06\x01\x05\x05\x07\x30\x01"sv;
inline constexpr auto ocsp_basic = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"sv;
inline constexpr auto ocsp_nonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"sv;
inline constexpr auto ocsp_extended_revoke = "\x2b\x06\x01\x05\x05\x07\x30\x01\x09"sv;
// The hash of a CertID: RFC 3279 section 2.1
inline constexpr auto sha1 = "\x2b\x0e\x03\x02\x1a"sv;

// CMS attributes, RFC 5652 sections 11.1 and 11.2
inline constexpr auto cms_content_type = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"sv;
inline constexpr auto cms_message_digest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"sv;

// Extended key usages, RFC 5280 section 4.2.1.12
inline constexpr auto server_auth = "\x2b\x06\x01\x05\x05\x07\x03\x01"sv;
inline constexpr auto client_auth = "\x2b\x06\x01\x05\x05\x07\x03\x02"sv;
inline constexpr auto code_signing = "\x2b\x06\x01\x05\x05\x07\x03\x03"sv;
inline constexpr auto email_protection = "\x2b\x06\x01\x05\x05\x07\x03\x04"sv;
inline constexpr auto time_stamping = "\x2b\x06\x01\x05\x05\x07\x03\x08"sv;
inline constexpr auto ocsp_signing = "\x2b\x06\x01\x05\x05\x07\x03\x09"sv;

// PKCS#10 attributes, RFC 2985 section 5.4
inline constexpr auto challenge_password = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"sv;
inline constexpr auto extension_request = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"sv;
// What Windows' certreq adds, MS-WCCE section 2.2.2.7
inline constexpr auto microsoft_os_version = "\x2b\x06\x01\x04\x01\x82\x37\x0d\x02\x03"sv;
inline constexpr auto microsoft_csp_provider = "\x2b\x06\x01\x04\x01\x82\x37\x0d\x02\x02"sv;
inline constexpr auto microsoft_client_info = "\x2b\x06\x01\x04\x01\x82\x37\x15\x14"sv;

// Public keys: RFC 3279 section 2.3.1, RFC 5480 section 2.1.1
inline constexpr auto rsa_encryption = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"sv;
inline constexpr auto ec_public_key = "\x2a\x86\x48\xce\x3d\x02\x01"sv;
inline constexpr auto p256 = "\x2a\x86\x48\xce\x3d\x03\x01\x07"sv;
inline constexpr auto p384 = "\x2b\x81\x04\x00\x22"sv;
inline constexpr auto p521 = "\x2b\x81\x04\x00\x23"sv;

// Signature algorithms: RFC 3279, RFC 4055, RFC 5758, RFC 8410
inline constexpr auto md5_with_rsa = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"sv;
inline constexpr auto sha1_with_rsa = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"sv;
inline constexpr auto mgf1 = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"sv;
inline constexpr auto rsa_pss = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"sv;
inline constexpr auto sha256_with_rsa = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"sv;
inline constexpr auto sha384_with_rsa = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"sv;
inline constexpr auto sha512_with_rsa = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"sv;
inline constexpr auto ecdsa_with_sha1 = "\x2a\x86\x48\xce\x3d\x04\x01"sv;
inline constexpr auto ecdsa_with_sha256 = "\x2a\x86\x48\xce\x3d\x04\x03\x02"sv;
inline constexpr auto ecdsa_with_sha384 = "\x2a\x86\x48\xce\x3d\x04\x03\x03"sv;
inline constexpr auto ecdsa_with_sha512 = "\x2a\x86\x48\xce\x3d\x04\x03\x04"sv;
inline constexpr auto ed25519 = "\x2b\x65\x70"sv;

// Digests, RFC 4055 section 2.1
inline constexpr auto sha256 = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv;
inline constexpr auto sha384 = "\x60\x86\x48\x01\x65\x03\x04\x02\x02"sv;
inline constexpr auto sha512 = "\x60\x86\x48\x01\x65\x03\x04\x02\x03"sv;

}  // namespace chancery::oid
