# Exo-OS. `make qemu` boots it, `make test` tests it; `make help` tells the rest.

ARCH    ?= x86_64
SMP     ?= 2
MEM     ?= 512M
PROFILE ?= default
DEBUG   ?= 0
BUILD   := build/$(ARCH)$(if $(filter 1,$(DEBUG)),-debug)
Q       := @

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# As many jobs as processors, unless the caller has said how many.
ifndef EXO_JOBS
ifeq ($(shell ps -o args= -p $$PPID 2>/dev/null | grep -cE ' (-[a-zA-Z]*j|--jobs)'),0)
MAKEFLAGS += -j$(shell nproc)
endif
export EXO_JOBS := set
endif

# What the machine lacks is installed before anything is built: every goal but the passive ones. Few need few packages.
PASSIVE_GOALS := help clean tidy tidy-update
RUN_GOALS     := all kernel image images qemu qemu-linux update-packages
ifneq ($(filter-out $(PASSIVE_GOALS),$(or $(MAKECMDGOALS),$(.DEFAULT_GOAL))),)
ifndef EXO_DEPS_CHECKED
INSTALL_DEPS := $(shell scripts/install-deps $(if $(filter-out $(RUN_GOALS) $(PASSIVE_GOALS),$(MAKECMDGOALS))$(findstring clang,$(CC)$(KCC)),$(if $(filter test-system,$(MAKECMDGOALS)),--system),--run) >&2 && echo done)
ifneq ($(INSTALL_DEPS),done)
$(error what the build needs is not installed; see above)
endif
export EXO_DEPS_CHECKED := 1
endif
endif

.PHONY: all kernel image images iso qemu qemu-gdb gdb qemu-linux test test-unit test-integration test-compat \
	test-system benchmark tidy analyze analyze-sources tidy-update install-deps update-packages clean help

all: kernel image

ifneq ($(wildcard kernel/arch/$(ARCH)/arch.mk),)
include kernel/kernel.mk
else
kernel:
	@echo "make: no kernel for ARCH=$(ARCH) in this tree (kernel/arch/$(ARCH)/arch.mk)" >&2; exit 1
endif
include userland/init/init.mk
include libs/libs.mk
include examples/examples.mk
include userland/exo/exo.mk
-include tests/unit/unit.mk
-include tests/compatibility/compat.mk
-include tests/native/native.mk
-include tests/benchmarks/benchmarks.mk
-include tests/benchmarks/native/native.mk
-include tests/system/system.mk

EXO_RUN := $(if $(findstring clang,$(KCC)),EXO_KERNEL=$(KELF)) tools/qemu_runner/exo-run $(if $(filter 1,$(DEBUG)),--debug)

# ---- images ----

IMAGE_SOURCES := $(wildcard tools/image_builder/*) $(shell find configs -type f) $(BUILD)/userland/init $(EXAMPLES) $(EXO)
image_of = $(BUILD)/initramfs$(if $(filter-out default,$(1)),-$(1)).cpio

define IMAGE_RULE
$(call image_of,$(1)): $(IMAGE_SOURCES)
	@mkdir -p $$(@D)
	$$(Q)tools/image_builder/build-image --profile $(1) --init $(BUILD)/userland/init $(if $(filter minimal,$(1)),,--examples $(EXAMPLES_OUT) --exo $(EXO)) -o $$@
endef
PROGRAM_PROFILES := programs build node java cpython stress
IMAGE_PROFILES := minimal default python devel $(PROGRAM_PROFILES)
$(foreach profile,$(IMAGE_PROFILES),$(eval $(call IMAGE_RULE,$(profile))))

image: $(call image_of,$(PROFILE))
test-compat: $(call image_of,programs)
test-system: $(foreach profile,$(PROGRAM_PROFILES),$(call image_of,$(profile)))
images: $(foreach profile,$(filter-out devel $(PROGRAM_PROFILES),$(IMAGE_PROFILES)),$(call image_of,$(profile)))

iso: $(KOUT)/exo-os.iso
$(KOUT)/exo-os.iso: $(KELF) $(call image_of,$(PROFILE)) scripts/make-iso
	$(Q)scripts/make-iso $(KELF) $(call image_of,$(PROFILE)) $@

# ---- running ----

qemu: kernel image
	$(Q)$(EXO_RUN) --smp $(SMP) --mem $(MEM) --profile $(PROFILE)

qemu-gdb: kernel image
	$(Q)$(EXO_RUN) --smp $(SMP) --mem $(MEM) --profile $(PROFILE) --gdb

gdb:
	$(Q)gdb -q -ex 'set pagination off' -ex 'target remote :1234' $(KELF)

# The same image on Debian's kernel, to compare with.
qemu-linux: image
	$(Q)$(EXO_RUN) --linux --smp $(SMP) --mem $(MEM) --profile $(PROFILE)

# ---- tests: each level leaves build/tally/LEVEL with the line `TALLY passed failed skipped` ----

test:
	+$(Q)scripts/run-levels tidy analyze test-unit test-integration test-compat test-native test-libs

tidy:
	$(Q)tools/tidy/tidy

# What the compiler of the tests does not see: clang's warnings (both builds), and the checks of .clang-tidy.
# VDSO_CFLAGS and the like are as clang wants them only where KCC is clang.
analyze:
	+$(Q)rm -f build/tally/analyze
	+$(Q)$(MAKE) --no-print-directory KCC=clang DEBUG=1 kernel
	+$(Q)$(MAKE) --no-print-directory KCC=clang DEBUG=0 kernel analyze-sources

analyze-sources: $(KOFFSETS)
	$(Q)tools/tidy/analyze --flags '$(KCFLAGS)' $(filter %.c,$(KSRCS)) --flags '$(VDSO_CFLAGS)' $(wildcard $(VDSO_DIR)/*.c) \
		--flags '$(INIT_CFLAGS)' userland/init/init.c --flags '-std=gnu11 -D_GNU_SOURCE' $(wildcard userland/exo/*.c) --flags '$(UNIT_CFLAGS)' $(wildcard kernel/arch/host/*.c tests/unit/host/*.c)

tidy-update:
	$(Q)tools/tidy/tidy --update

test-integration: kernel iso image $(call image_of,minimal)
	$(Q)DEBUG=$(DEBUG) tests/integration/run

define MISSING_LEVEL
$(1):
	@echo "make: $(2) is not in this tree" >&2; exit 1
endef
ifeq ($(wildcard tests/unit/unit.mk),)
$(eval $(call MISSING_LEVEL,test-unit,tests/unit/unit.mk))
endif
ifeq ($(wildcard tests/compatibility/compat.mk),)
$(eval $(call MISSING_LEVEL,test-compat,tests/compatibility/compat.mk))
endif
ifeq ($(wildcard tests/benchmarks/benchmarks.mk),)
$(eval $(call MISSING_LEVEL,benchmark,tests/benchmarks/benchmarks.mk))
endif
ifeq ($(wildcard tests/system/system.mk),)
$(eval $(call MISSING_LEVEL,test-system,tests/system/system.mk))
endif

# ---- the rest ----

install-deps:
	$(Q)scripts/install-deps

update-packages:
	$(Q)tools/image_builder/update-packages

clean:
	$(Q)if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +; fi

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: make qemu              boot to a shell on this terminal (Ctrl-A X leaves)
#: make test              every level that needs no hardware; the last line is the tally
#:
#: make kernel            build/x86_64/exo-kernel.elf
#: make image             build/x86_64/initramfs[-PROFILE].cpio
#: make iso               build/x86_64/exo-os.iso, boots under BIOS and UEFI
#: make tidy              layers, budgets, sizes, forbidden strings; `tools/tidy/tidy --sizes` lists rooms
#: make analyze           clang's warnings and clang-tidy
#: make test-unit         the kernel's rooms on the host, under sanitizers
#: make test-integration  boots in QEMU
#: make test-compat       the same programs on Linux and on Exo-OS
#: make test-native       the native calls, from programs inside
#: make libs              build/x86_64/libs/libexo_malloc.so
#: make examples          build/x86_64/examples; in the image /usr/lib/exo/examples
#: make test-libs         the libraries of programs, here and inside
#: make test-system       long runs: stress, whole test suites of others
#: make benchmark         Exo-OS against Debian's kernel under the same emulator
#: make benchmark-native  cycles on this CPU: heap, rings, scheduler, switch, locks, capabilities beside Linux's own
#: make qemu-gdb, gdb     stop before the first instruction; attach (two terminals)
#: make qemu-linux        the same image on Debian's kernel
#: make install-deps      what make qemu and make test install by themselves
#: make update-packages   pin the present versions of Debian's packages
#: make clean             all but the download cache
#:
#: ARCH=x86_64  SMP=2  MEM=512M  PROFILE=default|minimal|python|devel|programs|build|node|java|cpython|stress  DEBUG=1 (checks; build/ARCH-debug)
#: CC=clang (the kernel alone; build/ARCH-clang)
