# make test-system: the long runs (README.md). SECONDS_STRESS (600), STRESS_SECONDS (5; of each stressor, 300 of them, three times),
# TRINITY_SECONDS (1800), FUZZ_SECONDS (300), SECONDS_SYSCALLS (1800; twice) and HOSTILE_STEPS (10^8) make them shorter.
SECONDS_STRESS ?= 600
STRESS_SECONDS ?= 5
TRINITY_SECONDS ?= 1800
SECONDS_SYSCALLS ?= 1800
HOSTILE_STEPS ?= 100000000
SYSCALL_FUZZ := build/$(ARCH)/tests/syscall_fuzz

$(SYSCALL_FUZZ): $(wildcard tests/system/fuzz/*) tests/held_bytes.h kernel/syscall/table.def
	@mkdir -p $(@D)
	gcc -std=gnu17 -O1 -Wall -Wextra -Werror -static -s -o $@ $(filter %.c,$^)

.PHONY: test-system
test-system: image kernel native-programs $(SYSCALL_FUZZ)
	@$(MAKE) --no-print-directory DEBUG=1 kernel image
	@HOSTILE_STEPS=$(HOSTILE_STEPS) SECONDS_STRESS=$(SECONDS_STRESS) STRESS_SECONDS=$(STRESS_SECONDS) TRINITY_SECONDS=$(TRINITY_SECONDS) SECONDS_SYSCALLS=$(SECONDS_SYSCALLS) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) tests/system/run
