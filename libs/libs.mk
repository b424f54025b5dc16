# SPDX-License-Identifier: MIT OR Apache-2.0
# The libraries of programs that are more than headers, the tests of all of them.
#   make libs        build/x86_64/libs/libexo_malloc.so
#   make test-libs   on the host and inside; TALLY in build/tally/libs
LIBS_OUT := build/$(ARCH)/libs
LIBS_TEST_OUT := build/$(ARCH)/tests/libs
LIBS_CC ?= gcc
LIBS_CFLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Wshadow -Werror -Ilibs

.PHONY: libs test-libs libs-tests

libs: $(LIBS_OUT)/libexo_malloc.so

$(LIBS_OUT)/libexo_malloc.so: $(wildcard libs/exo_malloc/*.[ch]) libs/libs.mk
	@mkdir -p $(@D)
	$(Q)$(LIBS_CC) $(LIBS_CFLAGS) -fPIC -shared -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
		-Wl,-soname,libexo_malloc.so -pthread -o $@ $(filter %.c,$^)

# The stress test plain, and with the allocator under names of its own below the sanitizers.
LIBS_STRESS := tests/libs/malloc_stress.c $(wildcard libs/exo_malloc/*.c)
$(LIBS_TEST_OUT)/malloc_stress: tests/libs/malloc_stress.c libs/libs.mk
	@mkdir -p $(@D)
	$(Q)$(LIBS_CC) $(LIBS_CFLAGS) -fno-builtin -pthread -o $@ $<
$(LIBS_TEST_OUT)/malloc_stress_asan: $(LIBS_STRESS) $(wildcard libs/exo_malloc/*.h) libs/libs.mk
	@mkdir -p $(@D)
	$(Q)$(LIBS_CC) $(LIBS_CFLAGS) -O1 -DEXO_MALLOC_PREFIX -fsanitize=address,undefined -fno-sanitize-recover=undefined -pthread -o $@ $(LIBS_STRESS)
$(LIBS_TEST_OUT)/malloc_stress_tsan: $(LIBS_STRESS) $(wildcard libs/exo_malloc/*.h) libs/libs.mk
	@mkdir -p $(@D)
	$(Q)$(LIBS_CC) $(LIBS_CFLAGS) -O1 -DEXO_MALLOC_PREFIX -fsanitize=thread -pthread -o $@ $(LIBS_STRESS)

# One binary for Linux and Exo-OS.
$(LIBS_TEST_OUT)/portable: tests/libs/portable.c $(wildcard libs/exo_ipc/*.h libs/exo_std/*.h libs/exo_abi/*.h libs/exo_types/*.h) libs/libs.mk
	@mkdir -p $(@D)
	$(Q)$(LIBS_CC) $(LIBS_CFLAGS) -D_GNU_SOURCE -static -pthread -o $@ $<

libs-tests: libs $(LIBS_TEST_OUT)/portable $(addprefix $(LIBS_TEST_OUT)/malloc_stress,_asan _tsan) $(LIBS_TEST_OUT)/malloc_stress

test-libs: libs-tests examples kernel image $(BUILD)/initramfs-python.cpio
	$(Q)DEBUG=$(DEBUG) tests/libs/run
