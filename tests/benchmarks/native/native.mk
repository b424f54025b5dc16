# SPDX-License-Identifier: MIT OR Apache-2.0
# Native cycles: code of the kernel and the libraries as host programs on the real CPU. A program is tests/benchmarks/native/NAME_bench.c;
# its opening comment may say ` * needs: FILES` (sources linked in) and ` * links: -lFLAGS`. With kernel sources it is built for arch/host.
#   make benchmark-native            builds and runs all, writes docs/benchmarks/NATIVE.md when NATIVEFLAGS=--write
#   make native-NAME                 one program
NATIVE_BUILD  := build/native
NATIVE_CC     ?= gcc
NATIVE_BENCHES := $(patsubst tests/benchmarks/native/%_bench.c,%,$(wildcard tests/benchmarks/native/*_bench.c))
NATIVE_CFLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -fno-strict-aliasing -fwrapv -Ilibs
NATIVE_KERNEL := -DEXO_HOST=1 -DMEMORY_CHECKS=0 -Ikernel/include -Ikernel/arch/host/include -Ikernel
native_field   = $(shell sed -n '1,20s|^[ /]*\* *$(2): ||p' tests/benchmarks/native/$(1)_bench.c)
NATIVE_HOST   := $(patsubst %.c,$(NATIVE_BUILD)/%.o,$(wildcard kernel/arch/host/*.c))

$(NATIVE_BUILD)/kernel/%.o: kernel/%.c tests/benchmarks/native/native.mk
	@mkdir -p $(@D)
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(NATIVE_KERNEL) -MMD -MP -c -o $@ $<
$(NATIVE_BUILD)/libhost.a: $(NATIVE_HOST)
	@rm -f $@ && ar rcs $@ $^
-include $(NATIVE_HOST:.o=.d)

# NATIVE_PROGRAM name needs: kernel sources come as objects, with the host's stand-ins behind them.
define NATIVE_PROGRAM
$(NATIVE_BUILD)/$(1)_bench: tests/benchmarks/native/$(1)_bench.c tests/benchmarks/native/native_bench.h $(filter-out kernel/%,$(2)) \
		$(patsubst %.c,$(NATIVE_BUILD)/%.o,$(filter kernel/%,$(2))) $(if $(filter kernel/%,$(2)),$(NATIVE_BUILD)/libhost.a)
	@mkdir -p $$(@D)
	@echo "  NATIVE $(1)"
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(if $(filter kernel/%,$(2)),$(NATIVE_KERNEL)) -MMD -MP -MF $$@.d -o $$@ $$(filter %.c %.o %.a,$$^) \
		$(call native_field,$(1),links) -lpthread
native-$(1): $(NATIVE_BUILD)/$(1)_bench
	@$$<
-include $(NATIVE_BUILD)/$(1)_bench.d $(patsubst %.c,$(NATIVE_BUILD)/%.d,$(filter kernel/%,$(2)))
endef
ifneq ($(filter benchmark-native native-%,$(MAKECMDGOALS)),)
$(foreach b,$(NATIVE_BENCHES),$(eval $(call NATIVE_PROGRAM,$(b),$(call native_field,$(b),needs))))
endif

.PHONY: benchmark-native $(addprefix native-,$(NATIVE_BENCHES))
benchmark-native: $(patsubst %,$(NATIVE_BUILD)/%_bench,$(NATIVE_BENCHES))
	@tests/benchmarks/native/run $(NATIVEFLAGS) $(patsubst %,$(NATIVE_BUILD)/%_bench,$(NATIVE_BENCHES))
