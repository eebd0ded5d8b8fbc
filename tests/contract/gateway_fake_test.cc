// The Gateway contract on the simulator's fake.
#include "contract/gateway_contract.h"
#include "sim/fakes/fake_gateway.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

// Servers are addresses; a client is the documented choice of route (ports/gateway.h).
class FakeWorld final : public GatewayWorld {
 public:
  Gateway& gateway() override { return gateway_; }
  std::string start_server(const std::string& name) override {
    const std::string address = std::format("10.0.0.{}", servers_.size() + 1);
    servers_[address] = name;
    return address + ":8080";
  }
  std::string dead_address() override { return "10.0.1.1:8080"; }
  std::string get(const std::string& host, const std::string& path) override {
    std::string name = host.substr(0, host.find(':'));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::string bare = path.substr(0, path.find('?'));
    const RouteTable table = gateway_.serving();
    for (const std::string& candidate : {name, "*" + name.substr(name.find('.')), std::string("*")}) {
      const HostRoute* best = nullptr;
      for (const HostRoute& route : table.hosts) {
        const std::string prefix = route.path_prefix == "/" ? "/" : route.path_prefix + "/";
        if (route.hostname != candidate || !(bare + "/").starts_with(prefix)) continue;
        if (best == nullptr || route.path_prefix.size() > best->path_prefix.size()) best = &route;
      }
      if (best != nullptr) return answer_of(best->backend);
    }
    return "";
  }
  void reopen() override {}
  void restart() override {}

 private:
  std::string answer_of(const BackendKey& key) {
    for (const Backend& backend : gateway_.taken()) {
      if (backend.key != key) continue;
      const std::string& server = backend.servers.at(0);
      const auto found = servers_.find(server.substr(0, server.rfind(':')));
      return found == servers_.end() ? "" : found->second;
    }
    return "";
  }

  std::map<std::string, std::string> servers_;
  sim::NoHook hook_;
  sim::FakeGateway gateway_{hook_, [this](std::string_view address) {
                              return servers_.contains(std::string(address));
                            }};
};

std::unique_ptr<GatewayWorld> make() { return std::make_unique<FakeWorld>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, GatewayContract, testing::Values(&make));

}  // namespace ployz::contract
