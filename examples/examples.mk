# SPDX-License-Identifier: MIT OR Apache-2.0
# The examples; they stand in the default image as /usr/lib/exo/examples/NAME. Static, because one of them starts in capability
# mode, where nothing can be opened by a path, not even a C library; and by musl, because it makes them small.
EXAMPLES_CC ?= musl-gcc
EXAMPLES_OUT := build/$(ARCH)/examples
EXAMPLES := $(patsubst examples/%.c,$(EXAMPLES_OUT)/%,$(sort $(wildcard examples/*.c)))
EXAMPLES_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Os -Wall -Wextra -Werror -Ilibs -static -s -pthread \
	-fno-asynchronous-unwind-tables -ffunction-sections -Wl,-z,noseparate-code,-z,norelro,--build-id=none,--gc-sections

.PHONY: examples
examples: $(EXAMPLES)

$(EXAMPLES_OUT)/%: examples/%.c $(wildcard libs/exo_abi/*native*.h libs/exo_ipc/*.h libs/exo_std/*.h libs/exo_types/*.h) examples/examples.mk
	@mkdir -p $(@D)
	$(Q)$(EXAMPLES_CC) $(EXAMPLES_CFLAGS) -o $@ $<
