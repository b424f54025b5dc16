# How the kernel is built, which rooms it has and in which layers they stand.
#
# An #include goes to the same or a lower layer; tools/tidy reads the lines below.
# layer 0: base sync debug
# layer 1: arch
# layer 2: memory time
# layer 3: security scheduler
# layer 4: ipc
# layer 5: drivers fs net power containers
# layer 6: posix_x ai
# layer 7: syscall boot
# Sideways edges: upward calls that are plain functions with a contract in the callee's header.
# sideways: sync -> scheduler
# sideways: sync -> arch
# sideways: debug -> arch
# sideways: debug -> memory
# sideways: debug -> time
# sideways: debug -> scheduler
# sideways: arch -> memory
# sideways: arch -> time
# sideways: arch -> scheduler
# sideways: arch -> posix_x
# sideways: arch -> security
# sideways: arch -> drivers
# sideways: memory -> fs
# sideways: memory -> scheduler
# sideways: memory -> posix_x
# sideways: memory -> security
# sideways: time -> scheduler
# sideways: time -> security
# sideways: security -> scheduler
# sideways: scheduler -> posix_x
# sideways: ipc -> fs
# sideways: ipc -> posix_x
# sideways: drivers -> posix_x
# sideways: fs -> posix_x
# sideways: net -> posix_x
# sideways: fs -> syscall
#
# Budgets, source lines of code without comments and blanks.
# budget: base 1000
# budget: sync 1050
# budget: debug 650
# budget: arch 6520
# budget: memory 4600
# budget: time 440
# budget: security 850
# budget: scheduler 2320
# budget: ipc 1800
# budget: drivers 4550
# budget: fs 10570
# budget: net 2550
# budget: posix_x 8300
# budget: syscall 5590
# budget: boot 500

# `make kernel CC=clang` and KCC=clang say the same. What clang builds stands apart: objects of two compilers do not mix.
KCC      ?= $(if $(findstring command,$(origin CC)),$(CC),gcc)
KOUT     := $(BUILD)$(if $(findstring clang,$(KCC)),-clang)
KBUILD   := $(KOUT)/kernel
KLD      ?= ld
KNM      ?= nm
KROOMS   := base sync debug memory time security scheduler ipc drivers fs net power posix_x syscall boot
KSRCS    := $(sort $(wildcard kernel/*.c) $(shell find $(addprefix kernel/,$(KROOMS)) kernel/arch/$(ARCH) \
            -name offsets.c -prune -o -path '*/vdso/*' -prune -o \( -name '*.c' -o -name '*.S' \) -print 2>/dev/null))
KOBJS    := $(patsubst %,$(KBUILD)/%.o,$(KSRCS))

KWARN    := -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wmissing-prototypes -Wstrict-prototypes \
            -Wimplicit-fallthrough -Wnull-dereference -Wframe-larger-than=1024 -Wno-unused-parameter
KINC     := -Ikernel/include -Ikernel/arch/$(ARCH)/include -I$(KBUILD)/generated -Ilibs -Ikernel
KCFLAGS  := -std=gnu17 -ffreestanding -nostdinc -isystem $(shell $(KCC) -print-file-name=include) \
            -O2 -g -fno-pic -fno-pie -fno-strict-aliasing -fno-common -fno-delete-null-pointer-checks -fwrapv \
            -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fstack-protector-strong $(KWARN) $(KINC)
# The memory functions must not be recognised as loops that call themselves.
KCFLAGS_string.c := -fno-builtin $(if $(findstring clang,$(KCC)),,-fno-tree-loop-distribute-patterns)
KASFLAGS := -D__ASSEMBLER__ $(KINC) -g
include kernel/arch/$(ARCH)/arch.mk
KCFLAGS  += $(KARCH_CFLAGS)
ifeq ($(DEBUG),1)
KCFLAGS  += -DEXO_DEBUG=1 -fsanitize=undefined -fsanitize-undefined-trap-on-error -fno-sanitize=alignment,null
KASFLAGS += -DEXO_DEBUG=1
# KASAN where the compiler has it: inline checks against the shadow at KASAN_OFFSET (arch.mk). Functions that touch memory without
# being instrumented are wrapped: kernel/debug/kasan.c checks their arguments.
KASAN_FLAGS := -fsanitize=kernel-address $(if $(findstring clang,$(KCC)),$(addprefix -mllvm -asan-,mapping-offset=$(KASAN_OFFSET) \
               stack=1 globals=1 instrumentation-with-call-threshold=1000000 max-inline-poisoning-size=65536),\
               -fasan-shadow-offset=$(KASAN_OFFSET) $(addprefix --param asan-,stack=1 globals=1 instrumentation-with-call-threshold=1000000))
KASAN_WRAP  := memcpy memmove memset copy_from_user copy_to_user copy_from_user_partial copy_to_user_partial arch_page_clear arch_page_copy
ifeq ($(shell $(KCC) $(KASAN_FLAGS) -x c -S -o /dev/null /dev/null 2>/dev/null && echo yes),yes)
KCFLAGS  += -DEXO_KASAN=1 -DKASAN_OFFSET=$(KASAN_OFFSET)
KASFLAGS += -DEXO_KASAN=1
KARCH_LDFLAGS += $(addprefix --wrap=,$(KASAN_WRAP))
# Not instrumented: what implements the checks, and what follows frame pointers over stacks of any state.
KASAN_OFF := kasan.c backtrace.c
kasan_flags = $(if $(filter $(KASAN_OFF),$(notdir $(1))),,$(KASAN_FLAGS) -Wframe-larger-than=3072)
endif
endif

KOFFSETS := $(KBUILD)/generated/offsets.h
KELF     := $(KOUT)/exo-kernel.elf

.PHONY: kernel
kernel: $(KELF)

# Constants for assembly, taken from the C structs: offsets.c holds lines  OFFSET(NAME, struct x, field);
$(KOFFSETS): kernel/arch/$(ARCH)/offsets.c $(wildcard kernel/include/*/*.h kernel/arch/$(ARCH)/include/*/*.h) kernel/kernel.mk
	@mkdir -p $(@D)
	@$(KCC) $(KCFLAGS) -S -o $@.s $<
	@sed -n 's/^.*->\([A-Za-z_0-9]*\) [$$#]*\(-*[0-9]*\).*$$/#define \1 \2/p' $@.s >$@.tmp && mv $@.tmp $@

$(KBUILD)/%.c.o: %.c kernel/kernel.mk kernel/arch/$(ARCH)/arch.mk | $(KOFFSETS)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(KCC) $(KCFLAGS) $(KCFLAGS_$(notdir $<)) $(call kasan_flags,$<) -MMD -MP -c -o $@ $<

$(KBUILD)/%.S.o: %.S kernel/kernel.mk kernel/arch/$(ARCH)/arch.mk | $(KOFFSETS)
	@mkdir -p $(@D)
	@echo "  AS    $<"
	@$(KCC) $(KASFLAGS) -MMD -MP -c -o $@ $<

# Linked twice: the symbol table for backtraces and the places that KASLR changes are found in the first image and stand last in the
# second, so nothing moves.
$(KELF): $(KOBJS) kernel/arch/$(ARCH)/link.ld scripts/kernel-symbols scripts/kernel-relocations
	@echo "  LD    $@"
	@{ scripts/kernel-symbols && scripts/kernel-relocations; } </dev/null >$(KBUILD)/symbols0.S && $(KCC) -c -o $(KBUILD)/symbols0.o $(KBUILD)/symbols0.S
	@$(KLD) $(KARCH_LDFLAGS) -S --emit-relocs -T kernel/arch/$(ARCH)/link.ld -o $(KBUILD)/pass1.elf $(KOBJS) $(KBUILD)/symbols0.o
	@{ $(KNM) -n $(KBUILD)/pass1.elf | scripts/kernel-symbols && readelf -rW $(KBUILD)/pass1.elf | scripts/kernel-relocations; } \
		>$(KBUILD)/symbols.S && $(KCC) -c -o $(KBUILD)/symbols.o $(KBUILD)/symbols.S
	@$(KLD) $(KARCH_LDFLAGS) -T kernel/arch/$(ARCH)/link.ld -o $@.tmp $(KOBJS) $(KBUILD)/symbols.o && mv $@.tmp $@

-include $(KOBJS:.o=.d)
