# SPDX-License-Identifier: MIT OR Apache-2.0
# The examples, static programs; they stand in the default image as /usr/lib/exo/examples/NAME.
EXAMPLES_OUT := build/$(ARCH)/examples
EXAMPLES := $(patsubst examples/%.c,$(EXAMPLES_OUT)/%,$(sort $(wildcard examples/*.c)))
EXAMPLES_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Ilibs -static -s -pthread

.PHONY: examples
examples: $(EXAMPLES)

$(EXAMPLES_OUT)/%: examples/%.c $(wildcard libs/exo_abi/*native*.h libs/exo_ipc/*.h libs/exo_std/*.h libs/exo_types/*.h) examples/examples.mk
	@mkdir -p $(@D)
	$(Q)$(LIBS_CC) $(EXAMPLES_CFLAGS) -o $@ $<
