# image programs 1G 300
# s6: a tree of services; killed ones come back, down ones stay down, the tree ends as a whole.
until_true() { local i; for i in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; echo "never: $*"; }
mkdir -p scan/one scan/once/x scan/logged/log store; rmdir scan/once/x
cat >scan/one/run <<'X'
#!/bin/sh
echo started >>../../one.log
exec sleep 1000
X
printf '#!/bin/sh\necho "finish $1 $2" >>../../one.log\n' >scan/one/finish
printf '#!/bin/sh\necho ran >>../../once.log\nexit 3\n' >scan/once/run; touch scan/once/down
printf '#!/bin/sh\necho from the service\nexec 2>&1\nexec sleep 1000\n' >scan/logged/run
printf "#!/bin/sh\nexec s6-log t $PWD/store\n" >scan/logged/log/run
mkdir scan/ready; printf '#!/bin/sh\nsleep 0.2; echo >&3; exec sleep 1000\n' >scan/ready/run; echo 3 >scan/ready/notification-fd
chmod +x scan/*/run scan/*/finish scan/logged/log/run
s6-svscan scan & tree=$!
pid_of() { s6-svstat -o pid scan/$1; }
until_true s6-svok scan/one; until_true test -s one.log; until_true s6-svok scan/ready
s6-svwait -t 20000 -U scan/ready; echo "ready: $?"
s6-svwait -t 20000 -u scan/one; echo "up: $?"; s6-svstat -o up,wantedup,ready,paused scan/one; s6-svstat -o up,wantedup scan/once
first=$(pid_of one); kill -KILL "$first"
changed() { local now; now=$(pid_of one); [ "$now" -gt 1 ] && [ "$now" != "$first" ]; }
until_true changed; until_true sh -c '[ $(grep -c started one.log) = 2 ]'; cat one.log
for i in 1 2; do first=$(pid_of one); kill -KILL "$first"; until_true changed; done; until_true sh -c '[ $(grep -c started one.log) = 4 ]'; grep -c started one.log
s6-svc -wD -d scan/one; s6-svstat -o up,wantedup scan/one; tail -n 1 one.log; s6-svc -wu -u scan/one; s6-svstat -o up scan/one
s6-svc -p scan/one; until_true sh -c '[ $(s6-svstat -o paused scan/one) = true ]'; s6-svstat -o paused scan/one; ps -o stat= -p $(pid_of one) | cut -c1; s6-svc -c scan/one; until_true sh -c '[ $(s6-svstat -o paused scan/one) = false ]'
s6-svc -o scan/once; until_true sh -c '[ $(s6-svstat -o exitcode scan/once) = 3 ]'; cat once.log; s6-svstat -o up,exitcode scan/once; s6-svdt scan/one | wc -l
until_true grep -q service store/current; sed 's/^@[0-9a-f]* //' store/current; s6-tai64nlocal <store/current | cut -c1-2
supervisor=$(ps -o ppid= -p $(pid_of one)); kill -KILL $supervisor; until_true s6-svok scan/one; until_true test "$(s6-svstat -o up scan/one)"; echo supervisor back; kill -KILL "$(pgrep -f 'sleep 1000' | head -n 1)"
mkdir scan/late; printf '#!/bin/sh\nexec sleep 1000\n' >scan/late/run; chmod +x scan/late/run; s6-svscanctl -a scan; until_true s6-svok scan/late; s6-svwait -t 20000 -u scan/late; echo "late: $?"
s6-ftrig-wait 2>/dev/null; echo $?; mkdir ev; s6-mkfifodir ev/d; (s6-ftrig-listen1 -t 20000 ev/d 'x' s6-ftrig-notify ev/d wx); echo; s6-setlock -n lock true; echo $?; (s6-setlock lock sleep 0.5 & sleep 0.2; s6-setlock -n lock true 2>/dev/null; echo $?; wait)
(s6-ipcserver sock cat & server=$!; until_true test -S sock; echo over the socket | s6-ipcclient sock sh -c 'read -r x; echo "$x" >&7; read -r x <&6; echo "$x"'; kill $server; wait $server 2>/dev/null)
s6-softlimit -o 20 sh -c 'ulimit -n'; s6-envuidgid nobody s6-setuidgid nobody id -un 2>/dev/null; echo val >ev/NAME; mkdir env; echo val >env/NAME; s6-envdir env sh -c 'echo $NAME'; s6-fghack true; echo $?; s6-sudo 2>/dev/null; s6-cleanfifodir ev/d; echo $?
s6-svscanctl -t scan; wait $tree; echo "tree: $?"; for s in one once logged ready late; do s6-svok scan/$s || echo "$s gone"; done; sleep 0.3; pgrep -f 's6-[s]upervise' | wc -l
pkill -KILL -f 'sleep 1000'; true
