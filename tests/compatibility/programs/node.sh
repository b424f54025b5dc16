# image node 2G 400 long
# node --test of a small project: files, streams, watchers, children, workers, sockets, the thread pool.
cp -r /t/node project; cd project
node --test >log 2>&1; echo $?
grep -E '^(ok|not ok|    ok|    not ok|        ok|        not ok|# (tests|pass|fail|skipped|cancelled))|error:|code:' log | sed 's|/tmp/session.node/||; s/node-[A-Za-z0-9]*//'
node -e 'console.log(process.version.split(".")[0], process.platform, process.arch, [1, 2, 3].map(x => x ** 2))'
node -p 'let s = 0; for (let i = 0; i < 3e6; i++) s = (s * 31 + i) | 0; s'; echo 'console.log("in")' | node; node -e 'process.exit(7)'; echo $?; node -e 'throw new Error("x")' 2>/dev/null; echo $?
node -e 'let a = []; for (let i = 0; i < 200; i++) a.push(Buffer.alloc(1 << 20, i)); a = null; if (global.gc) gc(); console.log("allocated")' ; node --expose-gc -e 'gc(); console.log("gc")'
node -e 'process.on("SIGTERM", () => { console.log("term"); process.exit(4) }); process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 5000)'; echo $?
node --input-type=module -e 'import { readFile } from "fs/promises"; console.log((await readFile("/etc/hostname", "utf8")).trim()); console.log(await Promise.all([1, 2].map(async x => x + 1)))'
