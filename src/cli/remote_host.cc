#include "cli/remote_host.h"

#include <filesystem>
#include <format>

#include <fcntl.h>
#include <unistd.h>

#include "cli/table.h"

namespace ployz::cli {
namespace {

using std::chrono::seconds;

constexpr int kSshFailed = 255;  // ssh(1), EXIT STATUS
constexpr int kConnectTimeoutS = 10;
// Two of these unanswered end the connection: a host that went away is noticed in half a minute.
constexpr int kAliveIntervalS = 15;
// Longer than any step takes to begin; the connection of a program that died is gone after it.
constexpr int kPersistS = 60;
constexpr std::chrono::minutes kCopyTimeout{10};

std::string host_part(std::string_view destination) {
  const size_t at = destination.rfind('@');
  return std::string(at == std::string_view::npos ? destination : destination.substr(at + 1));
}

class SshHost final : public RemoteHost {
 public:
  SshHost(CliHost& host, SshTarget target) : host_(host), target_(std::move(target)) {}

  const std::string& name() const override { return target_.destination; }

  Result<Finished> run(const std::vector<std::string>& argv, const RunOptions& options) override {
    Command command{arguments()};
    command.argv.push_back(quote_posix(argv));
    auto finished = host_.run(command, options);
    if (!finished && finished.error().code == Code::not_found)
      return fail(Code::precondition, "there is no ssh command", "install openssh-client");
    if (!finished && finished.error().code == Code::timeout)
      finished.error().message =
          std::format("{} did not finish in time: {}", name(), finished.error().message);
    if (finished && finished->exit.code == kSshFailed)
      return fail(explain_ssh(target_, finished->err));
    return finished;
  }

 private:
  std::vector<std::string> arguments() const {
    std::vector<std::string> out{"ssh",
                                 "-o",
                                 "BatchMode=yes",
                                 "-o",
                                 std::format("ConnectTimeout={}", kConnectTimeoutS),
                                 "-o",
                                 std::format("ServerAliveInterval={}", kAliveIntervalS),
                                 "-o",
                                 "ServerAliveCountMax=2",
                                 "-o",
                                 "ControlMaster=auto",
                                 "-o",
                                 std::format("ControlPersist={}", kPersistS),
                                 "-o",
                                 std::format("ControlPath={}/%C", target_.control_folder),
                                 "-T"};
    if (!target_.identity.empty())
      // Only this one: an agent with many keys uses up the attempts a server allows.
      out.insert(out.end(), {"-i", target_.identity, "-o", "IdentitiesOnly=yes"});
    if (target_.port != 0) out.insert(out.end(), {"-p", std::format("{}", target_.port)});
    out.insert(out.end(), {"--", target_.destination});
    return out;
  }

  CliHost& host_;
  SshTarget target_;
};

class DockerHost final : public RemoteHost {
 public:
  DockerHost(CliHost& host, std::string container)
      : host_(host), container_(std::move(container)) {}

  const std::string& name() const override { return container_; }

  Result<Finished> run(const std::vector<std::string>& argv, const RunOptions& options) override {
    Command command{{"docker", "exec", "-i", container_}};
    command.argv.insert(command.argv.end(), argv.begin(), argv.end());
    auto finished = host_.run(command, options);
    if (!finished && finished.error().code == Code::not_found)
      return fail(Code::precondition, "there is no docker command", "install docker.io");
    return finished;
  }

 private:
  CliHost& host_;
  std::string container_;
};

class LocalHost final : public RemoteHost {
 public:
  explicit LocalHost(CliHost& host) : host_(host) {}
  const std::string& name() const override { return name_; }
  Result<Finished> run(const std::vector<std::string>& argv, const RunOptions& options) override {
    return host_.run(Command{argv}, options);
  }

 private:
  CliHost& host_;
  std::string name_ = "this computer";
};

struct Explanation {
  std::string_view words;  // of ssh, as in OpenSSH 7 to 10
  Code code;
  std::string_view message;  // {} is the host
  std::string_view hint;     // {0} the destination, {1} the host
};

// The first that fits counts: a changed key also ends in "verification failed".
constexpr Explanation kExplanations[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", Code::precondition,
     "the host key of {} is not the one known",
     "if it was reinstalled: ssh-keygen -R {1}, then compare the fingerprint in ssh {0}"},
    {"Host key verification failed", Code::precondition, "the host key of {} is not known",
     "ssh {0} once by hand and compare the fingerprint"},
    {"host key is known for", Code::precondition, "the host key of {} is not known",
     "ssh {0} once by hand and compare the fingerprint"},
    {"Permission denied (", Code::denied, "{} lets none of our keys in",
     "--identity KEY, or ssh-copy-id {0}; passwords are not asked for"},
    {"Too many authentication failures", Code::denied, "{} lets none of our keys in",
     "--identity KEY"},
    {"Could not resolve hostname", Code::not_found, "the name {} does not resolve",
     "a spelling mistake?"},
    {"Connection refused", Code::unavailable, "no ssh server answers on {}",
     "is sshd running there? --port"},
    {"Connection timed out", Code::timeout, "{} does not answer", "is it up, is port 22 open?"},
    {"Operation timed out", Code::timeout, "{} does not answer", "is it up, is port 22 open?"},
    {"No route to host", Code::unavailable, "there is no route to {}", "is it up?"},
    {"Network is unreachable", Code::unavailable, "there is no route to {}", "is it up?"},
};

std::string filled(std::string_view text, std::string_view destination, std::string_view host) {
  std::string out(text);
  const auto put = [&](std::string_view mark, std::string_view with) {
    for (size_t at = 0; (at = out.find(mark, at)) != std::string::npos; at += with.size())
      out.replace(at, mark.size(), with);
  };
  put("{}", host);
  put("{0}", destination);
  put("{1}", host);
  return out;
}

}  // namespace

std::string quote_posix(const std::vector<std::string>& words) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,";
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) {
      if (c == '\'')
        out += "'\\''";
      else
        out += c;
    }
    out += '\'';
  }
  return out;
}

Error explain_ssh(const SshTarget& target, std::string_view err) {
  const auto host = host_part(target.destination);
  for (const auto& known : kExplanations)
    if (err.contains(known.words))
      return Error{known.code,
                   Effect::none,
                   filled(known.message, target.destination, host),
                   filled(known.hint, target.destination, host),
                   {}};
  const auto why = last_line(err);
  return Error{Code::unavailable,
               Effect::unknown,
               std::format("the connection to {} broke{}", host, why.empty() ? "" : ": " + why),
               "the same command again goes on",
               {}};
}

Status check_destination(std::string_view destination) {
  const auto host = host_part(destination);
  const bool printable_only = std::ranges::all_of(
      destination, [](unsigned char c) { return c > ' ' && c < 0x7f && c != '\'' && c != '"'; });
  if (host.empty() || destination.starts_with('-') || host.starts_with('-') || !printable_only ||
      destination.starts_with('@') || destination.contains('/'))
    return fail(Code::invalid, std::format("'{}' is not user@host", printable(destination)),
                "root@192.0.2.7");
  return {};
}

std::unique_ptr<RemoteHost> ssh_host(CliHost& host, SshTarget target) {
  return std::make_unique<SshHost>(host, std::move(target));
}

std::unique_ptr<RemoteHost> docker_host(CliHost& host, std::string container) {
  return std::make_unique<DockerHost>(host, std::move(container));
}

std::unique_ptr<RemoteHost> local_host(CliHost& host) {
  return std::make_unique<LocalHost>(host);
}

Status copy_to(RemoteHost& host, const std::vector<std::string>& sudo, const std::string& local,
               const std::string& remote, std::stop_token stop) {
  const Fd file(::open(local.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(Code::invalid, "cannot read " + local);
  auto argv = sudo;
  argv.insert(argv.end(), {"sh", "-c",
                           "umask 077 && mkdir -p \"$(dirname \"$1\")\" && cat >\"$1.part\" && "
                           "mv \"$1.part\" \"$1\"",
                           "sh", remote});
  RunOptions options;
  options.input_fd = file.get();
  options.timeout = kCopyTimeout;
  options.stop = std::move(stop);
  const auto done = TRY(host.run(argv, options));
  if (done.ok()) return {};
  return fail(Code::internal,
              std::format("cannot write {} on {}: {}", remote, host.name(), last_line(done.err)),
              "is its disk full?");
}

Result<std::unique_ptr<SshConnections>> SshConnections::make(CliHost& host) {
  char pattern[] = "/tmp/ployzctl-ssh-XXXXXX";  // short: the path of a socket is limited
  if (::mkdtemp(pattern) == nullptr) return fail(Code::internal, "cannot make a folder below /tmp");
  return std::unique_ptr<SshConnections>(new SshConnections(host, pattern));
}

SshConnections::~SshConnections() {
  std::error_code ignored;
  for (const auto& socket : std::filesystem::directory_iterator(folder_, ignored)) {
    RunOptions options;
    options.timeout = seconds(2);
    const Command close{{"ssh", "-o", "ControlPath=" + socket.path().string(), "-O", "exit", "x"}};
    (void)host_.run(close, options);
  }
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace ployz::cli
