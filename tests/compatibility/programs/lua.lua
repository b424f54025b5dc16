-- Every library of Lua, told to standard output.
local function show(...) print(...) end
show(_VERSION, math.type(1), math.type(1.0), 7 // 2, 7 % -3, 1 << 62, 3 | 4, ~0, 2 ^ 0.5, 10 / 2, "10" + 5, 0x7fffffffffffffff + 1)
show(string.format("%5.2f|%-5s|%x|%q|%g", math.pi, "ab", 255, "a\nb", 1e100), ("x"):rep(3, "-"), ("héllo"):len(), utf8.len("héllo"))
show(("hello world"):gsub("o", "0"), ("key=val"):match("(%w+)=(%w+)"), ("abc"):byte(1, -1), ("a,b,c"):find(",", 1, true))
for k in ("one two three"):gmatch("%a+") do io.write(k, ";") end
show()
show(string.unpack("<i4 z", string.pack("<i4 z", -5, "end")))
local t = {5, 2, 8, 1, 9}
table.sort(t, function(a, b) return a > b end)
show(table.concat(t, ","), #t, table.unpack(t, 2, 3))
table.insert(t, 1, 0); table.remove(t); table.move(t, 1, 2, 4)
show(table.concat(t, ","), select("#", nil, nil), next({}), rawlen(t), rawequal(t, t))
local mt = setmetatable({}, {__index = function(_, k) return k .. "!" end, __call = function(_, x) return x * 2 end,
	__tostring = function() return "object" end, __len = function() return 42 end, __close = function() show("closed") end})
show(mt.field, mt(21), tostring(mt), #mt)
do local c <close> = mt; local k <const> = 5; show("in block", k) end
local co = coroutine.wrap(function(a) for i = 1, 3 do a = coroutine.yield(a * i) end return "done" end)
show(co(1), co(2), co(3), co(4))
show(pcall(error, {code = 1}) == false, select(2, pcall(error, "msg", 0)), xpcall(function() error("x") end, function(m) return "handled" end))
show(select(2, load("return +")), load("return ...", "chunk", "t", {})(7), string.dump(function() end):sub(2, 4))
local name = os.tmpname()
local f = assert(io.open(name, "w+")); f:write("line 1\n", 2.5, "\n", "rest"); f:seek("set")
show(f:read("l", "n", "L", "a")); f:close(); show(io.type(f), #io.open(name):read("a"))
for l in io.lines(name) do io.write("[", l, "]") end
show(); show(os.rename(name, name .. "x"), os.remove(name .. "x"), select(3, os.remove(name)), select(2, io.open("/none")))
local p = io.popen("seq 3; exit 4"); show(p:read("a"):gsub("\n", " "), p:close()); show(os.execute("exit 3")); show(os.execute("kill -9 $$"))
show(os.date("!%Y-%m-%d", 0), os.time({year = 2000, month = 1, day = 1, hour = 12}) > 0, os.getenv("LC_ALL"), os.clock() >= 0, os.difftime(3, 1))
show(math.max(3, 9, 2), math.fmod(7, 3), math.tointeger(3.0), math.ult(1, -1), math.huge, -math.huge, math.floor(-1.5), math.abs(-3))
math.randomseed(42); local sum = 0; for _ = 1, 1000 do sum = sum + math.random(10) end; show(sum > 4500 and sum < 6500)
local before = collectgarbage("count"); do local junk = {}; for i = 1, 100000 do junk[i] = {i} end end
collectgarbage(); show(collectgarbage("count") < before + 1000, collectgarbage("generational"), collectgarbage("incremental"))
local weak = setmetatable({}, {__mode = "k"}); weak[{}] = 1; collectgarbage(); show(next(weak))
show(debug.getinfo(1, "l").currentline, debug.traceback("tb"):match("^tb"), #arg == 0, package.config:sub(1, 1))
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
local sieve, primes = {}, 0
for i = 2, 20000 do if not sieve[i] then primes = primes + 1 for j = i * i, 20000, i do sieve[j] = true end end end
local s = {}; for i = 1, 20000 do s[#s + 1] = i .. "" end
show(fib(22), primes, #table.concat(s)); goto done; show("not here"); ::done::
local deep = 0; local function down() deep = deep + 1; return 1 + down() end; show(pcall(down)); show(deep > 1000)
