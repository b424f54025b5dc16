# SPDX-License-Identifier: MIT OR Apache-2.0
# The benchmark program, and its comparison with Debian's kernel under the same emulator.

ARCH ?= x86_64
BENCH_CC ?= gcc
BENCH_PROGRAM := build/$(ARCH)/tests/benchmarks/exo-bench

.PHONY: benchmark benchmark-program

benchmark-program: $(BENCH_PROGRAM)

$(BENCH_PROGRAM): $(addprefix tests/benchmarks/,exo-bench.c wake_bench.c program_bench.c native_bench.c bench.h ring_benches.h) \
		$(wildcard libs/exo_ipc/*.h libs/exo_abi/*.h)
	@mkdir -p $(@D)
	$(Q)$(BENCH_CC) -std=gnu17 -O2 -Wall -Wextra -Ilibs -static -pthread $(filter %.c,$^) -o $@

# BENCHFLAGS: --quick, --strict, --write, --timing icount, ... (tests/benchmarks/run --help)
benchmark: benchmark-program kernel image $(if $(findstring --quick,$(BENCHFLAGS)),,$(call image_of,devel))
	$(Q)tests/benchmarks/run $(BENCHFLAGS)
