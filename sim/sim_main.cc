// ployz_sim: runs seeds of the simulation, see sim/README.md.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <format>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scheduler/random.h"
#include "sim/seed.h"

namespace ployz::sim {
namespace {

constexpr size_t kMaxJobs = 64;
// A process is replaced after so many seeds: crashed threads leave their memory behind.
constexpr uint64_t kSeedsPerProcess = 50;

struct Options {
  uint64_t seeds = 200;
  uint64_t start = 1;
  size_t jobs = 2;
  std::optional<uint64_t> only;
  bool verbose = false;
  bool mutations = false;
  bool check_determinism = false;
  Mutation mutation = Mutation::none;
};

struct Named {
  std::string_view name;
  Mutation mutation;
};
constexpr std::array<Named, 18> kMutations{
    {{"strip-undo=run_instance", Mutation::run_instance},
     {"strip-undo=stop_instance", Mutation::stop_instance},
     {"strip-undo=prepare_routes", Mutation::prepare_routes},
     {"strip-undo=await_routes", Mutation::await_routes},
     {"strip-undo=make_dataset", Mutation::make_dataset},
     {"strip-undo=snapshot_datasets", Mutation::snapshot_datasets},
     {"strip-undo=pause_instances", Mutation::pause_instances},
     {"skip-flip", Mutation::skip_flip},
     {"unreachable-confirmed", Mutation::unreachable_confirmed},
     {"silent-is-fine", Mutation::silent_is_fine},
     {"early-receive", Mutation::early_receive},
     {"early-destroy", Mutation::early_destroy},
     {"reused-ids", Mutation::reused_ids},
     {"unknown-is-fine", Mutation::unknown_is_fine},
     {"no-freeze", Mutation::no_freeze},
     {"blind-decision", Mutation::blind_decision},
     {"thaw-former", Mutation::thaw_former},
     {"epoch-is-enough", Mutation::epoch_is_enough}}};

// Shared between the processes of one run.
struct Progress {
  std::atomic<uint64_t> next;
  std::atomic<uint64_t> done;
  std::atomic<uint64_t> failed;
  std::atomic<uint64_t> first_failed;
  std::atomic<int> worst;  // Verdict
  std::atomic<uint64_t> counts[kCounts];
  std::atomic<uint64_t> running[kMaxJobs];  // the seed each process is at; 0: none
  std::atomic<uint64_t> hash;               // of all seeds, in any order
  std::atomic<uint64_t> differing;          // seeds whose two runs were not the same
};

void note_failure(Progress& progress, uint64_t seed, Verdict verdict) {
  ++progress.failed;
  uint64_t first = progress.first_failed;
  while (seed < first && !progress.first_failed.compare_exchange_weak(first, seed)) {
  }
  int worst = progress.worst;
  while (static_cast<int>(verdict) > worst &&
         !progress.worst.compare_exchange_weak(worst, static_cast<int>(verdict))) {
  }
}

void report(uint64_t seed, const SeedResult& result) {
  std::string text = std::format("seed {} fails:\n", seed);
  for (const std::string& finding : result.findings) text += std::format("  {}\n", finding);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// Other blocks than a moment ago are where memory is next taken from, in another order, so that
// whatever depends on addresses shows.
void shuffle_memory(uint64_t seed) {
  Random random(seed ^ static_cast<uint64_t>(getpid()));
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 4000; ++i) {
    blocks.push_back(std::make_unique_for_overwrite<char[]>(16 * random.between(1, 40)));
    std::swap(blocks.back(), blocks[random.below(blocks.size())]);
  }
  while (!blocks.empty()) {
    std::swap(blocks.back(), blocks[random.below(blocks.size())]);
    // Some stay for ever, as what crashed threads held does.
    if (random.below(8) == 0) (void)blocks.back().release();
    blocks.pop_back();
  }
}

// Runs a seed once more elsewhere in memory; says so when it went another way.
void check_same(Progress& progress, uint64_t seed, const SeedResult& first,
                const Options& options) {
  shuffle_memory(seed);
  const SeedResult again = run_seed({seed, false, options.mutation});
  if (again.hash == first.hash && again.counts.values() == first.counts.values()) return;
  std::printf("seed %llu is not deterministic: hash %016llx, then %016llx\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(first.hash),
              static_cast<unsigned long long>(again.hash));
  std::fflush(stdout);
  ++progress.differing;
}

// One child process: takes seeds until there is none, or it is time for a fresh one.
void work(Progress& progress, size_t job, const Options& options, bool quiet) {
  const uint64_t end = options.start + options.seeds;
  for (uint64_t i = 0; i < kSeedsPerProcess; ++i) {
    const uint64_t seed = progress.next++;
    if (seed >= end) return;
    progress.running[job] = seed;
    const SeedResult result = run_seed({seed, options.verbose, options.mutation});
    progress.hash += result.hash;
    if (options.check_determinism) check_same(progress, seed, result, options);
    progress.running[job] = 0;
    ++progress.done;
    for (size_t i = 0; i < kCounts; ++i) progress.counts[i] += result.counts.values()[i];
    if (result.verdict == Verdict::fine) continue;
    if (!quiet) report(seed, result);
    note_failure(progress, seed, result.verdict);
    if (quiet) progress.next = end;  // one is enough
  }
}

pid_t start_job(Progress& progress, size_t job, const Options& options, bool quiet) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    work(progress, job, options, quiet);
    std::fflush(stdout);
    _exit(0);
  }
  return child;
}

// True when the job should go on in a fresh process.
bool end_job(Progress& progress, size_t job, int status, const Options& options) {
  if (const uint64_t seed = progress.running[job]; seed != 0) {
    std::printf("seed %llu crashes (status %d)\n", static_cast<unsigned long long>(seed), status);
    note_failure(progress, seed, Verdict::crashed);
    progress.running[job] = 0;
    ++progress.done;
  }
  return progress.next < options.start + options.seeds;
}

Progress* run_jobs(const Options& options, bool quiet) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  auto* progress = new (shared) Progress{};
  progress->next = options.start;
  progress->first_failed = UINT64_MAX;
  std::vector<pid_t> children(options.jobs);
  for (size_t job = 0; job < options.jobs; ++job) {
    children[job] = start_job(*progress, job, options, quiet);
  }
  for (size_t left = options.jobs; left > 0;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended < 0) break;
    for (size_t job = 0; job < options.jobs; ++job) {
      if (children[job] != ended) continue;
      if (end_job(*progress, job, status, options)) {
        children[job] = start_job(*progress, job, options, quiet);
      } else {
        children[job] = 0;
        --left;
      }
    }
  }
  return progress;
}

int run_seeds(const Options& options) {
  const auto began = std::chrono::steady_clock::now();
  const Progress* progress = run_jobs(options, false);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::string reached;
  for (size_t i = 0; i < kCounts; ++i) {
    reached += std::format("{}{} {}", i == 0 ? "" : ", ", progress->counts[i].load(),
                           kCountNames[i]);
  }
  std::puts(reached.c_str());
  std::printf("%llu seeds, %llu failed; %.1f s; hash %016llx\n",
              static_cast<unsigned long long>(progress->done),
              static_cast<unsigned long long>(progress->failed), took,
              static_cast<unsigned long long>(progress->hash));
  if (options.check_determinism) {
    std::printf("%llu of them went another way when they ran again\n",
                static_cast<unsigned long long>(progress->differing));
  }
  const int differing = progress->differing > 0 ? static_cast<int>(Verdict::crashed) : 0;
  return std::max<int>(progress->worst, differing);
}

// Every planted bug must be noticed.
int run_mutations(Options options) {
  int missed = 0;
  for (const Named& named : kMutations) {
    options.mutation = named.mutation;
    const Progress* progress = run_jobs(options, true);
    if (progress->failed > 0) {
      std::printf("%.*s: noticed, first by seed %llu\n",
                  static_cast<int>(named.name.size()), named.name.data(),
                  static_cast<unsigned long long>(progress->first_failed));
    } else {
      std::printf("%.*s: NOT noticed in %llu seeds\n",
                  static_cast<int>(named.name.size()), named.name.data(),
                  static_cast<unsigned long long>(options.seeds));
      ++missed;
    }
  }
  return missed == 0 ? 0 : 1;
}

int run_one(const Options& options) {
  const SeedResult result = run_seed({*options.only, options.verbose, options.mutation});
  if (result.verdict != Verdict::fine) report(*options.only, result);
  std::printf("seed %llu: %s; %llu ms of virtual time, hash %016llx\n",
              static_cast<unsigned long long>(*options.only),
              result.verdict == Verdict::fine ? "fine" : "FAILS",
              static_cast<unsigned long long>(result.virtual_ms),
              static_cast<unsigned long long>(result.hash));
  return static_cast<int>(result.verdict);
}

int usage() {
  std::fputs(
      "usage: ployz_sim [--seeds N] [--start S] [--jobs J]   run N seeds\n"
      "       ployz_sim --seed S [--verbose]                 replay one\n"
      "       ployz_sim --check-determinism [--seeds N]      run each twice, compare\n"
      "       ployz_sim --mutations [--seeds N]              plant each kind of bug in turn\n"
      "       … --mutate NAME                                plant that one (sim/README.md)\n"
      "exit status: 0 fine, 1 a checker failed, 2 crashed or usage, 3 stuck\n",
      stderr);
  return 2;
}

bool parse_mutation(std::string_view text, Options& options) {
  for (const Named& named : kMutations) {
    if (named.name == text) options.mutation = named.mutation;
  }
  return options.mutation != Mutation::none;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (flag == "--check-determinism") {
      options.check_determinism = true;
      continue;
    }
    if (flag == "--mutations") {
      options.mutations = true;
      continue;
    }
    if (++i == argc) return false;
    const uint64_t number = std::strtoull(argv[i], nullptr, 10);
    if (flag == "--seeds") {
      options.seeds = number;
    } else if (flag == "--start") {
      options.start = number;
    } else if (flag == "--jobs") {
      options.jobs = std::clamp<size_t>(number, 1, kMaxJobs);
    } else if (flag == "--seed") {
      options.only = number;
    } else if (flag != "--mutate" || !parse_mutation(argv[i], options)) {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace ployz::sim

int main(int argc, char** argv) {
  ployz::sim::Options options;
  if (!ployz::sim::parse(argc, argv, options)) return ployz::sim::usage();
  if (options.only) return ployz::sim::run_one(options);
  return options.mutations ? ployz::sim::run_mutations(options) : ployz::sim::run_seeds(options);
}
