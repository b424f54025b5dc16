# image programs 1G 300
# tmux and vim on terminals; what is compared is the screen.
export LC_ALL=C.UTF-8 TMUX_TMPDIR=$PWD PS1='$ ' HISTFILE=
k() { t send-keys -t s:0.0 "$@"; }
t() { tmux -f /dev/null -L s "$@"; }
shown() { # TEXT: until the pane shows it
	local i
	for i in $(seq 200); do t capture-pane -p -t "s:0.${2:-0}" | grep -q -- "$1" && return 0; sleep 0.05; done
	echo "never shown: $1"; t capture-pane -p -t "s:0.${2:-0}"
}
settle() { # until the screen has stood still for most of a second
	local i same=0 last= now
	for i in $(seq 100); do
		now=$(t capture-pane -p -t "s:0.${1:-0}" 2>/dev/null)
		if [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
		[ $same -ge 6 ] && return
		last=$now
		sleep 0.1
	done
}
screen() { settle "${2:-0}"; echo "--- $1"; t capture-pane -p -t "s:0.${2:-0}" | sed 's/[[:space:]]*$//' | cat -s; }
echo "PS1='$ '" >rc; t new-session -d -s s -x 80 -y 24 "exec bash --noprofile --rcfile $PWD/rc"; t set -g status off; t set -g history-limit 1000; t set -g assume-paste-time 0; shown '\$'
k 'stty size; echo $TERM; tty | cut -c1-9' Enter; shown /dev/pts; screen start
k 'clear; printf "\033[5;10Hat 5,10\033[31mred\033[0m\033[2;1Htop\033[10;1H"; seq 3' Enter; shown '^3'; screen positions
t capture-pane -p -e -t s:0.0 | grep -c '31m'
t split-window -t s:0 -h 'exec cat'; t send-keys -t s:0.1 typed Enter; shown 'typed' 1; screen cat 1; t list-panes -t s:0 -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_current_command}'
t resize-pane -t s:0.0 -x 30; settle; k 'clear; stty size' Enter; shown '24 30'; t kill-pane -t s:0.1; settle; k 'clear; stty size' Enter; shown '24 80'
k 'clear; sleep 100' Enter; settle; k C-c; k 'echo status=$?' Enter; shown 'status=130'
k 'clear; cat' Enter; settle; k C-z; shown Stopped; k 'fg' Enter; settle; k 'after' Enter; shown after; k C-d; settle; screen jobs
t set-buffer 'echo pasted text'; t paste-buffer -t s:0.0; k Enter; shown '^pasted'; t new-window -t s -n other 'seq 200; exec sleep 100'; t list-windows -t s -F '#I #W #{window_panes}'; settle; t capture-pane -t s:1 -p -S - | grep -c .
t copy-mode -t s:1; t send-keys -t s:1 -X history-top; t send-keys -t s:1 -X begin-selection; t send-keys -t s:1 -X -N 2 cursor-down; t send-keys -t s:1 -X end-of-line; t send-keys -t s:1 -X copy-selection-and-cancel; t show-buffer; t kill-window -t s:1; t wait-for -S c; t wait-for c; t display-message -t s -p '#{session_windows}'
printf 'line %s\n' 1 2 3 4 5 6 7 8 9 10 >file
k 'clear; vim.tiny -u NONE -i NONE file' Enter; shown 'line 10'; screen vim
k '3Gddp' 'Oinserted above' Escape; shown 'inserted above'; k ':%s/line/LINE/g' Enter; shown 'LINE 10'; k ':set number' Enter; shown ' 1 LINE'; screen edited
k ':5,7d' Enter; k u; k C-r; k '/LINE 9' Enter; k '~w'; k 'G' 'o' 'tail é ü' Escape; shown 'tail'; k ':split' Enter; settle; screen split
k ':!echo from the shell' Enter; shown 'from the shell'; k Enter; k ':r !seq 3' Enter; settle; k C-z; shown Stopped; k 'clear; fg' Enter; shown 'tail'; k ':wqa' Enter; settle; cat file
t resize-window -t s:0 -x 60 -y 15; k 'clear; stty size' Enter; shown '15 60'; k 'clear; vim.tiny -u NONE -i NONE -R file' Enter; shown 'line 4'; t resize-window -t s:0 -x 50 -y 10; settle; screen resized; k ':q' Enter; settle
vim.tiny -u NONE -i NONE -es -c '%s/LINE/x/' -c 'g/x/normal A!' -c 'wq! out' file; head -n 3 out; vim.tiny -u NONE -e -s file </dev/null -c 'cq'; echo $?; ls -a | grep -c swp
cat >dialogue <<'X'
wait $
send echo in$((1))side\n
wait in1side
send \x02d
wait detached
X
TERM=xterm /t/pty-session dialogue tmux -f /dev/null -L s attach >out; tail -n 1 out
t kill-session -t nothing 2>&1; t kill-server; settle; t ls 2>&1 | sed 's/s$//; s|/.*||'; tmux -V
printf 'wait small\nsend ihello\\e:wq\\n\n' >dialogue; TERM=vt100 /t/pty-session dialogue vim.tiny -u NONE -i NONE small >out; tail -n 1 out; cat small
