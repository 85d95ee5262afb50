#include "api/endpoint.h"
#include "core/receipt.h"
#include "core/tile.h"

// The log as C2SP tlog-tiles, for everybody under /log and with its entries for auditors under
// /v1/audit/log, and receipts of entries.

namespace chancery {
namespace {

enum class Listener { api, everybody };

Result<std::string> published(const Call& call) {
  std::string text = call.instance().log().published_checkpoint();
  if (text.empty()) return fail(ErrorCode::not_found, "no checkpoint is published yet");
  return text;
}

HttpResponse text_response(std::string text, std::string caching) {
  HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Cache-Control", std::move(caching)}};
  response.body = std::move(text);
  return response;
}

Result<HttpResponse> checkpoint(Call& call) {
  ASSIGN_OR_RETURN(std::string text, published(call));
  return text_response(std::move(text), "no-cache");
}

Result<HttpResponse> checkpoint_for_auditor(Call& call) {
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  return checkpoint(call);
}

/// A tile is served once a published checkpoint covers all of it.
bool is_published(const TilePath& tile, std::uint64_t size) {
  const std::uint64_t hashes = (tile.index << kTileBits) + tile.width;
  return hashes <= size >> (kTileBits * tile.level);
}

Result<HttpResponse> tile(const Call& call, Listener listener) {
  ASSIGN_OR_RETURN(const TilePath tile, parse_tile_path("tile/" + call.request.path_value("tile")));
  const bool is_open = call.instance().config().log_entries_public;
  if (tile.entries && !is_open) {
    if (listener == Listener::everybody) {
      return fail(ErrorCode::not_found,
                  "entries are for auditors, at the API's /v1/audit/log/tile/entries/");
    }
    RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  }
  if (!is_published(tile, call.instance().log().published_size())) {
    return fail(ErrorCode::not_found, "no published checkpoint covers this tile");
  }
  ASSIGN_OR_RETURN(Bytes content, read_tile(call.store(), tile));
  HttpResponse response;
  response.content_type = "application/octet-stream";
  // A full tile never changes. A partial one does not either, but nobody needs it for long.
  const std::string who = tile.entries && !is_open ? "private" : "public";
  response.headers = {{"Cache-Control", tile.width == kTileWidth
                                            ? who + ", max-age=31536000, immutable"
                                            : who + ", max-age=600"}};
  response.document = Document::in_memory(std::move(content));
  return response;
}

Result<HttpResponse> tile_for_machine(Call& call) {
  return tile(call, Listener::api);
}

Result<HttpResponse> tile_for_everybody(Call& call) {
  return tile(call, Listener::everybody);
}

/// A machine has the receipts of what it asked for itself; auditors have all.
Result<void> authorize_receipt(const Call& call, const std::string& entry) {
  const Json parsed = Json::parse(entry, nullptr, false);
  const Machine& machine = call.caller.context.machine;
  if (parsed.is_object() && parsed.value("machine", "") == machine.text()) return {};
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  return {};
}

Result<HttpResponse> receipt_of(const Call& call, std::uint64_t index) {
  ASSIGN_OR_RETURN(const std::string note, published(call));
  auto receipt = make_receipt(call.store(), note, index);
  // Whether an entry exists is no secret: the size of the log is public.
  if (!receipt) return Failure(std::move(receipt.error()));
  RETURN_IF_ERROR(authorize_receipt(call, receipt->entry));
  return text_response(to_text(*receipt), "no-store");
}

Result<HttpResponse> receipt(Call& call) {
  ASSIGN_OR_RETURN(const std::uint64_t index,
                   parse_number(call.request.path_value("entry"), "entry"));
  return receipt_of(call, index);
}

/// From what the caller's own requests are kept under their idempotency keys, without the index;
/// of one with very many perhaps not.
Result<std::optional<std::uint64_t>> own_outcome(const Call& call, const std::string& request) {
  RequestRecord before;
  before.machine = call.caller.context.machine.name;
  if (before.machine.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto rows, call.store().requests(before, limits::page_rows));
  for (const RequestRecord& row : rows) {
    if (row.machine != before.machine) break;
    if (row.request_id == request && row.answer) return row.outcome;
  }
  return std::nullopt;
}

/// Who is no auditor waits for nobody's search, and so holds one worker at most: the index may be
/// far behind the log.
Result<std::optional<AuditIndex::Found>> search_for(const Call& call, const AuditQuery& query,
                                                    std::uint64_t size) {
  AuditIndex& index = call.application.audit_index;
  const Machine& machine = call.caller.context.machine;
  const PolicyQuestion reading{.operation = Operation::audit_read};
  if (!call.service().policy()->decide(machine, reading).allowed()) {
    return index.try_search(query, size);
  }
  ASSIGN_OR_RETURN(auto found, index.search(query, size));
  return std::optional(std::move(found));
}

/// Of the outcome that ended a request.
Result<HttpResponse> request_receipt(Call& call) {
  AuditQuery query;
  query.request = call.request.path_value("request");
  query.kind = EntryKind::outcome;
  ASSIGN_OR_RETURN(const auto own, own_outcome(call, query.request));
  if (own) return receipt_of(call, *own);
  const std::uint64_t size = call.instance().log().head().size;
  ASSIGN_OR_RETURN(const auto found, search_for(call, query, size));
  if (!found) return fail(ErrorCode::busy, "somebody else is searching the log");
  if (!found->entries.empty()) return receipt_of(call, found->entries.back().index);
  if (found->indexed < size) {
    return fail(ErrorCode::busy, "the log is being indexed, " + std::to_string(found->indexed) +
                                     " of " + std::to_string(size) + " entries by now");
  }
  RETURN_IF_ERROR(authorize(call, Operation::audit_read));
  return fail(ErrorCode::not_found, "no request of this id came to an outcome", "request");
}

Result<HttpResponse> certificate_receipt(Call& call) {
  ASSIGN_OR_RETURN(const Serial serial, Serial::parse(call.request.path_value("serial")));
  ASSIGN_OR_RETURN(const auto record, call.store().certificate(serial));
  if (!record) {
    RETURN_IF_ERROR(authorize(call, Operation::certificate_read));
    return fail(ErrorCode::not_found, "there is no certificate " + serial.hex() + " here",
                "serial");
  }
  return receipt_of(call, record->outcome);
}

}  // namespace

std::vector<Route> log_routes(Application& app) {
  return {
      authenticated(app, "GET", "/v1/audit/checkpoint", "auditCheckpoint", checkpoint_for_auditor),
      authenticated(app, "GET", "/v1/audit/log/checkpoint", "auditLogCheckpoint", checkpoint),
      authenticated(app, "GET", "/v1/audit/log/tile/{tile...}", "auditLogTile", tile_for_machine),
      authenticated(app, "GET", "/v1/receipts/{entry}", "showReceipt", receipt),
      authenticated(app, "GET", "/v1/requests/{request}/receipt", "showRequestReceipt",
                    request_receipt),
      authenticated(app, "GET", "/v1/certificates/{serial}/receipt", "showCertificateReceipt",
                    certificate_receipt),
  };
}

std::vector<Route> public_log_routes(Application& app) {
  return {
      open(app, "GET", "/log/checkpoint", "logCheckpoint", checkpoint),
      open(app, "GET", "/log/tile/{tile...}", "logTile", tile_for_everybody),
  };
}

}  // namespace chancery
