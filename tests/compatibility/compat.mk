# SPDX-License-Identifier: MIT OR Apache-2.0
# The compatibility tests: one program per family, static and dynamic, the same on Linux and on Exo-OS.
# Stands alone (`make -f tests/compatibility/compat.mk compat-programs`) or included by the Makefile.

ARCH ?= x86_64
COMPAT_CC ?= gcc
COMPAT_SRC := tests/compatibility
COMPAT_OUT := build/$(ARCH)/tests/compat
COMPAT_SUITES := $(filter-out t_,$(patsubst $(COMPAT_SRC)/%.c,%,$(sort $(wildcard $(COMPAT_SRC)/*.c))))
COMPAT_CFLAGS := -std=gnu17 -O1 -g0 -Wall -Wextra -Wshadow -Wno-unused-parameter \
	-Wno-nonnull -Wno-stringop-overread -Wno-infinite-recursion -Wno-stringop-overflow -Wno-array-bounds -pthread
COMPAT_PROGRAMS := $(foreach kind,static dynamic,$(COMPAT_SUITES:%=$(COMPAT_OUT)/$(kind)/%)) \
	$(COMPAT_OUT)/pty-session

.PHONY: compat-programs test-compat test-compat-host

compat-programs: $(COMPAT_PROGRAMS)

$(COMPAT_OUT)/t_.o: $(COMPAT_SRC)/t_.c $(COMPAT_SRC)/t_.h $(COMPAT_SRC)/t_pty.h tests/held_bytes.h
	@mkdir -p $(@D)
	$(COMPAT_CC) $(COMPAT_CFLAGS) -c $< -o $@

$(COMPAT_OUT)/obj/%.o: $(COMPAT_SRC)/%.c $(wildcard $(COMPAT_SRC)/t_*.h)
	@mkdir -p $(@D)
	$(COMPAT_CC) $(COMPAT_CFLAGS) -c $< -o $@

$(COMPAT_OUT)/static/%: $(COMPAT_OUT)/obj/%.o $(COMPAT_OUT)/t_.o
	@mkdir -p $(@D)
	$(COMPAT_CC) -static -s -pthread $^ -lm -o $@

$(COMPAT_OUT)/dynamic/%: $(COMPAT_OUT)/obj/%.o $(COMPAT_OUT)/t_.o
	@mkdir -p $(@D)
	$(COMPAT_CC) -s -pthread -Wl,--as-needed $^ -lm -o $@

$(COMPAT_OUT)/pty-session: $(COMPAT_SRC)/tools/pty-session.c
	@mkdir -p $(@D)
	$(COMPAT_CC) -std=gnu17 -O1 -Wall -Wextra -static -s $< -o $@

.SECONDARY: $(COMPAT_SUITES:%=$(COMPAT_OUT)/obj/%.o)

# Linux alone: what every suite must pass before it may judge anybody else.
test-compat-host: compat-programs
	$(COMPAT_SRC)/run --host-only

# Linux and Exo-OS, compared case by case. The kernel and the image come from the Makefile's own targets.
test-compat: compat-programs kernel image
	$(COMPAT_SRC)/run
