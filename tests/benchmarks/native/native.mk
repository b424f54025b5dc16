# SPDX-License-Identifier: MIT OR Apache-2.0
# Native cycles: code of the kernel and the libraries as host programs on the real CPU. A program is tests/benchmarks/native/NAME_bench.c;
# its opening comment may say ` * needs: FILES` (sources linked in) and ` * links: -lFLAGS`. With kernel sources it is built for arch/host,
# with some of arch/x86_64 for that: what those lack is left unresolved, and the program calls only what does not need it.
#   make benchmark-native            builds and runs all, writes docs/benchmarks/NATIVE.md when NATIVEFLAGS=--write
#   make native-NAME                 one program
NATIVE_BUILD  := build/native
NATIVE_CC     ?= gcc
NATIVE_BENCHES := $(patsubst tests/benchmarks/native/%_bench.c,%,$(wildcard tests/benchmarks/native/*_bench.c))
NATIVE_CFLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Werror=implicit-function-declaration -Wno-unused-parameter -Wno-sign-compare -fno-strict-aliasing -fwrapv -Ilibs
NATIVE_KERNEL := -DEXO_HOST=1 -DMEMORY_CHECKS=0 -Ikernel/include -Ikernel/arch/host/include -Ikernel
NATIVE_X86    := -DEXO_HOST=1 -fno-pie -I$(NATIVE_BUILD)/x86_64 -Ikernel/include -Ikernel/arch/x86_64/include -Ikernel
native_field   = $(shell sed -n '1,20s|^[ /]*\* *$(2): ||p' tests/benchmarks/native/$(1)_bench.c)
NATIVE_HOST   := $(patsubst %.c,$(NATIVE_BUILD)/%.o,$(wildcard kernel/arch/host/*.c tests/unit/host/*.c))

$(NATIVE_BUILD)/kernel/%.o: kernel/%.c tests/benchmarks/native/native.mk
	@mkdir -p $(@D)
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(NATIVE_KERNEL) -MMD -MP -c -o $@ $<
$(NATIVE_BUILD)/tests/unit/host/%.o: tests/unit/host/%.c tests/benchmarks/native/native.mk
	@mkdir -p $(@D)
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(NATIVE_KERNEL) -MMD -MP -c -o $@ $<
$(NATIVE_BUILD)/x86_64/offsets.h: kernel/arch/x86_64/offsets.c $(wildcard kernel/include/*/*.h kernel/arch/x86_64/include/*/*.h)
	@mkdir -p $(@D)
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(NATIVE_X86) -S -o $@.s $<
	@sed -n 's/^.*->\([A-Za-z_0-9]*\) [$$#]*\(-*[0-9]*\).*$$/#define \1 \2/p' $@.s >$@.tmp && mv $@.tmp $@
$(NATIVE_BUILD)/kernel/arch/x86_64/%.o: kernel/arch/x86_64/%.c tests/benchmarks/native/native.mk
	@mkdir -p $(@D)
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(NATIVE_X86) -MMD -MP -c -o $@ $<
$(NATIVE_BUILD)/kernel/arch/x86_64/%.o: kernel/arch/x86_64/%.S $(NATIVE_BUILD)/x86_64/offsets.h
	@mkdir -p $(@D)
	@$(NATIVE_CC) -D__ASSEMBLER__ $(NATIVE_X86) -c -o $@ $<
$(NATIVE_BUILD)/libhost.a: $(NATIVE_HOST)
	@rm -f $@ && ar rcs $@ $^
-include $(NATIVE_HOST:.o=.d)

# NATIVE_PROGRAM name needs objects flags: kernel sources come as objects, with the host's stand-ins behind them.
define NATIVE_PROGRAM
$(NATIVE_BUILD)/$(1)_bench: tests/benchmarks/native/$(1)_bench.c tests/benchmarks/native/native_bench.h $(filter-out kernel/%,$(2)) $(3)
	@mkdir -p $$(@D)
	@echo "  NATIVE $(1)"
	@$(NATIVE_CC) $(NATIVE_CFLAGS) $(4) -MMD -MP -MF $$@.d -o $$@ $$(filter %.c %.o %.a,$$^) $(call native_field,$(1),links) -lpthread
native-$(1): $(NATIVE_BUILD)/$(1)_bench
	@$$<
-include $(NATIVE_BUILD)/$(1)_bench.d $(patsubst %.o,%.d,$(filter %.o,$(3)))
endef
ifneq ($(filter benchmark-native native-%,$(MAKECMDGOALS)),)
native_objects = $(patsubst %.S,$(NATIVE_BUILD)/%.o,$(patsubst %.c,$(NATIVE_BUILD)/%.o,$(filter kernel/%,$(1))))
native_kind    = $(if $(filter kernel/arch/x86_64/%,$(1)),$(2),$(if $(filter kernel/%,$(1)),$(3)))
native_program = $(call NATIVE_PROGRAM,$(1),$(2),$(call native_objects,$(2)) $(call native_kind,$(2),,$(NATIVE_BUILD)/libhost.a),$(call \
	native_kind,$(2),$(NATIVE_X86),$(NATIVE_KERNEL)))
$(foreach b,$(NATIVE_BENCHES),$(eval $(call native_program,$(b),$(call native_field,$(b),needs))))
endif

.PHONY: benchmark-native $(addprefix native-,$(NATIVE_BENCHES))
benchmark-native: $(patsubst %,$(NATIVE_BUILD)/%_bench,$(NATIVE_BENCHES))
	@tests/benchmarks/native/run $(NATIVEFLAGS) $(patsubst %,$(NATIVE_BUILD)/%_bench,$(NATIVE_BENCHES))
