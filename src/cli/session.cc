#include "cli/session.h"

#include <format>
#include <thread>

#include "base/unix_stream.h"
#include "cli/progress.h"
#include "model/config.h"

namespace ployz::cli {
namespace {

// Somebody listens and lets us in.
bool connects(const std::string& socket) {
  return !socket.empty() &&
         UnixStream::connect(socket, std::chrono::milliseconds(1000), {}).has_value();
}

bool truthy(const std::optional<std::string>& text) {
  return text && *text != "0" && *text != "false" && *text != "no";
}

}  // namespace

Result<GlobalFlags> global_flags(CliHost& host, const Args& args) {
  GlobalFlags flags;
  const auto text = [&](const std::string& name, const std::string& variable,
                        std::string_view fallback) {
    return args.has(name) ? args.get(name) : host.env(variable).value_or(std::string(fallback));
  };
  flags.config = text("config", "PLOYZ_CONFIG", flags.config);
  flags.data_dir = text("data-dir", "PLOYZ_DATA_DIR", "");
  flags.context = text("context", "PLOYZ_CONTEXT", "");
  flags.machine = text("machine", "PLOYZ_MACHINE", "");
  // A context on the command line means more than a socket in the environment.
  flags.socket = args.has("context") ? args.get("socket") : text("socket", "PLOYZ_SOCKET", "");
  flags.color = text("color", "PLOYZ_COLOR", "auto");
  flags.json = args.has("json") || (!args.has("plain") && truthy(host.env("PLOYZ_JSON")));
  flags.plain = args.has("plain") || (!flags.json && truthy(host.env("PLOYZ_PLAIN")));
  flags.quiet = args.has("quiet") || truthy(host.env("PLOYZ_QUIET"));
  if (flags.json && flags.plain)
    return fail(Code::invalid, "--json and --plain exclude each other", "choose one");
  if (args.has("socket") && args.has("context"))
    return fail(Code::invalid, "--socket and --context exclude each other", "choose one");
  if (args.has("socket") && args.has("machine"))
    return fail(Code::invalid, "--socket and --machine exclude each other", "choose one");
  return flags;
}

Session::Session(CliHost& host, GlobalFlags flags) : host_(host), flags_(std::move(flags)) {
  style_.plain = flags_.plain;
  style_.width = host_.width();
  const bool wanted = host_.out_is_terminal() && !host_.env("NO_COLOR") &&
                      host_.env("TERM").value_or("dumb") != "dumb";
  style_.color = !flags_.plain && !flags_.json &&
                 (flags_.color == "always" || (flags_.color == "auto" && wanted));
}

std::filesystem::path Session::contexts_file() const {
  if (const auto base = host_.env("XDG_CONFIG_HOME"))
    return std::filesystem::path(*base) / "ployz/contexts.json";
  return std::filesystem::path(host_.env("HOME").value_or("/root")) / ".config/ployz/contexts.json";
}

std::filesystem::path Session::data_dir() const {
  if (!flags_.data_dir.empty()) return flags_.data_dir;
  if (const auto base = host_.env("XDG_DATA_HOME")) return std::filesystem::path(*base) / "ployz";
  return std::filesystem::path(host_.env("HOME").value_or("/root")) / ".local/share/ployz";
}

Result<Contexts> Session::contexts() const {
  return load_contexts(contexts_file());
}

Status Session::save(const Contexts& contexts) const {
  return save_contexts(contexts_file(), contexts);
}

Result<const ApiClient*> Session::client() {
  if (connection_.client) return connection_.client.get();
  ContextChoice choice{flags_.socket, flags_.context, {}, flags_.machine};
  Contexts known;
  if (choice.socket.empty()) {
    known = TRY(contexts());
    if (choice.name.empty() && known.current.empty())
      choice.default_socket = TRY(load_config(flags_.config)).socket.string();
  }
  return client_of(TRY(resolve_context(known, choice)));
}

Result<Connection> connect_to(const MachineDoor& door) {
  Connection out;
  if (!door.container.empty() && !connects(door.socket))
    out.relay = TRY(Relay::start(door.container));
  out.client =
      std::make_unique<ApiClient>(out.relay ? out.relay->socket_path() : std::string(door.socket));
  return out;
}

Result<const ApiClient*> Session::client_of(const MachineDoor& door) {
  connection_ = {};
  connection_ = TRY(connect_to(door));
  return connection_.client.get();
}

void Session::progress(std::string_view line) {
  if (!flags_.quiet) notice(line);
}

void Session::notice(std::string_view line) {
  host_.write_err(printable(line) + "\n");
}

EventSink Session::progress_of_events() {
  return [this, lines = ProgressLines()](const Event& event) mutable {
    if (const auto line = lines.line(event); !line.empty()) progress(line);
  };
}

Result<Json> Session::change(const Change& call, bool can_abort) {
  const ApiClient& client = *TRY(this->client());
  std::mutex mutex;
  std::string id;
  bool wanted = false;  // an abort
  std::jthread aborting;
  // With the lock held, once both the wish and the id are there.
  const auto abort_when_known = [&] {
    if (!wanted || id.empty() || aborting.joinable()) return;
    aborting = std::jthread([this, &client, id] {
      // Its events are those the main call tells already.
      if (const auto done = client.abort(id, [](const Event&) {}); !done)
        notice(std::format("ployzctl: aborting {}: {}", id, done.error().line()));
    });
  };
  const Interrupts::Listening listening(host_.interrupts(), [&] {
    const std::lock_guard lock(mutex);
    wanted = can_abort;
    notice(can_abort ? "aborting; what was done is being undone (Ctrl-C again leaves at once)"
                     : "this cannot be aborted and goes on (Ctrl-C again leaves at once)");
    abort_when_known();
  });
  const auto tell = progress_of_events();
  return call(client, [&](const Event& event) {
    {
      const std::lock_guard lock(mutex);
      if (id.empty()) id = event.operation.str();
      abort_when_known();
    }
    tell(event);
  });
}

}  // namespace ployz::cli
