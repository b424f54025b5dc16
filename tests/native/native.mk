# SPDX-License-Identifier: MIT OR Apache-2.0
# The native calls, tested from programs inside Exo-OS; one machine for all suites.

NATIVE_SRC := tests/native
NATIVE_OUT := build/$(ARCH)/tests/native
NATIVE_SUITES := $(patsubst $(NATIVE_SRC)/%.c,%,$(sort $(wildcard $(NATIVE_SRC)/*.c)))
NATIVE_TEST_CFLAGS := $(COMPAT_CFLAGS) -Itests/compatibility -Ilibs
NATIVE_HEADERS := $(wildcard $(NATIVE_SRC)/*.h libs/exo_ipc/*.h libs/exo_abi/*native* libs/exo_std/*.h libs/exo_types/*.h) tests/compatibility/t_.h

.PHONY: native-programs test-native

native-programs: $(NATIVE_SUITES:%=$(NATIVE_OUT)/%) $(NATIVE_OUT)/cxx.o

$(NATIVE_OUT)/%: $(NATIVE_SRC)/%.c $(NATIVE_HEADERS) $(COMPAT_OUT)/t_.o
	@mkdir -p $(@D)
	$(COMPAT_CC) $(NATIVE_TEST_CFLAGS) -static -s -pthread $< $(COMPAT_OUT)/t_.o -o $@

# The headers are good C++ too, and a channel takes no pointer to another type, nor an element that no slot holds.
NATIVE_WRONG := 'EXO_CHANNEL(int) c; exo_send(&c, "x", 0)' 'EXO_CHANNEL(int) c; long v; exo_recv(&c, &v, 0)' \
	'EXO_CHANNEL(struct{char b[57];}) c; exo_send(&c, c.element, 0)'
NATIVE_RIGHT := 'EXO_CHANNEL(int) c; int v = 1; exo_open(&c, 3); exo_send(&c, &v, 0); exo_recv(&c, &v, 0)' \
	'EXO_CHANNEL(struct{char b[56];}) c; exo_send(&c, c.element, 0)'
$(NATIVE_OUT)/cxx.o: $(wildcard libs/exo_ipc/*.h libs/exo_abi/*native*)
	@mkdir -p $(@D)
	@try() { echo "void f(void){$$2;}" | $$1 -Wall -Wextra -Werror -Ilibs -fsyntax-only -include exo_ipc/exo_channel.h -; }; \
	for to in "g++ -std=c++11 -x c++" "gcc -std=gnu11 -x c"; do \
		for code in $(NATIVE_RIGHT); do try "$$to" "$$code" || exit 1; done; \
		for code in $(NATIVE_WRONG); do ! try "$$to" "$$code" 2>/dev/null || { echo "$$to takes: $$code"; exit 1; }; done; \
	done; touch $@

test-native: native-programs kernel image
	$(Q)DEBUG=$(DEBUG) tests/native/run
