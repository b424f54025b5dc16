# make test-system: the long runs. SECONDS_STRESS (600) and FUZZ_SECONDS (300) make them shorter.
SECONDS_STRESS ?= 600
.PHONY: test-system
test-system: image
	@$(MAKE) --no-print-directory DEBUG=1 kernel
	@SECONDS_STRESS=$(SECONDS_STRESS) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) tests/system/run
