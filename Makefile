# The front door. Every target does its own set-up, on a bare Debian 12 or 13 machine as root: it
# installs packages, starts an engine, makes images, compiles. What is there already is not redone.
# Nothing is built by make itself; it only knows whom to call (tools/setup, tools/dev, tools/lab).

SHELL := /bin/bash
PRESET ?= dev
# The simulation's schedules, each from one seed; FIRST_SEED to reproduce one of them.
SEEDS ?= 2000
# A pytest expression (-k) and further options for it.
K ?=
PYTEST_ARGS ?=
FUZZ_SECONDS ?= 60
# Of bench-scale: how many machines, each with 50 instances.
MACHINES ?= 200
# What clang-tidy looks at.
FILES ?= $(shell git diff --name-only --diff-filter=d origin/main 2>/dev/null -- '*.cc' | grep -v _test)
# Further arguments for the test program: e.g. ARGS=--gtest_filter=Units*
ARGS ?=

export PLOYZ_PRESET := $(PRESET)
python := /usr/bin/python3
# Of test-e2e, to run alone: what takes longest.
faults := $(addprefix tests/e2e/test_,machine_add_faults.py partitions.py lifecycle_partitions.py \
    store_partitions.py store_partitions_of_five.py store_kills.py)
results := build/test-results
# Test programs leave their counts there, for .ci/run to add up.
gtest_xml = GTEST_OUTPUT=xml:$(results)/$(1)/

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help build demo test test-unit test-asan test-contract test-sim test-e2e test-faults test-zfs soak lab \
        fuzz bench bench-scale bench-data deb \
        format format-check clang-tidy tidy clean-lab clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\n\2/p' Makefile | xargs -d '\n' printf '  make %-15s %s\n'
	@echo
	@echo '  make test-unit PRESET=asan      make test-sim SEEDS=200      make test-e2e K=rollback'

build: ## compile everything (PRESET=dev|release|asan|fuzz)
	@tools/dev/build $(PRESET)

demo: ## machines come up, an image is deployed and updated under load; a database is branched, moved, rolled back
	@$(MAKE) --no-print-directory lab
	@source tools/lab/environment && exec tools/demo/run

test: ## everything: unit, contract, simulation, end to end
	@rm -rf $(results)
	@$(MAKE) --no-print-directory tidy
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-contract
	@$(MAKE) --no-print-directory test-sim
	@$(MAKE) --no-print-directory test-e2e

test-unit: ## unit tests, and contract suites on the fakes
	@tools/dev/build $(PRESET)
	@rm -rf $(results)/unit
	@PLOYZ_BUILDER_ARGS="-e $(call gtest_xml,unit)" tools/dev/in-builder \
	    ctest --test-dir build/$(PRESET) -L unit --output-on-failure $(ARGS)

test-asan: ## the unit tests with AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory test-unit PRESET=asan

test-contract: ## the drivers against the real thing, in a machine container (ARGS=--gtest_filter=…)
	@tools/lab/contract-machine up
	@tools/dev/build $(PRESET) contract_tests
	@rm -rf $(results)/contract
	@tools/lab/contract-machine exec env $(call gtest_xml,contract) \
	    "$$(tools/dev/built $(PRESET) contract_tests)" $(ARGS)

test-sim: ## the simulation: SEEDS=n schedules
	@tools/dev/build $(PRESET) ployz_sim_program
	@tools/dev/in-builder "$$(tools/dev/built $(PRESET) ployz_sim)" --seeds $(SEEDS) $(ARGS)

test-e2e: ## scenarios on real machines in containers (K=expression, PYTEST_ARGS=…)
	@$(MAKE) --no-print-directory lab
	@source tools/lab/environment && exec $(python) -m pytest tests/e2e \
	    --junit-xml=$(results)/e2e.xml $(if $(K),-k "$(K)") \
	    $(PYTEST_ARGS)

test-faults: ## of test-e2e the partitions, and machines that are killed at every step
	@$(MAKE) --no-print-directory lab
	@source tools/lab/environment && exec $(python) -m pytest $(faults) \
	    --junit-xml=$(results)/faults.xml $(PYTEST_ARGS)

soak: ## the store moves MOVES (200) times under load and kills; of it `make test` runs five minutes
	@$(MAKE) --no-print-directory lab
	@source tools/lab/environment && PLOYZ_SOAK_MOVES=$(or $(MOVES),200) exec $(python) -m pytest -s \
	    tests/e2e/test_soak.py --junit-xml=$(results)/soak.xml $(PYTEST_ARGS)

test-zfs: ## ZFS, WireGuard in the kernel and netem, on virtual machines (PARTS="contract scenarios")
	@tools/setup packages samples
	@K="$(K)" PYTEST_ARGS="$(PYTEST_ARGS)" ARGS="$(ARGS)" tools/zfs-lab/test $(PARTS)

lab: ## what demo, test-e2e and bench need: programs, package, images of machines, hosts and samples
	@tools/setup packages builder
	@tools/dev/build dev ployz_load ployz_nats_put ployz_store_dump # tools here, not what is measured
	@tools/setup machine samples bare bare-warm

fuzz: ## every fuzzer for FUZZ_SECONDS (60)
	@tools/dev/build fuzz fuzzers
	@tools/dev/in-builder tools/dev/fuzz $(FUZZ_SECONDS)

bench: ## ratios against docker run, Swarm and a static HAProxy
	@$(MAKE) --no-print-directory lab PRESET=release
	@export PLOYZ_PRESET=release && source tools/lab/environment && exec bench/run

bench-data: ## branch, migrate and rollback beside what they are made of (ARGS=--rounds=3)
	@$(MAKE) --no-print-directory lab PRESET=release
	@export PLOYZ_PRESET=release && source tools/lab/environment && exec bench/data $(ARGS)

bench-scale: ## planners, and 200 simulated machines over one real NATS server (MACHINES=200)
	@tools/lab/contract-machine up
	@tools/dev/build $(PRESET) plan_bench
	@tools/dev/build $(PRESET) scale_bench
	@failed=0; \
	tools/dev/in-builder "$$(tools/dev/built $(PRESET) plan_bench)" $(MACHINES) || failed=1; \
	tools/lab/contract-machine exec "$$(tools/dev/built $(PRESET) scale_bench)" $(MACHINES) || failed=1; \
	exit $$failed

deb: ## dist/ployz_<version>_<arch>.deb, from the release build
	@tools/dev/build-deb release

format: ## clang-format the tree
	@git ls-files -z '*.cc' '*.h' | xargs -0 tools/dev/in-builder clang-format -i

format-check: ## fail if `make format` would change something
	@git ls-files -z '*.cc' '*.h' | xargs -0 tools/dev/in-builder clang-format --dry-run -Werror

clang-tidy: ## clang-tidy on FILES (default: what differs from origin's main); some ten seconds a file
	@tools/dev/in-builder sh -c '[ -f build/dev/build.ninja ] || cmake --preset dev'
	@echo $(FILES) | xargs -r -P $$(nproc) -n 1 tools/dev/in-builder clang-tidy -p build/dev --quiet

tidy: ## house rules: include direction, sizes, banned calls
	@tools/setup packages
	@$(python) tools/tidy/run

clean-lab: ## remove every machine, container and context that demo, tests and dev left
	@tools/lab/clean

clean: clean-lab ## also what was compiled
	@rm -rf build bin dist
