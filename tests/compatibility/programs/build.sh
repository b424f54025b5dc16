# image build 2G 600 long
# gcc, g++, make and binutils build Lua, some 20,000 lines of C; what they have built runs. Debian's source of Lua
# holds no tests (its authors publish them apart), so lua.lua beside this file asks every library.
mkdir work; cp -r /t/build/src work; cd work/src
level=-O0; [ "$FULL" = 1 ] && level=-O2
make -j2 linux CFLAGS="-std=gnu99 -Wall $level -DLUA_COMPAT_5_3 -DLUA_USE_LINUX" >../log 2>&1; echo "make: $?"
grep -ci warning ../log; ls ./*.o | wc -l; ls lua luac liblua.a; make linux >../log 2>&1; echo "again: $?"; grep -c '^gcc.*-c' ../log
touch lmathlib.c; make -n linux 2>/dev/null | grep -c -- '-o lmathlib.o'
cp lua luac liblua.a lua.h lualib.h luaconf.h lauxlib.h ../..; cd ../..
./lua -v | cut -c1-9; ./lua /t/lua.lua
./luac -o c.luac /t/lua.lua && ./lua c.luac | md5sum; ./luac -l -p /t/lua.lua | grep -c CALL
echo 'print(1 + 1)' | ./lua -; ./lua -e 'error("x")' 2>&1 | tail -n 1; ./lua -e 'os.exit(7)'; echo $?
cat >embed.c <<'X'
#include <stdio.h>
#include "lauxlib.h"
#include "lualib.h"
static int twice(lua_State *L) { lua_pushinteger(L, 2 * luaL_checkinteger(L, 1)); return 1; }
int main(void)
{
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	lua_register(L, "twice", twice);
	int bad = luaL_dostring(L, "print(twice(21)); twice({})");
	printf("%d %s\n", bad, lua_tostring(L, -1));
	lua_close(L);
	return 0;
}
X
gcc -Wall -I. embed.c liblua.a -lm -ldl -o embed && ./embed; gcc -static -I. embed.c liblua.a -lm -o embed-static 2>/dev/null && ./embed-static | md5sum
cat >mod.c <<'X'
#include "lauxlib.h"
static int hello(lua_State *L) { lua_pushliteral(L, "hello from a module"); return 1; }
int luaopen_mod(lua_State *L) { lua_pushcfunction(L, hello); return 1; }
X
gcc -shared -fPIC -I. mod.c -o mod.so && LUA_CPATH='./?.so' ./lua -e 'print(require("mod")())'
cat >t.cc <<'X'
#include <algorithm>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
int main()
{
	std::map<std::string, int> m{{"one", 1}, {"two", 2}};
	for (auto &[k, v] : m)
		std::cout << k << v << '\n';
	try {
		std::vector<int>().at(3);
	} catch (const std::out_of_range &) {
		std::cout << "caught\n";
	}
	std::vector<int> sums(4);
	std::vector<std::thread> threads;
	for (int i = 0; i < 4; i++)
		threads.emplace_back([&sums, i] { for (int j = 0; j <= 1000; j++) sums[i] += j; });
	for (auto &t : threads)
		t.join();
	std::cout << *std::max_element(sums.begin(), sums.end()) << '\n';
}
X
g++ -std=c++17 -O1 -Wall -pthread t.cc -o t && ./t; strip t && ./t | wc -l
echo 'int x = ;' >bad.c; gcc -c bad.c 2>&1 | grep -c error; make -f - <<'X' 2>&1
all: a b
	@echo all of it
a b:
	@echo $@
fails:
	@false
.PHONY: all
X
printf 'x:\n\t@exit 3\n' | make -f - >/dev/null 2>&1; echo "make: $?"; (printf 'x: '; seq -s ' ' 40; printf '%%:\n\t@sleep 0.01; echo >$@.done\n') | make -j8 -f - >/dev/null 2>&1; ls ./*.done | wc -l
nm liblua.a | grep -c ' T lua_'; gcc -g -c embed.c && objdump -d embed.o | grep -c '<main>:'; readelf -h lua | grep -E 'Class|Type|Machine'; size embed.o | wc -l; addr2line -e /dev/null 0 2>/dev/null; ar t liblua.a | wc -l; ar rcs two.a embed.o && ranlib two.a && nm -s two.a | grep -c main
printf '.globl _start\n_start: mov $60,%%eax\n mov $42,%%edi\n syscall\n' >s.s; as s.s -o s.o && ld s.o -o s && ./s; echo $?; objcopy -O binary -j .text s.o s.bin; stat -c %s s.bin; strings lua | grep -c 'Lua 5.4'; c++filt _ZN3foo3barEv
gcc -O2 -flto=1 -x c - -o lto <<<'int main(void) { return 3; }' 2>/dev/null; gcc -E - <<<'__x86_64__' | tail -n 1; gcc -fsyntax-only -pipe -x c - <<<'int main(void) { return 0; }'; echo $?
