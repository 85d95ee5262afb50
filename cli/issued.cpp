#include "cli/issued.h"

#include <nlohmann/json.hpp>

#include "cli/service.h"

namespace chancery {

using nlohmann::json;

Result<IssuedCertificate> read_issued(const json& answer, const Bytes& spki) {
  IssuedCertificate issued;
  ASSIGN_OR_RETURN(issued.certificate, text_in(answer, "certificate"));
  ASSIGN_OR_RETURN(issued.chain, text_in(answer, "chain"));
  auto summary = summarize_certificate(issued.certificate);
  if (!summary || summary->spki != spki) {
    return fail(ErrorCode::internal,
                "the service answered with a certificate that is not for our key; nothing was "
                "stored. Its request id is " +
                    optional_text_in(answer, "request_id"));
  }
  issued.summary = std::move(*summary);
  return issued;
}

Result<json> store_issued(const std::string& directory, const IssuedCertificate& issued,
                          const Secret* key, json answer) {
  RETURN_IF_ERROR(store_credentials(directory, {issued.certificate, issued.chain, key}));
  answer["files"] = {{"certificate", directory + "/cert.pem"}, {"chain", directory + "/chain.pem"}};
  if (key != nullptr) answer["files"]["key"] = directory + "/key.pem";
  return answer;
}

std::string describe_issued(const std::string& done, const IssuedCertificate& issued,
                            const std::string& directory) {
  return done + " " + issued.summary.serial + " for " + issued.summary.name + " until " +
         issued.summary.not_after + " → " + directory + "/cert.pem";
}

}  // namespace chancery
