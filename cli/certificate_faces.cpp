#include "cli/certificate_faces.h"

#include <algorithm>

namespace chancery {
namespace {

constexpr std::size_t kNonceBytes = 32;  // RFC 9654 section 2.1 asks for it

/// A service's own places, from where it says that its CA's certificate is: URL/ca/NAME.crt.
struct Published {
  std::string url, ca;
};
std::optional<Published> published_of(const std::string& issuer_url) {
  constexpr std::string_view folder = "/ca/", suffix = ".crt";
  const std::size_t slash = issuer_url.rfind(folder);
  if (slash == std::string::npos || !issuer_url.ends_with(suffix)) return std::nullopt;
  const std::size_t name = slash + folder.size();
  if (issuer_url.size() <= name + suffix.size()) return std::nullopt;
  return Published{issuer_url.substr(0, slash),
                   issuer_url.substr(name, issuer_url.size() - name - suffix.size())};
}

class Look {
 public:
  Look(const FaceFetch& fetch, const FaceSubject& subject)
      : fetch_(fetch), subject_(subject), published_(published_of(subject.places.issuer_url)) {}

  std::vector<FaceView> all() {
    find_issuer();
    const CertificatePlaces& places = subject_.places;
    const std::string of_all =
        published_ ? published_->url + "/crl/" + published_->ca + ".crl" : places.crl_url;
    if (!of_all.empty()) look_at_lists(of_all);
    if (!places.crl_url.empty() && places.crl_url != of_all) look_at_shard(places.crl_url);
    if (!places.ocsp_url.empty()) look_at_ocsp(places.ocsp_url);
    return std::move(views_);
  }

 private:
  [[nodiscard]] std::string moved(const std::string& url) const {
    if (subject_.public_url.empty() || !published_ || !url.starts_with(published_->url)) return url;
    return subject_.public_url + url.substr(published_->url.size());
  }

  void find_issuer() {
    auto found = fetch_issuer();
    if (found) {
      issuer_.emplace(std::move(*found));
    } else {
      problem_ = "no certificate of its issuer to check it with: " + found.error().message;
    }
  }

  Result<FaceIssuer> fetch_issuer() {
    const std::string& url = subject_.places.issuer_url;
    if (url.empty()) return fail(ErrorCode::internal, "the certificate does not say where it is");
    ASSIGN_OR_RETURN(const std::string text, fetch_document(fetch_, moved(url)));
    if (!subject_.certificate.empty()) return issuer_of(subject_.certificate, bytes_of(text));
    if (text_of(subject_.issuer) != text) {
      return fail(ErrorCode::internal, "what is published is another one than the service has");
    }
    return FaceIssuer::from(subject_.issuer);
  }

  FaceView& add(const std::string& face, const std::string& url) {
    FaceView view;
    view.face = face;
    view.url = moved(url);
    view.problem = problem_;
    return views_.emplace_back(std::move(view));
  }

  std::optional<CrlReading> read_list(FaceView& view) {
    if (!issuer_) return std::nullopt;
    auto fetched = fetch_crl(fetch_, view.url, *issuer_, {subject_.places.serial});
    if (!fetched) {
      view.problem = fetched.error().message;
      return std::nullopt;
    }
    put_crl(view, *fetched->reading);
    return std::move(fetched->reading);
  }

  void refuse(FaceView& view, const std::string& why) {
    view.status = FaceView::Status::unavailable;
    view.problem = why;
  }

  void look_at_lists(const std::string& url) {
    const std::size_t place = views_.size();
    const auto list = read_list(add("crl", url));
    if (list && (list->base || (list->point && *list->point != url))) {
      refuse(views_[place], "it is not the list of all certificates");
      return;
    }
    if (list && list->freshest) look_at_delta(*list->freshest, *list, place);
  }

  void look_at_shard(const std::string& url) {
    FaceView& view = add("shard", url);
    const auto list = read_list(view);
    // Byte for byte (RFC 5280 section 6.3.3 (b)(2)): another shard's list says nothing of this one.
    if (list && (!list->point || *list->point != url)) {
      refuse(view, "its issuing distribution point names another list than the certificate does");
    }
  }

  /// What a reader of both makes of them (RFC 5280 section 6.3.3 (i), (j)).
  void look_at_delta(const std::string& url, const CrlReading& list, std::size_t list_place) {
    FaceView& view = add("delta", url);
    const auto delta = read_list(view);
    if (!delta) return;
    if (!delta->base || is_smaller_number(list.number, *delta->base)) {
      return refuse(view, "it does not say the changes to the list of all certificates");
    }
    if (delta->found.front()) return;
    view.note = "says nothing, so the list of all counts";
    view.status = views_[list_place].status;
    view.reason = views_[list_place].reason;
    view.since = views_[list_place].since;
    view.as_of = std::max(view.as_of, views_[list_place].as_of);
  }

  void look_at_ocsp(const std::string& url) {
    const Bytes nonce = random_bytes(kNonceBytes);
    for (const bool kept : {false, true}) {
      FaceView& view = add(kept ? "ocsp-kept" : "ocsp", url);
      if (!issuer_) continue;
      const auto reading = fetch_ocsp(fetch_, view.url, *issuer_, subject_.places.serial,
                                      kept ? ByteView() : ByteView(nonce));
      if (!reading) {
        view.problem = reading.error().message;
        continue;
      }
      put_ocsp(view, *reading);
      if (!kept && !reading->has_nonce) view.note = "without the nonce that was asked for";
    }
  }

  const FaceFetch& fetch_;
  const FaceSubject& subject_;
  const std::optional<Published> published_;
  std::optional<FaceIssuer> issuer_;
  std::string problem_;
  std::vector<FaceView> views_;
};

}  // namespace

std::vector<FaceView> look_at_faces(const FaceFetch& fetch, const FaceSubject& subject) {
  return Look(fetch, subject).all();
}

}  // namespace chancery
