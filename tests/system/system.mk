# make test-system: the long runs. SECONDS_STRESS (600) and FUZZ_SECONDS (300) make them shorter, HOSTILE_STEPS (10^8) too.
SECONDS_STRESS ?= 600
HOSTILE_STEPS ?= 100000000
.PHONY: test-system
test-system: image native-programs
	@$(MAKE) --no-print-directory DEBUG=1 kernel image
	@HOSTILE_STEPS=$(HOSTILE_STEPS) SECONDS_STRESS=$(SECONDS_STRESS) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) tests/system/run
