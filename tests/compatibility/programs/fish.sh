# image programs 1G 300
# fish: its language, its threads, universal variables, a terminal.
export HOME=$PWD/home XDG_CONFIG_HOME=$PWD/home/config XDG_DATA_HOME=$PWD/home/data XDG_RUNTIME_DIR=$PWD/home/run; mkdir -p home/config home/data home/run; chmod 700 home/run
f() { fish --no-config "$@"; }
f -c 'for i in 1 2 3; echo $i; end; set -l x a b c; echo $x[2] (count $x) $x[-1..1]'
f -c 'function g; echo (string upper $argv[1]); return 7; end; g hello; echo $status'
f -c 'if test 1 -lt 2; and not false; echo logic; else; echo no; end; switch abc; case "a*"; echo glob; case "*"; echo other; end'
f -c 'echo (math "2 ^ 10 + 5 / 2") (math -s0 7 / 2) (string split , a,b,c) | string replace b X'
f -c 'string match -r "(\w+)-(\d+)" abc-42; string length hello; string sub -s 2 -l 3 hello; string pad -w 6 x; string repeat -n 3 ab'
f -c 'echo one >file; echo two >>file; cat <file | while read -l line; echo "[$line]"; end; seq 5 | sort -r | head -n 2'
f -c 'begin; echo out; echo err >&2; end 2>&1 | sort; cat nothing 2>/dev/null; echo $status; true | false | true; echo $pipestatus'
f -c 'touch a1 a2 b1; echo a*; echo *1; echo {x,y}{1,2}; mkdir -p p/q; touch p/q/deep; echo **/deep'
f -c 'echo nothing*x' 2>/dev/null; echo "no match: $status$?"
f -c 'sleep 50 & kill $last_pid; wait; echo waited' 2>/dev/null
f -c 'function h --on-signal USR1; echo caught; end; kill -USR1 $fish_pid; sleep 0.1; echo after'
f -c 'function e --on-event boom; echo event $argv; end; emit boom 1; function v --on-variable x; echo x is $x; end; set -g x 5'
f -c 'function bye --on-event fish_exit; echo bye; end; exit 3'; echo $?
f -c 'set -gx EXPORTED yes; sh -c "echo \$EXPORTED"; set -e EXPORTED; set -q EXPORTED; echo $status'
f -c 'echo (cat (echo x | psub)); set -l big (seq 20000); count $big; seq 20000 | string match "*99" | count'
f -c 'for i in (seq 100); command true; end; echo hundred; cd /; pwd; cd -; test -d p; and echo back'
fish -c 'set -U kept 42'; fish -c 'echo $kept'
f -c 'begin' 2>/dev/null; echo "syntax: $?"; f -n file >/dev/null 2>&1; f -c 'nosuchcommand' 2>/dev/null; echo $?
{ f -c 'kill -KILL $fish_pid'; } 2>/dev/null; echo $?
cat >dialogue <<'X'
wait #
send echo (math 20 + 1)\n
wait 21
send exit 6\n
X
TERM=dumb /t/pty-session dialogue fish --no-config -i >out; tail -n 1 out
true
