#include "drivers/knot/control_session.h"

#include <format>

extern "C" {
#include <libknot/control/control.h>
#include <libknot/errcode.h>
#include <libknot/error.h>
}

#include "drivers/knot/zone_text.h"

namespace ployz {
namespace {

// Records sent before the answer is read. knotd answers only failures one by one; so many fit its
// buffer (256 kB, control.c), and neither side waits for the other.
constexpr size_t kBatch = 256;
// The zone's records and its apex. More is no answer of ours.
constexpr size_t kMaxAnswer = kMaxZoneRecords + 100;

constexpr auto kNotRunning = "is ployz-knot.service running?";

Code code_of(int error) {
  switch (error) {
    case KNOT_ETIMEOUT:
    case KNOT_NET_ETIMEOUT:
      return Code::timeout;
    case KNOT_EACCES:
    case KNOT_EPERM:
    case KNOT_EFACCES:
      return Code::denied;
    case KNOT_EINVAL:
    case KNOT_EMALF:
    case KNOT_ERANGE:
    case KNOT_ESPACE:
    case KNOT_EFEWDATA:
      return Code::corrupt;
    default:
      return Code::unavailable;
  }
}

std::unexpected<Error> broken(std::string_view what, int error) {
  return fail(code_of(error), std::format("{} knotd: {}", what, knot_strerror(error)), "",
              Effect::unknown);
}

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}
std::string or_empty(const char* text) {
  return text ? text : "";
}

}  // namespace

void ControlSession::Close::operator()(knot_ctl* control) const {
  knot_ctl_free(control);
}

ControlSession::~ControlSession() {
  // The polite end; knotd would otherwise log a lost connection.
  if (control_) (void)knot_ctl_send(control_.get(), KNOT_CTL_TYPE_END, nullptr);
}

Result<ControlSession> ControlSession::connect(const std::string& socket, std::string zone,
                                               Deadline deadline) {
  std::unique_ptr<knot_ctl, Close> control(knot_ctl_alloc());
  if (!control) return fail(Code::internal, "out of memory");
  ControlSession session(std::move(control), std::move(zone), deadline);
  const int error = knot_ctl_connect(session.control_.get(), socket.c_str());
  if (error == KNOT_EOK) return session;
  session.control_.reset();
  if (error == KNOT_ESPACE || error == KNOT_EINVAL) {
    return fail(Code::invalid, std::format("{} is too long for a socket", socket));
  }
  const Code code = code_of(error);
  return fail(code == Code::denied ? code : Code::unavailable,
              std::format("connecting to {}: {}", socket, knot_strerror(error)), kNotRunning);
}

Result<std::vector<ControlRecord>> ControlSession::run(std::string_view command,
                                                       std::span<const ControlRecord> records) {
  const std::string name(command);
  Answer answer;
  while (!records.empty()) {
    const auto batch = records.first(std::min(kBatch, records.size()));
    records = records.subspan(batch.size());
    TRY(send(name, batch));
    TRY(receive(answer));
    if (answer.error.empty()) continue;
    const bool no_zone = answer.error == knot_strerror(KNOT_ENOZONE);
    return fail(no_zone ? Code::not_found : Code::precondition,
                std::format("knotd, {} of {}: {}", name, zone_, answer.error));
  }
  return std::move(answer.records);
}

Result<std::vector<ControlRecord>> ControlSession::run(std::string_view command,
                                                       const ControlRecord& record) {
  return run(command, std::span(&record, 1));
}

// libknot's timeout is of one read or write.
Status ControlSession::limit_time() {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  if (left.count() <= 0) return broken("talking to", KNOT_ETIMEOUT);
  knot_ctl_set_timeout(control_.get(), static_cast<int>(std::min<int64_t>(left.count(), INT_MAX)));
  return {};
}

Status ControlSession::send(const std::string& command, std::span<const ControlRecord> records) {
  TRY(limit_time());
  for (const auto& record : records) {
    knot_ctl_data_t data = {};
    data[KNOT_CTL_IDX_CMD] = command.c_str();
    data[KNOT_CTL_IDX_ZONE] = zone_.c_str();
    data[KNOT_CTL_IDX_OWNER] = or_null(record.owner);
    data[KNOT_CTL_IDX_TTL] = or_null(record.ttl);
    data[KNOT_CTL_IDX_TYPE] = or_null(record.type);
    data[KNOT_CTL_IDX_DATA] = or_null(record.data);
    const int error = knot_ctl_send(control_.get(), KNOT_CTL_TYPE_DATA, &data);
    if (error != KNOT_EOK) return broken("writing to", error);
  }
  const int error = knot_ctl_send(control_.get(), KNOT_CTL_TYPE_BLOCK, nullptr);
  if (error != KNOT_EOK) return broken("writing to", error);
  return {};
}

Status ControlSession::receive(Answer& answer) {
  while (true) {
    TRY(limit_time());
    knot_ctl_type_t type = KNOT_CTL_TYPE_END;
    knot_ctl_data_t data = {};
    const int error = knot_ctl_receive(control_.get(), &type, &data);
    if (error != KNOT_EOK) return broken("reading from", error);
    if (type == KNOT_CTL_TYPE_BLOCK) return {};
    if (type == KNOT_CTL_TYPE_END) return broken("reading from", KNOT_ECONN);
    if (data[KNOT_CTL_IDX_ERROR]) {
      if (answer.error.empty()) answer.error = data[KNOT_CTL_IDX_ERROR];
      continue;
    }
    if (answer.records.size() >= kMaxAnswer) return broken("reading from", KNOT_EMALF);
    answer.records.push_back({or_empty(data[KNOT_CTL_IDX_OWNER]), or_empty(data[KNOT_CTL_IDX_TTL]),
                              or_empty(data[KNOT_CTL_IDX_TYPE]),
                              or_empty(data[KNOT_CTL_IDX_DATA])});
  }
}

}  // namespace ployz
