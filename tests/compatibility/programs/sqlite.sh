# image programs 1G 300
# sqlite3 on tmpfs: every journal mode, readers beside a writer, a writer killed in the midst, integrity_check after each.
check() { sqlite3 "$1" 'PRAGMA integrity_check; PRAGMA foreign_key_check; SELECT count(*), sum(id) FROM t;'; }
for mode in delete truncate persist memory off wal; do
	sqlite3 $mode.db "PRAGMA journal_mode=$mode; PRAGMA synchronous=full; CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, body BLOB); CREATE INDEX i ON t(name);
		WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000) INSERT INTO t SELECT x, 'name' || (x * 7919 % 2003), zeroblob(x % 300) FROM n;
		BEGIN; UPDATE t SET name = name || '!' WHERE id % 3 = 0; DELETE FROM t WHERE id % 10 = 0; COMMIT;
		BEGIN; DELETE FROM t; ROLLBACK;" 2>&1
	[ $mode = off ] || check $mode.db
done
ls -- *.db-* 2>/dev/null
sqlite3 delete.db "SELECT name, length(body) FROM t ORDER BY name LIMIT 3; EXPLAIN QUERY PLAN SELECT * FROM t WHERE name = 'x'; VACUUM; PRAGMA page_count; PRAGMA freelist_count;"
# Eight writers at once: each waits for its turn.
for i in 1 2 3 4 5 6 7 8; do
	(for j in 1 2 3 4 5; do sqlite3 -cmd '.timeout 60000' delete.db "BEGIN IMMEDIATE; INSERT INTO t(name) VALUES('w$i'); COMMIT;"; done) &
	(for j in 1 2 3 4 5; do sqlite3 -cmd '.timeout 60000' wal.db "INSERT INTO t(name) VALUES('w$i');"; sqlite3 -cmd '.timeout 60000' wal.db 'SELECT count(*) > 1800 FROM t' >>seen; done) &
done
wait
sort -u seen
for db in delete wal; do check $db.db; sqlite3 $db.db "SELECT name, count(*) FROM t WHERE name GLOB 'w*' GROUP BY name"; done
# One holds the lock; another is told.
mkfifo hold
(printf 'BEGIN EXCLUSIVE;\nINSERT INTO t(name) VALUES(1);\n.shell echo locked >hold\n.shell cat hold >/dev/null\nROLLBACK;\n' | sqlite3 delete.db) &
read -r x <hold; echo "$x"; sqlite3 delete.db 'SELECT count(*) FROM t' 2>&1; echo $?; echo go >hold; wait
# Killed with a hot journal on the file: the next one rolls back.
for mode in delete wal; do
	mkfifo killed.$mode
	(printf 'PRAGMA cache_size=10; PRAGMA cache_spill=1;\nBEGIN;\nUPDATE t SET body = zeroblob(500);\n.shell echo ready >killed.%s\n.shell exec sleep 100\n' $mode | exec sqlite3 $mode.db >/dev/null) &
	writer=$!; read -r x <killed.$mode; echo "$x"
	[ $mode = wal ] || { [ -s $mode.db-journal ] && echo hot; }
	pkill -KILL -f "sqlite3 $mode.db"; pkill -KILL -f 'sleep 100'; wait $writer 2>/dev/null
	check $mode.db; sqlite3 $mode.db 'SELECT max(length(body)) FROM t'; ls $mode.db-journal 2>/dev/null
done 2>/dev/null
sqlite3 copy.db '.restore delete.db' && check copy.db; sqlite3 delete.db .dump | sqlite3 second.db && check second.db; sqlite3 delete.db '.backup b.db'; check b.db
head -c 20000 delete.db >broken.db; dd if=/dev/urandom of=broken.db bs=1 seek=5000 count=3000 conv=notrunc 2>/dev/null; sqlite3 broken.db 'PRAGMA integrity_check' >/dev/null 2>&1; sqlite3 broken.db 'SELECT count(*), sum(length(name)) FROM t' >/dev/null 2>&1; echo "broken: $?"
sqlite3 :memory: "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('the quick fox'), ('a slow dog'); SELECT x FROM f WHERE f MATCH 'quick'; SELECT json_extract('{\"a\":[1,2]}', '\$.a[1]'), date(0, 'unixepoch'), round(sqrt(2), 4); SELECT sum(x) OVER (ORDER BY x) FROM (SELECT 1 AS x UNION SELECT 2 UNION SELECT 3);"
{ (ulimit -f 100; sqlite3 full.db "CREATE TABLE t(id INTEGER PRIMARY KEY, b); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) INSERT INTO t SELECT x, zeroblob(1000) FROM n"); } 2>/dev/null; echo "limited: $?"; check full.db
chmod 444 second.db; sqlite3 'file:second.db?mode=ro&immutable=1' 'INSERT INTO t(name) VALUES(1)' 2>&1; sqlite3 /nonexistent/x.db 'SELECT 1' 2>&1; sqlite3 delete.db 'SELEC 1' 2>/dev/null; echo $?
seq 5000 | sed 's/.*/&,text &/' >in.csv; sqlite3 csv.db -cmd 'CREATE TABLE t(id INTEGER, s)' '.import --csv in.csv t'; check csv.db; sqlite3 -csv csv.db 'SELECT * FROM t' | tr -d '"\r' | cmp - in.csv && echo csv
sqlite3 mm.db "PRAGMA mmap_size=10000000; PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, b); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000) INSERT INTO t SELECT x, randomblob(200) FROM n; PRAGMA wal_checkpoint(TRUNCATE); SELECT count(*) FROM t;"; check mm.db
true
