# Unit tests: the kernel's rooms as host programs under sanitizers. How a test file says what it needs: tests/unit/u_.h.
#   make test-unit              builds and runs all, leaves build/tally/unit
#   make unit-<room>/<name>     builds and runs one program;  U="case ..." picks cases
#   make fuzz-<room>/<name>     runs a fuzzer for FUZZ_SECONDS (60); crashes are kept in build/unit/crashes
UNIT_BUILD   := build/unit
UNIT_TESTS   := $(patsubst tests/unit/%_test.c,%_test,$(wildcard tests/unit/*/*_test.c))
UNIT_SCRIPTS := $(patsubst tests/unit/%.py,%,$(wildcard tests/unit/*/*_test.py))
UNIT_FUZZERS := $(patsubst tests/unit/%_fuzz.c,%_fuzz,$(wildcard tests/unit/*/*_fuzz.c))
UNIT_CC      ?= gcc
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 60

UNIT_WARN    := -Wall -Wextra -Werror -Wshadow -Wno-unused-parameter -Wno-sign-compare
UNIT_CFLAGS  := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fno-common -fwrapv -fno-builtin \
                -DEXO_HOST=1 -DEXO_DEBUG=1 $(UNIT_WARN) -Ikernel/include -Ikernel/arch/host/include -Ilibs -Ikernel -Itests/unit
# The sanitizers of each mode. `sim` adds a call at every branch of kernel code, where the simulator may go to another CPU.
UNIT_SAN_asan := -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined
UNIT_SAN_tsan := -fsanitize=thread -Wno-tsan
# No UBSan in sim: its checks would split a per-CPU access in two, with a point of choice between.
UNIT_SAN_sim  := -fsanitize=address
# plain: for tests that move stacks about, which no sanitizer follows.
UNIT_SAN_plain :=
UNIT_SAN_fuzz := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=alignment -fno-sanitize-recover=undefined
UNIT_KERN_sim := -fsanitize-coverage=trace-pc
UNIT_CC_asan  := $(UNIT_CC)
UNIT_CC_tsan  := $(UNIT_CC)
UNIT_CC_sim   := $(UNIT_CC)
UNIT_CC_plain := $(UNIT_CC)
UNIT_CC_fuzz  := $(FUZZ_CC)
UNIT_LINK_fuzz := -fsanitize=fuzzer
# kernel/base is in the library too, with the names that the C library has renamed: memcpy is kbase_memcpy, and so on.
# The arch contract on the host, stand-ins of rooms that a test does not link, the simulator.
UNIT_HOST     := $(wildcard kernel/arch/host/*.c tests/unit/host/*.c kernel/base/*.c)
UNIT_RENAMED  := memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr strstr vsnprintf snprintf
UNIT_RENAMES  := $(foreach f,$(UNIT_RENAMED),-D$(f)=kbase_$(f))

# unit_field FILE NAME - words after ` * NAME:` in the opening comment.
unit_field = $(shell sed -n '1,60s|^[ /]*\* *$(2): ||p' $(1))

# UNIT_OBJECTS mode: rules for kernel objects, the host library and the frame in that mode.
define UNIT_OBJECTS
$(UNIT_BUILD)/$(1)/kernel/%.o: kernel/%.c tests/unit/unit.mk
	@mkdir -p $$(@D)
	@$(UNIT_CC_$(1)) $$(UNIT_CFLAGS) $$(UNIT_SAN_$(1)) $$(if $$(findstring kernel/arch/host,$$<),,$$(UNIT_KERN_$(1))) $$(if $$(findstring kernel/base/,$$<),$$(UNIT_RENAMES)) -MMD -MP -c -o $$@ $$<
$(UNIT_BUILD)/$(1)/tests/unit/%.o: tests/unit/%.c tests/unit/unit.mk
	@mkdir -p $$(@D)
	@$(UNIT_CC_$(1)) $$(UNIT_CFLAGS) $$(UNIT_SAN_$(1)) -MMD -MP -c -o $$@ $$<
$(UNIT_BUILD)/$(1)/libhost.a: $(patsubst %.c,$(UNIT_BUILD)/$(1)/%.o,$(UNIT_HOST))
	@rm -f $$@ && ar rcs $$@ $$^
-include $(patsubst %.c,$(UNIT_BUILD)/$(1)/%.d,$(UNIT_HOST)) $(UNIT_BUILD)/$(1)/tests/unit/u_.d
endef
$(foreach mode,asan tsan sim plain fuzz,$(eval $(call UNIT_OBJECTS,$(mode))))

# Sources with defines of their own are compiled for that program alone, others once a mode.
# UNIT_PROGRAM name mode needs defines source extra-objects
define UNIT_PROGRAM
$(UNIT_BUILD)/$(1): tests/unit/$(1).c $(3) $(if $(4),,$(patsubst %.c,$(UNIT_BUILD)/$(2)/%.o,$(3))) $(5) $(UNIT_BUILD)/$(2)/libhost.a tests/unit/unit.mk
	@mkdir -p $$(@D)
	@echo "  UNIT  $(1)"
	@$(UNIT_CC_$(2)) $$(UNIT_CFLAGS) $$(UNIT_SAN_$(2)) $$(UNIT_LINK_$(2)) $(4) -MMD -MP -MF $$@.d -o $$@ $$< $(5) \
		$(if $(4),$(UNIT_KERN_$(2)) $(3),$(patsubst %.c,$(UNIT_BUILD)/$(2)/%.o,$(3))) $(UNIT_BUILD)/$(2)/libhost.a -lpthread
-include $(UNIT_BUILD)/$(1).d $(patsubst %.c,$(UNIT_BUILD)/$(2)/%.d,$(3))
endef
unit_mode = $(or $(call unit_field,tests/unit/$(1).c,mode),asan)
ifneq ($(filter test-unit unit-% fuzz-% test,$(MAKECMDGOALS)),)
$(foreach t,$(UNIT_TESTS),$(eval UNIT_MODE_$(t) := $(call unit_mode,$(t))))
$(foreach t,$(UNIT_TESTS),$(eval $(call UNIT_PROGRAM,$(t),$(UNIT_MODE_$(t)),$(call unit_field,tests/unit/$(t).c,needs),$(call \
	unit_field,tests/unit/$(t).c,defines),$(UNIT_BUILD)/$(UNIT_MODE_$(t))/tests/unit/u_.o)))
$(foreach f,$(UNIT_FUZZERS),$(eval $(call UNIT_PROGRAM,$(f),fuzz,$(call unit_field,tests/unit/$(f).c,needs),$(call \
	unit_field,tests/unit/$(f).c,defines),)))
endif

# Fuzzers need clang's runtime; without it they count as skipped.
UNIT_HAS_FUZZER := $(if $(wildcard $(shell $(FUZZ_CC) -print-resource-dir 2>/dev/null)/lib/*/libclang_rt.fuzzer-x86_64.a),1)

# Tests of the tools that make the documents: scripts, run from the top of the tree.
$(addprefix $(UNIT_BUILD)/,$(UNIT_SCRIPTS)): $(UNIT_BUILD)/%: tests/unit/%.py
	@install -D $< $@

.PHONY: test-unit $(addprefix unit-,$(UNIT_TESTS) $(UNIT_SCRIPTS)) $(addprefix fuzz-,$(UNIT_FUZZERS))
test-unit: $(addprefix $(UNIT_BUILD)/,$(UNIT_TESTS) $(UNIT_SCRIPTS) $(if $(UNIT_HAS_FUZZER),$(UNIT_FUZZERS)))
	@tests/unit/run-all $(if $(UNIT_HAS_FUZZER),,--no-fuzz) $(UNIT_BUILD) $(UNIT_TESTS) $(UNIT_SCRIPTS) $(UNIT_FUZZERS)

$(addprefix unit-,$(UNIT_TESTS) $(UNIT_SCRIPTS)): unit-%: $(UNIT_BUILD)/%
	@$< $(U)

$(addprefix fuzz-,$(UNIT_FUZZERS)): fuzz-%: $(UNIT_BUILD)/%
	@tests/unit/run-fuzz $(UNIT_BUILD) $* $(FUZZ_SECONDS)
