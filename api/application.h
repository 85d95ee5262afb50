#pragma once

#include "api/authentication.h"
#include "api/metrics.h"
#include "api/router.h"
#include "core/audit_index.h"
#include "core/checkpoint_publisher.h"
#include "core/cosigning.h"
#include "core/crl_publisher.h"
#include "core/incidents.h"
#include "core/instance.h"
#include "core/log_verification.h"
#include "core/ocsp_responder.h"
#include "core/places.h"
#include "core/pruner.h"
#include "core/self_check.h"

namespace chancery {

/// What the endpoints work with; owned by main.
struct Application {
  Instance& instance;
  CheckpointPublisher& checkpoints;
  CrlPublisher& crls;
  AuditIndex& audit_index;
  LogVerification& verification;
  Places& receipt_places;  ///< of requests that wait for their receipts
  OcspResponder* ocsp;     ///< null where the configuration has none
  Incidents& incidents;
  Pruner& pruner;
  const Authentication& authenticate;
  AuthenticationFailures& failures;
  Metrics& metrics;
  std::string openapi;                   ///< the document, as served
  std::function<void()> publish_soon;    ///< wakes the CRL publisher
  std::function<void()> incidents_soon;  ///< wakes what carries them out: one has changed
  std::function<bool()> stopping;        ///< readiness ends when the stop begins
  /// How it stands with each witness; empty where there are none.
  std::function<std::vector<Cosigning::Status>()> witnesses = {};
  /// How what is published looked the last time; empty where nobody looks.
  std::function<std::vector<FaceState>()> faces = {};
};

/// The routes of the mutual-TLS listener and of the public plain one. `application` outlives them.
std::vector<Route> api_routes(Application& application);
std::vector<Route> public_routes(Application& application);

}  // namespace chancery
