#include "bench/scale/nats_process.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

namespace ployz::bench {
namespace {

uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0, "loopback takes a listener");
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "a socket has a name");
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

std::string bare_name(size_t number) {
  return std::format("bare-{:03}", number);
}

NatsProcess::NatsProcess(const std::vector<Machine>& machines, size_t bare) : owner_(getpid()) {
  std::string pattern = "/var/tmp/ployz-scale-XXXXXX";
  check(mkdtemp(pattern.data()) != nullptr, "/var/tmp can be written");
  directory_ = pattern;
  config_.machine = machines.front().id;
  config_.port = free_port();
  config_.data_dir = directory_;
  for (const Machine& machine : machines) {
    add_user(machine.id.str(), NatsRole::daemon);
    add_user(machine.id.str(), NatsRole::router);
  }
  for (size_t i = 0; i < bare; ++i) add_user(bare_name(i), NatsRole::router);
}

void NatsProcess::add_user(const std::string& machine, NatsRole role) {
  const Nkey key = Nkey::generate();
  seeds_[{machine, role}] = key.seed();
  const bool manages = role == NatsRole::daemon && machine == config_.machine.str();
  config_.users.push_back({MachineId(machine), role, key.public_key(), manages});
}

NatsProcess::~NatsProcess() {
  if (getpid() != owner_) return;
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Status NatsProcess::start() {
  std::ofstream(directory_ + "/nats.conf") << TRY(server_config_text(config_));
  pid_ = fork();
  if (pid_ != 0) return {};
  const int log = open((directory_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(log, 1);
  dup2(log, 2);
  execlp("nats-server", "nats-server", "-c", (directory_ + "/nats.conf").c_str(), nullptr);
  _exit(127);
}

std::unique_ptr<NatsConnection> NatsProcess::connect(const std::string& machine,
                                                     NatsRole role) const {
  NatsConfig client;
  client.urls = {"nats://127.0.0.1:" + std::to_string(config_.port)};
  client.seed = seeds_.at({machine, role});
  client.name = machine;
  client.inbox_prefix = inbox_prefix(MachineId(machine), role);
  auto connection = NatsConnection::open(client);
  check(connection.has_value(), "our own configuration is valid");
  const Status connected = (*connection)->wait_connected(std::chrono::seconds(60));
  if (!connected)
    std::fprintf(stderr, "%s: %s\n", machine.c_str(), connected.error().line().c_str());
  check(connected.has_value(), "the server of the benchmark takes its users (see its log)");
  return std::move(*connection);
}

}  // namespace ployz::bench
